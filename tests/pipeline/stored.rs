//! The documents, asked back from OpenSearch.

use http::Method;
use local::opensearch::Client;
use serde::de::IgnoredAny;

use crate::events::without_ingested;

/// The most documents that one search gives (`index.max_result_window`).
const MOST: usize = 10_000;

/// A document of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) index: String,
    /// Its `_id`: by way of Firehose one of its own, by way of SQS the `event.id`.
    pub(crate) id: String,
    /// As it was sent, byte for byte, but without what `event.ingested` says.
    pub(crate) text: String,
}

/// All documents of `indices`, a pattern; at most 10,000.
///
/// As text, because a JSON library reads numbers and writes others: the sources of hits are taken
/// from the answer as they stand.
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
    // What stands between two sources is the server's own.
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
