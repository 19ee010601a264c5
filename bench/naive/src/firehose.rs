//! Reads Firehose's records, and answers each of them.

use aws_lambda_events::firehose::{KinesisFirehoseResponse, KinesisFirehoseResponseRecord};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::{Delivery, Document};

/// A transformation request.
///
/// Not the type of `aws_lambda_events`: its `MillisecondTimestamp` is often one millisecond early,
/// and one record with invalid base64 would fail the whole invocation.
#[derive(Debug, Deserialize)]
pub struct FirehoseEvent {
    /// The records, which must be answered one by one and in this order.
    pub records: Vec<FirehoseRecord>,
}

/// One record of a request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseRecord {
    /// The id that the answer must contain.
    pub record_id: String,
    /// When Firehose received the record.
    #[serde(default)]
    pub approximate_arrival_timestamp: Value,
    /// The payload in base64.
    pub data: Option<String>,
}

/// Transforms every record of a request.
#[must_use]
pub fn respond(event: FirehoseEvent, now: DateTime<Utc>) -> KinesisFirehoseResponse {
    let mut response = KinesisFirehoseResponse::default();
    response.records = event.records.into_iter().map(|record| respond_to(record, now)).collect();
    response
}

fn respond_to(record: FirehoseRecord, now: DateTime<Utc>) -> KinesisFirehoseResponseRecord {
    let (result, data) = transform(&record, now);
    let mut answer = KinesisFirehoseResponseRecord::default();
    answer.record_id = Some(record.record_id);
    answer.result = Some(result.to_owned());
    *answer.data = data;
    answer
}

fn transform(record: &FirehoseRecord, now: DateTime<Utc>) -> (&'static str, Vec<u8>) {
    let data = record.data.as_deref().unwrap_or_default();
    let Ok(payload) = STANDARD.decode(data) else {
        return ("ProcessingFailed", Vec::new());
    };
    // Unchanged; anything other than a number or a text of digits is ignored.
    let arrival = match &record.approximate_arrival_timestamp {
        Value::Number(number) => number.as_str(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text,
        _ => "",
    };
    let delivery = Delivery { arrival, identity: arrival.as_bytes(), place: b"" };
    let document = Document::of(&payload, &delivery, now)
        .and_then(|document| serde_json::to_vec(&document.json).map_err(|_| "unwritable"));
    match document {
        Ok(document) => ("Ok", document),
        Err("empty") => ("Dropped", Vec::new()),
        Err(_) => ("ProcessingFailed", payload),
    }
}
