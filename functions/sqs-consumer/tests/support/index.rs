//! The content of the embedded OpenSearch.

use local::opensearch::Client;
use serde_json::{Value, json};

/// Index and document of everything in it; with the `_id` if the document has no `event.id`.
pub(crate) async fn documents(client: &Client) -> Vec<Value> {
    let query = json!({"size": 1_000});
    let found = client.search("music-events-*,events-*", &query).await.unwrap();
    let hits = found.body()["hits"]["hits"].as_array().unwrap();
    let document = |hit: &Value| {
        let id = hit["_id"].as_str().unwrap();
        let Some(own) = hit["_source"]["event"]["id"].as_str() else {
            return json!({"index": hit["_index"], "id": id, "document": hit["_source"]});
        };
        // Unchanged, or with a hash.
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
