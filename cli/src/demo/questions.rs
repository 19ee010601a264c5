//! What OpenSearch is asked after the run: what it holds, not what was sent to it.

use local::opensearch::{Client, ClientError};
use serde::Serialize;
use serde_json::json;

/// How many artists the report names.
const TOP: u32 = 5;
/// How many actions the report counts at most.
const ACTIONS: u32 = 10;

/// A value of a field, and how many documents have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Counted {
    pub(super) name: String,
    pub(super) documents: u64,
}

/// OpenSearch's own account.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) documents: u64,
    pub(super) actions: Vec<Counted>,
    pub(super) artists: Vec<Counted>,
}

/// Asks for the documents of `index`: nothing was delivered if there is no such index.
pub(super) async fn ask(client: &Client, index: &str) -> Result<Answers, ClientError> {
    match client.refresh(index).await {
        Err(error) if error.kind() == Some("index_not_found_exception") => {
            return Ok(Answers::default());
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
    let answer = client.search(index, &query).await?;
    let counted = |aggregation: &str| {
        let buckets = answer.buckets(aggregation).into_iter();
        buckets.map(|(name, documents)| Counted { name, documents }).collect()
    };
    Ok(Answers { documents, actions: counted("actions"), artists: counted("artists") })
}
