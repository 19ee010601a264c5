//! An OpenSearch in the test's own process.

use local::opensearch::{Client, Embedded, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME};

/// The embedded OpenSearch with the index template, and a client of it.
pub async fn opensearch() -> (Embedded, Client) {
    let embedded = Embedded::start().await.unwrap();
    let client = Client::new(embedded.url()).unwrap();
    client.put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.unwrap();
    (embedded, client)
}
