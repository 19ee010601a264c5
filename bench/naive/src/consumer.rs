//! `sqs-consumer` as a competent user writes it, with common crates and without tricks:
//! `lambda_runtime`, `aws_lambda_events`, `serde_json::Value`, `chrono` and `opensearch`, with one
//! `_bulk` request per batch.
//!
//! Messages without an event and messages that OpenSearch did not accept are redelivered alike,
//! until they are dead letters. It omits what a user would not write on the first day: quarantine,
//! backoff, requests of limited size, deadlines, FIFO queues, several events in a message,
//! envelopes, metrics and logs.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use chrono::{DateTime, Utc};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use naive::{Delivery, Document};
use opensearch::http::transport::Transport;
use opensearch::{BulkOperation, BulkParts, OpenSearch};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "as one writes it")]
    let endpoint = std::env::var("OPENSEARCH_ENDPOINT")?;
    let client = &OpenSearch::new(Transport::single_node(&endpoint)?);
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        consume(client, event.payload, Utc::now()).await
    }))
    .await
}

async fn consume(
    client: &OpenSearch,
    event: SqsEvent,
    now: DateTime<Utc>,
) -> Result<SqsBatchResponse, Error> {
    let mut failures = Vec::new();
    let mut operations = Vec::new();
    let mut sent = Vec::new();
    for message in event.records {
        let operation = operation(&message, now);
        let id = message.message_id.unwrap_or_default();
        match operation {
            Some(operation) => {
                operations.push(operation);
                sent.push(id);
            }
            None => failures.push(id),
        }
    }
    if !operations.is_empty() {
        let response = client.bulk(BulkParts::None).body(operations).send().await?;
        let answer: Value = response.error_for_status_code()?.json().await?;
        let items = answer["items"].as_array().ok_or("an answer without items")?;
        for (id, item) in sent.into_iter().zip(items) {
            let status = item["create"]["status"].as_u64();
            // 409: it already exists.
            if !status.is_some_and(|status| matches!(status, 200..=299 | 409)) {
                failures.push(id);
            }
        }
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures.into_iter().map(failure).collect();
    Ok(response)
}

/// The document to create for a message's event; `None` if the message contains no event.
fn operation(message: &SqsMessage, now: DateTime<Utc>) -> Option<BulkOperation<Value>> {
    let sent = message.attributes.get("SentTimestamp").map_or("", String::as_str);
    // The message and the position of its only event.
    let id = message.message_id.as_deref()?;
    let identity = [id.as_bytes(), b"/", &0_u64.to_be_bytes()].concat();
    let delivery = Delivery { arrival: sent, identity: &identity, place: b"" };
    let body = message.body.as_deref().unwrap_or_default();
    let document = Document::of(body.as_bytes(), &delivery, now).ok()?;
    let day = document.json["@timestamp"].as_str()?.get(..10)?.replace('-', ".");
    let (id, index) = (document.id(), format!("music-events-{day}"));
    Some(BulkOperation::create(id, document.json).index(index).into())
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}
