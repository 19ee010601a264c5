//! The `_bulk` request, and what its answer says of each document.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::record::Document;
use crate::opensearch::Client;

/// How much of the server's words about a whole request is kept.
const SHOWN_BYTES: usize = 1024;

/// The service's code where there is no answer, or none of an OpenSearch.
const NO_ANSWER: &str = "OS.ServiceException";

/// Why a document was not taken: the HTTP status or a code of Firehose, and the server's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) code: String,
    pub(super) message: String,
}

impl fmt::Display for Reason {
    /// Without the words of a server, which may quote documents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code.as_str() {
            NO_ANSWER => f.write_str(&self.message),
            code => f.write_str(code),
        }
    }
}

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// It is in the index.
    Indexed,
    /// It may be taken later.
    Deferred(Reason),
    /// It will never be taken.
    Refused(Reason),
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// One for each document, in order.
    Items(Vec<Item>),
    /// The request as a whole may be taken later.
    Deferred(Reason),
    /// The request as a whole will never be taken.
    Refused(Reason),
}

/// Sends the documents with the operation `index`, which Firehose uses.
pub(super) async fn send(client: &Client, documents: &[Document], timeout: Duration) -> Outcome {
    let deferred =
        |message: String| Outcome::Deferred(Reason { code: NO_ANSWER.to_owned(), message });
    let sent = client.send_bulk("/_bulk", body(documents), false);
    match tokio::time::timeout(timeout, sent).await {
        Ok(Ok(answer)) => judge(answer.status.as_u16(), &answer.body, documents.len()),
        Ok(Err(error)) => deferred(error.to_string()),
        Err(_) => deferred(format!("no answer within {} s", timeout.as_secs_f64())),
    }
}

fn body(documents: &[Document]) -> Bytes {
    let size = documents.iter().map(|document| document.body.len() + 200).sum();
    let mut body = Vec::with_capacity(size);
    for document in documents {
        // Both names are made here, of characters that JSON takes as they are.
        body.extend_from_slice(b"{\"index\":{\"_index\":\"");
        body.extend_from_slice(document.index.as_bytes());
        body.extend_from_slice(b"\",\"_id\":\"");
        body.extend_from_slice(document.id.as_bytes());
        body.extend_from_slice(b"\"}}\n");
        body.extend_from_slice(&document.body);
        body.push(b'\n');
    }
    body.into()
}

/// Whether Firehose can deliver this: one JSON object, in UTF-8, on a single line.
pub(super) fn is_deliverable(document: &[u8]) -> bool {
    let on_a_line = !document.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    on_a_line
        && document.trim_ascii_start().starts_with(b"{")
        && std::str::from_utf8(document)
            .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    index: Indexing,
}

#[derive(Deserialize)]
struct Indexing {
    status: u16,
    error: Option<Value>,
}

fn judge(status: u16, body: &[u8], documents: usize) -> Outcome {
    if !(200..300).contains(&status) {
        // Every document of the request will be written with it.
        let shown = &body[..body.len().min(SHOWN_BYTES)];
        let message = String::from_utf8_lossy(shown).into_owned();
        let reason = Reason { code: status.to_string(), message };
        return if may_pass(status) { Outcome::Deferred(reason) } else { Outcome::Refused(reason) };
    }
    match serde_json::from_slice::<Answer>(body) {
        Ok(answer) if answer.items.len() == documents => {
            Outcome::Items(answer.items.iter().map(|item| judge_item(&item.index)).collect())
        }
        // Something answered that is no OpenSearch, or the answer is not all there. Whether the
        // documents are is unknown; with their ids they can be sent again.
        _ => Outcome::Deferred(Reason {
            code: NO_ANSWER.to_owned(),
            message: "the answer is not that of a bulk request".to_owned(),
        }),
    }
}

fn judge_item(item: &Indexing) -> Item {
    let reason = || Reason {
        code: item.status.to_string(),
        message: item.error.as_ref().map_or_else(String::new, Value::to_string),
    };
    match item.status {
        200..300 => Item::Indexed,
        429 | 500.. => Item::Deferred(reason()),
        _ => Item::Refused(reason()),
    }
}

/// Whether a request that was refused with this status may be taken later: the server is busy or
/// ill, or its access rules or its address are about to be put right.
fn may_pass(status: u16) -> bool {
    matches!(status, 401 | 403 | 404 | 408 | 429 | 500..)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    fn reason(code: &str, message: &str) -> Reason {
        Reason { code: code.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn a_request_names_index_and_id_of_every_document() {
        let room = Arc::new(Semaphore::new(2));
        let document = |id: &str, text: &'static str| Document {
            id: id.to_owned(),
            index: "music-2024-03-01".to_owned(),
            arrival_ms: 0,
            body: Bytes::from_static(text.as_bytes()),
            room: room.clone().try_acquire_owned().unwrap(),
        };
        let body = body(&[document("1.0", "{}"), document("2.0", "{\"a\":1}")]);
        let expected = "{\"index\":{\"_index\":\"music-2024-03-01\",\"_id\":\"1.0\"}}\n{}\n\
                        {\"index\":{\"_index\":\"music-2024-03-01\",\"_id\":\"2.0\"}}\n{\"a\":1}\n";
        assert_eq!(body, expected);
    }

    #[test]
    fn a_document_is_one_object_on_a_line() {
        for good in ["{}", " {\"a\":\"\\n\"} ", "{\"a\":\"é\"}"] {
            assert!(is_deliverable(good.as_bytes()), "{good}");
        }
        for bad in ["", "[]", "1", "{", "{}{}", "{\n}", "{}\n", "{}\r", "{\"a\":\"\u{1}\"}"] {
            assert!(!is_deliverable(bad.as_bytes()), "{bad}");
        }
        assert!(!is_deliverable(b"{\"a\":\"\xff\"}"));
        let deep = format!("{}1{}", "{\"a\":".repeat(1000), "}".repeat(1000));
        assert!(is_deliverable(deep.as_bytes()));
    }

    #[test]
    fn items_are_judged_one_by_one() {
        let answer = br#"{"took":3,"errors":true,"items":[
            {"index":{"_index":"a","_id":"1","status":201}},
            {"index":{"_index":"a","_id":"2","status":200}},
            {"index":{"_index":"a","_id":"3","status":400,"error":{"type":"mapper_parsing_exception"}}},
            {"index":{"_index":"a","_id":"4","status":429,"error":{"type":"busy"}}},
            {"index":{"_index":"a","_id":"5","status":503}}]}"#;
        let expected = Outcome::Items(vec![
            Item::Indexed,
            Item::Indexed,
            Item::Refused(reason("400", r#"{"type":"mapper_parsing_exception"}"#)),
            Item::Deferred(reason("429", r#"{"type":"busy"}"#)),
            Item::Deferred(reason("503", "")),
        ]);
        assert_eq!(judge(200, answer, 5), expected);
        assert!(matches!(judge(200, answer, 4), Outcome::Deferred(_)), "an item too many");
        assert!(matches!(judge(200, b"<html>", 1), Outcome::Deferred(_)));
    }

    #[test]
    fn whole_requests_are_deferred_or_refused() {
        for status in [401, 403, 404, 408, 429, 500, 502, 503, 504] {
            let expected = Outcome::Deferred(reason(&status.to_string(), "why"));
            assert_eq!(judge(status, b"why", 1), expected);
        }
        for status in [301, 400, 413] {
            let expected = Outcome::Refused(reason(&status.to_string(), "why"));
            assert_eq!(judge(status, b"why", 1), expected);
        }
    }
}
