//! The OpenSearch servers of the tests.

use local::opensearch::{Client, Embedded, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME, OpenSearch};
use tokio::sync::OnceCell;

/// A server with the index template.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) client: Client,
    /// Ends with this value; the real server is shared, and ends with the process.
    embedded: Option<Embedded>,
}

impl Server {
    /// An embedded server for this test alone.
    pub(crate) async fn embedded() -> Self {
        let embedded = Embedded::start().await.unwrap();
        Self::with_template(embedded.url().to_owned(), Some(embedded)).await
    }

    /// The real server, shared by all tests: each has its own index. If it is unavailable, the
    /// embedded one; with `SLUICE_REQUIRE_REAL=1` that is a failure.
    pub(crate) async fn real_if_possible() -> Self {
        static REAL: OnceCell<Option<OpenSearch>> = OnceCell::const_new();
        match REAL.get_or_init(testkit::real_opensearch).await {
            Some(real) => Self::with_template(real.url().to_owned(), None).await,
            None => Self::embedded().await,
        }
    }

    async fn with_template(url: String, embedded: Option<Embedded>) -> Self {
        let client = Client::new(&url).unwrap();
        client.put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.unwrap();
        Self { url, client, embedded }
    }

    /// The embedded server, to make it fail on demand.
    pub(crate) fn faults(&self) -> &Embedded {
        self.embedded.as_ref().expect("only the embedded server fails on demand")
    }
}
