//! Searches OpenSearch for the documents of the run.

use local::opensearch::{Client, ClientError};
use serde::Serialize;
use serde_json::json;

/// Number of artists in the report.
const TOP: u32 = 5;
/// Maximum number of actions in the report.
const ACTIONS: u32 = 10;

/// A value of a field with its number of documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Counted {
    pub(super) name: String,
    pub(super) documents: u64,
}

#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) documents: u64,
    pub(super) actions: Vec<Counted>,
    pub(super) artists: Vec<Counted>,
}

/// Counts the documents of `index`. A missing index has none.
pub(super) async fn search(client: &Client, index: &str) -> Result<Found, ClientError> {
    match client.refresh(index).await {
        Err(error) if error.kind() == Some("index_not_found_exception") => {
            return Ok(Found::default());
        }
        refreshed => refreshed?,
    }
    let documents = client.count(index).await?;
    let terms = |field: &str, size: u32| json!({ "terms": { "field": field, "size": size } });
    let query = json!({
        "size": 0,
        "aggs": {
            "actions": terms("event.action", ACTIONS),
            "artists": terms("artist.name", TOP),
        },
    });
    let reply = client.search(index, &query).await?;
    let counted = |aggregation: &str| {
        let buckets = reply.buckets(aggregation).into_iter();
        buckets.map(|(name, documents)| Counted { name, documents }).collect()
    };
    Ok(Found { documents, actions: counted("actions"), artists: counted("artists") })
}
