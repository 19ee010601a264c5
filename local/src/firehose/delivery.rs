//! Documents go to OpenSearch; those that it refuses, or does not take in time, to the backup.

use std::time::Duration;

use bytes::Bytes;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::BackupMode;
use super::backup::{NO_ANSWER, Object, Reason};
use super::options::Backoff;
use super::record::Document;
use super::state::Shared;
use crate::opensearch::Client;
use crate::opensearch::client::{BulkAnswer, BulkItem};

/// The service's words for a document that no bulk request can hold.
const MALFORMED: (&str, &str) = (
    "OS.MalformedData",
    "One or more records are malformed. Please ensure that each record is single valid JSON \
     object and that it does not contain newlines.",
);

/// Maximum bytes of an answer about a whole request that are kept.
const SHOWN_BYTES: usize = 1024;

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Indexed,
    /// It may be taken later.
    Deferred(Reason),
    /// It will never be taken.
    Refused(Reason),
}

/// Delivers documents.
pub(super) async fn deliver(shared: &Shared, client: &Client, documents: Vec<Document>) {
    deliver_all(shared, client, documents).await;
    shared.delivery_done();
}

async fn deliver_all(shared: &Shared, client: &Client, documents: Vec<Document>) {
    if shared.options.backup_mode == BackupMode::AllDocuments {
        let object = Object::of_all(&shared.options, &documents, shared.now_ms());
        shared.back_up(Ok(object)).await;
    }
    let (deliverable, malformed): (Vec<_>, Vec<_>) =
        documents.into_iter().partition(|document| is_deliverable(&document.body));
    let (code, message) = MALFORMED;
    let malformed = malformed.into_iter().map(|document| (document, Reason::new(code, message)));
    give_up(shared, malformed.collect(), 0).await;

    let mut backoff = Backoff::new(shared.options.retry_backoff);
    let mut pending = deliverable;
    let mut attempts = 0;
    let mut first_failure = None;
    while !pending.is_empty() {
        attempts += 1;
        shared.count(|report| {
            report.delivery_requests += 1;
            report.delivery_retries += u64::from(attempts > 1);
        });
        let items = send(client, &pending, shared.options.request_timeout).await;
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
            if let Some((_, reason)) = refused.first().or(deferred.first()) {
                report.last_error = Some(format!("OpenSearch did not take documents: {reason}"));
            }
        });
        give_up(shared, refused, attempts).await;
        if deferred.is_empty() {
            return;
        }
        let now = Instant::now();
        let pause = backoff.next();
        let trying = now + pause - *first_failure.get_or_insert(now);
        if trying > shared.options.retry_duration {
            return give_up(shared, deferred, attempts).await;
        }
        tokio::time::sleep(pause).await;
        pending = deferred.into_iter().map(|(document, _)| document).collect();
    }
}

async fn give_up(shared: &Shared, failures: Vec<(Document, Reason)>, attempts: u32) {
    if !failures.is_empty() {
        let now = shared.now_ms();
        shared.back_up(Object::of_undelivered(&shared.options, failures, attempts, now)).await;
    }
}

/// Sends the documents with the operation `index`, which Firehose uses. One item for each, in order.
async fn send(client: &Client, documents: &[Document], timeout: Duration) -> Vec<Item> {
    let number = documents.len();
    let deferred = |message: String| vec![Item::Deferred(Reason::new(NO_ANSWER, message)); number];
    let sent = client.send_bulk("/_bulk", body(documents), false);
    match tokio::time::timeout(timeout, sent).await {
        Ok(Ok(answer)) => judge(answer.status.as_u16(), &answer.body, number),
        Ok(Err(error)) => deferred(error.to_string()),
        Err(_) => deferred(format!("no answer within {} s", timeout.as_secs_f64())),
    }
}

fn body(documents: &[Document]) -> Bytes {
    let mut body = Vec::new();
    for Document { index, id, body: document, .. } in documents {
        // Both names are made here, of characters that JSON takes as they are.
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
    let all = |item| vec![item; documents];
    if !(200..300).contains(&status) {
        // Every document of the request is written with it.
        let shown = &body[..body.len().min(SHOWN_BYTES)];
        let reason = Reason::new(status, String::from_utf8_lossy(shown));
        // The server is busy or ill, or its access rules or its address are about to be put right.
        let may_pass = matches!(status, 401 | 403 | 404 | 408 | 429 | 500..);
        return all(if may_pass { Item::Deferred(reason) } else { Item::Refused(reason) });
    }
    match BulkAnswer::parse(body) {
        Ok(answer) if answer.items.len() == documents => {
            answer.items.iter().map(judge_item).collect()
        }
        // Something answered that is not an OpenSearch, or the answer is not complete. Whether the
        // documents are is unknown; with their ids they can be sent again.
        _ => {
            all(Item::Deferred(Reason::new(NO_ANSWER, "the answer is not that of a bulk request")))
        }
    }
}

fn judge_item(item: &BulkItem) -> Item {
    let words = || if item.error.is_null() { String::new() } else { item.error.to_string() };
    match item.status {
        200..300 => Item::Indexed,
        429 | 500.. => Item::Deferred(Reason::new(item.status, words())),
        _ => Item::Refused(Reason::new(item.status, words())),
    }
}
