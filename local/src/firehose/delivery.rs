//! Delivers documents to OpenSearch, and writes those that it rejects, or does not accept in time,
//! to the backup.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::time::Instant;

use super::Report;
use super::backup::{Line, UNDELIVERED};
use super::options::Backoff;
use super::record::Document;
use super::state::Shared;
use crate::opensearch::Client;

/// Firehose's code if there is no answer, or not one of OpenSearch.
const NO_ANSWER: &str = "OS.ServiceException";

/// Firehose's code and message for a document that cannot be part of a bulk request.
const MALFORMED: (&str, &str) = (
    "OS.MalformedData",
    "One or more records are malformed. Please ensure that each record is single valid JSON \
     object and that it does not contain newlines.",
);

const SHOWN_BYTES: usize = 1024;

/// Why a document was rejected: the HTTP status or a code of Firehose, and the server's message.
type Reason = (String, String);

/// The result of one document.
#[derive(Debug, Clone)]
enum Item {
    Indexed,
    /// It was rejected, but may be accepted later.
    Deferred(Reason),
    /// It was rejected permanently.
    Refused(Reason),
}

/// The answer to a bulk request whose operations are all `index`.
#[derive(Deserialize)]
struct BulkAnswer {
    items: Vec<Indexed>,
}

#[derive(Deserialize)]
struct Indexed {
    index: BulkItem,
}

#[derive(Deserialize)]
struct BulkItem {
    status: u16,
    #[serde(default)]
    error: Value,
}

pub(super) async fn deliver(shared: &Shared, client: &Client, documents: Vec<Document>) {
    let (mut pending, malformed): (Vec<_>, Vec<_>) =
        documents.into_iter().partition(|document| is_deliverable(&document.body));
    let (code, message) = MALFORMED;
    let malformed = malformed.into_iter().map(|one| (one, (code.to_owned(), message.to_owned())));
    give_up(shared, malformed.collect(), 0).await;

    let mut backoff = Backoff::new(shared.options.longest_pause);
    let mut attempts = 0;
    let mut first_failure = None;
    while !pending.is_empty() {
        attempts += 1;
        shared.count(|report| {
            report.delivery_requests += 1;
            report.delivery_retries += u64::from(attempts > 1);
        });
        let items = send(client, &pending).await;
        let (mut indexed, mut refused, mut deferred) = (0, Vec::new(), Vec::new());
        for (document, item) in pending.into_iter().zip(items) {
            match item {
                Item::Indexed => indexed += 1,
                Item::Deferred(reason) => deferred.push((document, reason)),
                Item::Refused(reason) => refused.push((document, reason)),
            }
        }
        shared.count(|report| {
            report.delivered += indexed;
            report.in_flight -= indexed;
        });
        give_up(shared, refused, attempts).await;
        if deferred.is_empty() {
            break;
        }
        let now = Instant::now();
        let pause = backoff.next();
        let trying = now + pause - *first_failure.get_or_insert(now);
        if trying > shared.options.retry_duration {
            give_up(shared, deferred, attempts).await;
            break;
        }
        tokio::time::sleep(pause).await;
        pending = deferred.into_iter().map(|(document, _)| document).collect();
    }
    shared.delivery_done();
}

async fn give_up(shared: &Shared, failures: Vec<(Document, Reason)>, attempts: u32) {
    let failed = failures.len() as u64;
    let now_ms = shared.options.clock.milliseconds();
    let lines = failures
        .into_iter()
        .map(|(document, reason)| Line::of_document(document, attempts, reason, now_ms));
    let count = |report: &mut Report| report.delivery_failed += failed;
    shared.back_up(UNDELIVERED, lines.collect(), count).await;
}

/// Sends the documents with the operation `index`, as Firehose does. Returns one item for each, in
/// order.
async fn send(client: &Client, documents: &[Document]) -> Vec<Item> {
    let number = documents.len();
    match client.bulk(body(documents)).await {
        Ok(answer) => judge(answer.status.as_u16(), &answer.body, number),
        Err(error) => vec![Item::Deferred((NO_ANSWER.to_owned(), error.to_string())); number],
    }
}

fn body(documents: &[Document]) -> Bytes {
    let mut body = Vec::new();
    for Document { index, id, body: document, .. } in documents {
        // Both names are generated here, from characters that need no escaping in JSON.
        let action = format!("{{\"index\":{{\"_index\":\"{index}\",\"_id\":\"{id}\"}}}}\n");
        body.extend_from_slice(action.as_bytes());
        body.extend_from_slice(document);
        body.push(b'\n');
    }
    body.into()
}

/// Whether Firehose can deliver this: one JSON object, in UTF-8, on a single line.
fn is_deliverable(document: &[u8]) -> bool {
    let on_a_line = !document.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    on_a_line
        && document.trim_ascii_start().starts_with(b"{")
        && std::str::from_utf8(document)
            .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn judge(status: u16, body: &[u8], documents: usize) -> Vec<Item> {
    if !(200..300).contains(&status) {
        // The text is in the backup line of every document of the request.
        let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES)]);
        let reason = (status.to_string(), shown.into_owned());
        // The server is overloaded or failing, or its access rules or address may be corrected
        // soon.
        let may_pass = matches!(status, 401 | 403 | 404 | 408 | 429 | 500..);
        let item = if may_pass { Item::Deferred(reason) } else { Item::Refused(reason) };
        return vec![item; documents];
    }
    match serde_json::from_slice::<BulkAnswer>(body) {
        Ok(answer) if answer.items.len() == documents => {
            answer.items.iter().map(|item| judge_item(&item.index)).collect()
        }
        // The server is not an OpenSearch, or the answer is incomplete. It is unknown whether the
        // documents were written; because they have ids, they can be sent again.
        _ => {
            let message = "the answer is not that of a bulk request";
            vec![Item::Deferred((NO_ANSWER.to_owned(), message.to_owned())); documents]
        }
    }
}

fn judge_item(item: &BulkItem) -> Item {
    let words = if item.error.is_null() { String::new() } else { item.error.to_string() };
    let reason = (item.status.to_string(), words);
    match item.status {
        200..300 => Item::Indexed,
        429 | 500.. => Item::Deferred(reason),
        _ => Item::Refused(reason),
    }
}
