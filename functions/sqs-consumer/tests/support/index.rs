//! What stands in the embedded OpenSearch.

use local::opensearch::{Client, Embedded, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME};
use serde_json::{Value, json};

/// An OpenSearch in this process, with the index template.
pub(crate) async fn embedded() -> Embedded {
    let embedded = Embedded::start().await.unwrap();
    client(&embedded).put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.unwrap();
    embedded
}

fn client(embedded: &Embedded) -> Client {
    Client::new(embedded.url()).unwrap()
}

/// Index and document of all that stands there.
pub(crate) async fn documents(embedded: &Embedded) -> Vec<Value> {
    let query = json!({"size": 1_000});
    let found = client(embedded).search("music-events*", &query).await.unwrap();
    let hits = found.body()["hits"]["hits"].as_array().unwrap();
    let document = |hit: &Value| {
        assert_eq!(hit["_id"], hit["_source"]["event"]["id"]);
        json!({"index": hit["_index"], "document": hit["_source"]})
    };
    hits.iter().map(document).collect()
}

/// The ids of the documents.
pub(crate) async fn ids(embedded: &Embedded) -> Vec<String> {
    let id = |hit: Value| hit["document"]["event"]["id"].as_str().unwrap().to_owned();
    documents(embedded).await.into_iter().map(id).collect()
}
