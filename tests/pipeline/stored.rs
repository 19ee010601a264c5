//! Reads the documents from OpenSearch.

use http::Method;
use local::opensearch::Client;
use serde::de::IgnoredAny;

use crate::events::without_ingested;

/// Maximum number of documents in a search (`index.max_result_window`).
const MOST: usize = 10_000;

/// A document of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) index: String,
    /// Its `_id`: through Firehose a generated one, through SQS the `event.id`.
    pub(crate) id: String,
    /// Its unchanged text, but without the value of `event.ingested`.
    pub(crate) text: String,
}

/// All documents of `indices`, a pattern; at most 10,000.
///
/// As text, because a JSON library may change numbers: the sources of hits are copied from the
/// answer unchanged.
pub(crate) async fn documents(client: &Client, indices: &str) -> Vec<Stored> {
    client.refresh(indices).await.unwrap();
    let body = format!(r#"{{"size":{MOST},"query":{{"match_all":{{}}}}}}"#);
    let path = format!("/{indices}/_search");
    let body = Some(("application/json", body.into()));
    let answer = client.send(Method::POST, &path, body).await.unwrap();
    assert_eq!(answer.status.as_u16(), 200, "{}", String::from_utf8_lossy(&answer.body));
    let documents = sources(std::str::from_utf8(&answer.body).unwrap());
    let count = client.count(indices).await.unwrap();
    assert_eq!(documents.len() as u64, count, "a search gives every document that is counted");
    documents
}

fn sources(answer: &str) -> Vec<Stored> {
    const SOURCE: &str = "\"_source\":";
    let mut stored = Vec::new();
    let mut rest = answer;
    // The text between two sources is the server's own.
    while let Some((head, from_source)) = rest.split_once(SOURCE) {
        let mut values = serde_json::Deserializer::from_str(from_source).into_iter::<IgnoredAny>();
        values.next().unwrap().unwrap();
        let (source, after) = from_source.split_at(values.byte_offset());
        stored.push(Stored {
            index: member(head, "_index"),
            id: member(head, "_id"),
            text: without_ingested(source.trim()),
        });
        rest = after;
    }
    stored
}

/// A text of a hit's head.
fn member(head: &str, name: &str) -> String {
    let (_, value) = head.split_once(&format!("\"{name}\":")).unwrap();
    let mut values = serde_json::Deserializer::from_str(value).into_iter::<String>();
    values.next().unwrap().unwrap()
}
