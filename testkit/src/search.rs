//! The OpenSearch of a test.

use local::opensearch::{
    Choice, Client, Embedded, Environment, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME, OpenSearch,
};

/// The embedded OpenSearch with the index template, and a client of it.
pub async fn opensearch() -> (Embedded, Client) {
    let embedded = Embedded::start().await.unwrap();
    let client = Client::new(embedded.url()).unwrap();
    client.put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.unwrap();
    (embedded, client)
}

/// A real OpenSearch; `None`, and a message, if this machine cannot run one. With
/// `SLUICE_REQUIRE_REAL=1` this fails the test.
#[expect(clippy::print_stderr, reason = "a test must not pass in silence without its server")]
pub async fn real_opensearch() -> Option<OpenSearch> {
    match OpenSearch::start(Choice::Real, |line| eprintln!("{line}")).await {
        Ok(real) => Some(real),
        Err(error) => {
            let required = Environment::read().require_real;
            assert!(!required, "SLUICE_REQUIRE_REAL=1, and no real OpenSearch: {error}");
            eprintln!("NOT RUN against a real OpenSearch, because {error}");
            None
        }
    }
}
