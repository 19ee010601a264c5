//! The servers of the tests.

use local::opensearch::{
    Choice, Client, Environment, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME, OpenSearch,
};
use tokio::sync::OnceCell;

/// The real server of this test binary, with the index template. If it is unavailable, prints a
/// message, and fails the test if `SLUICE_REQUIRE_REAL` is 1.
pub(crate) async fn real() -> Option<Client> {
    // Nothing drops it; it ends with this process.
    static REAL: OnceCell<Option<OpenSearch>> = OnceCell::const_new();
    let real = REAL.get_or_init(|| async { start().await.ok() }).await;
    let Some(real) = real else {
        assert!(!Environment::read().require_real, "SLUICE_REQUIRE_REAL=1, and no real OpenSearch");
        return None;
    };
    let client = Client::new(real.url()).unwrap();
    client.put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.unwrap();
    Some(client)
}

/// Starts a server, or prints why there is none.
async fn start() -> Result<OpenSearch, ()> {
    let started = OpenSearch::start(Choice::Real, |line| eprintln!("{line}")).await;
    started.map_err(|error| eprintln!("NOT RUN against a real OpenSearch, because {error}"))
}
