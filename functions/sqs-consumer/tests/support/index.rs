//! What stands in the embedded OpenSearch.

use local::opensearch::Client;
use serde_json::{Value, json};

/// Index and document of all that stands there.
pub(crate) async fn documents(client: &Client) -> Vec<Value> {
    let query = json!({"size": 1_000});
    let found = client.search("music-events-*", &query).await.unwrap();
    let hits = found.body()["hits"]["hits"].as_array().unwrap();
    let document = |hit: &Value| {
        let [id, own] =
            [&hit["_id"], &hit["_source"]["event"]["id"]].map(|id| id.as_str().unwrap());
        // As it is, or with a hash.
        let hash = id.strip_prefix(own).unwrap();
        assert!(matches!(hash.len(), 0 | 17), "{id}");
        json!({"index": hit["_index"], "document": hit["_source"]})
    };
    hits.iter().map(document).collect()
}

/// The ids of the documents.
pub(crate) async fn ids(client: &Client) -> Vec<String> {
    let id = |hit: Value| hit["document"]["event"]["id"].as_str().unwrap().to_owned();
    documents(client).await.into_iter().map(id).collect()
}
