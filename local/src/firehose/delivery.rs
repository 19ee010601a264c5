//! Documents go to OpenSearch; those that it will not take, or not in time, to the backup.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::BackupMode;
use super::backup::Object;
use super::bulk::{Item, Outcome, Reason, is_deliverable, send};
use super::processing::Backoff;
use super::record::Document;
use super::state::Shared;
use crate::opensearch::Client;

/// The service's words for a document that no bulk request can hold.
const MALFORMED: (&str, &str) = (
    "OS.MalformedData",
    "One or more records are malformed. Please ensure that each record is single valid JSON \
     object and that it does not contain newlines.",
);

/// Delivers documents, several requests at once, for ever.
pub(super) async fn run(shared: Arc<Shared>, client: Client) {
    let slots = Arc::new(Semaphore::new(shared.options.concurrent_deliveries));
    // The set ends its tasks when it is dropped, with the stream.
    let mut deliveries = JoinSet::new();
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let documents = shared.next_documents().await;
        let (shared, client) = (Arc::clone(&shared), client.clone());
        deliveries.spawn(async move {
            deliver(&shared, &client, documents).await;
            shared.delivery_done();
            drop(slot);
        });
        while deliveries.try_join_next().is_some() {}
    }
}

async fn deliver(shared: &Shared, client: &Client, documents: Vec<Document>) {
    if shared.options.backup_mode == BackupMode::AllDocuments {
        let object = Object::of_all(&shared.options, &documents, shared.now_ms());
        shared.back_up(Ok(object)).await;
    }
    let (deliverable, malformed): (Vec<_>, Vec<_>) =
        documents.into_iter().partition(|document| is_deliverable(&document.body));
    let (code, message) = MALFORMED;
    let reason = Reason { code: code.to_owned(), message: message.to_owned() };
    give_up(shared, with_reason(malformed, &reason), 0).await;

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
        let outcome = send(client, &pending, shared.options.request_timeout).await;
        let Sorted { indexed, refused, deferred } = sort(pending, outcome);
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

/// The documents of a request by what became of them.
struct Sorted {
    indexed: u64,
    refused: Vec<(Document, Reason)>,
    deferred: Vec<(Document, Reason)>,
}

fn sort(documents: Vec<Document>, outcome: Outcome) -> Sorted {
    let mut sorted = Sorted { indexed: 0, refused: Vec::new(), deferred: Vec::new() };
    match outcome {
        Outcome::Deferred(reason) => sorted.deferred = with_reason(documents, &reason),
        Outcome::Refused(reason) => sorted.refused = with_reason(documents, &reason),
        Outcome::Items(items) => {
            for (document, item) in documents.into_iter().zip(items) {
                match item {
                    Item::Indexed => sorted.indexed += 1,
                    Item::Deferred(reason) => sorted.deferred.push((document, reason)),
                    Item::Refused(reason) => sorted.refused.push((document, reason)),
                }
            }
        }
    }
    sorted
}

fn with_reason(documents: Vec<Document>, reason: &Reason) -> Vec<(Document, Reason)> {
    documents.into_iter().map(|document| (document, reason.clone())).collect()
}

async fn give_up(shared: &Shared, failures: Vec<(Document, Reason)>, attempts: u32) {
    if !failures.is_empty() {
        let now = shared.now_ms();
        shared.back_up(Object::of_undelivered(&shared.options, failures, attempts, now)).await;
    }
}
