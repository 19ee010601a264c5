//! Requests as Firehose sends them, and batches as the event source mapping of SQS sends them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use local::sample::{Size, events_of};
use serde_json::json;

/// Arrival time of the records in every request: 2024-03-08T12:35:00.123Z, in milliseconds since
/// 1970; the sample's events happened in the days before.
pub const ARRIVAL_MS: i64 = 1_709_901_300_123;

/// Size of the body of every message, in bytes.
const BODY_BYTES: usize = 500;
/// Length of the handle in the SQS API reference, before base64.
const HANDLE_BYTES: usize = 129;
const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:123456789012:music-events";

/// A request or a batch.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its name in tables.
    pub name: String,
    /// Number of records or messages in it.
    pub records: usize,
    /// The event of the function.
    pub body: Vec<u8>,
}

impl Request {
    /// A request with all these payloads.
    pub(crate) fn of(name: impl Into<String>, payloads: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self::filled(name, usize::MAX, payloads)
    }

    /// A request with as many of the sample's events as fit into `max_bytes`.
    pub fn of_events(name: impl Into<String>, max_bytes: usize, size: Size, seed: u64) -> Self {
        // Every event has at least 200 bytes.
        Self::filled(name, max_bytes, events_of(size, seed, max_bytes / 200))
    }

    /// A request with as many payloads as fit into `max_bytes`.
    pub(crate) fn filled(
        name: impl Into<String>,
        max_bytes: usize,
        payloads: impl IntoIterator<Item = Vec<u8>>,
    ) -> Self {
        let arrival = ARRIVAL_MS.to_string();
        let payloads = payloads.into_iter().map(|payload| (arrival.as_str(), payload));
        Self::arriving(name, max_bytes, payloads)
    }

    /// A request with as many payloads as fit into `max_bytes`, each with its arrival time in JSON.
    pub(crate) fn arriving<'a>(
        name: impl Into<String>,
        max_bytes: usize,
        payloads: impl IntoIterator<Item = (&'a str, Vec<u8>)>,
    ) -> Self {
        const END: &str = "]}";
        let mut body = concat!(
            r#"{"invocationId":"5f5a3c1e-0a0f-4b0e-9f53-9d6b1f0f2a11","#,
            r#""deliveryStreamArn":"arn:aws:firehose:us-east-1:123456789012:deliverystream/music","#,
            r#""region":"us-east-1","records":["#
        )
        .to_owned();
        let mut records = 0;
        for (arrival, payload) in payloads {
            let comma = if records == 0 { "" } else { "," };
            let data = STANDARD.encode(payload);
            let record = format!(
                r#"{comma}{{"recordId":"{}","approximateArrivalTimestamp":{arrival},"data":"{data}"}}"#,
                record_id(records)
            );
            if body.len() + record.len() + END.len() > max_bytes {
                break;
            }
            body.push_str(&record);
            records += 1;
        }
        body.push_str(END);
        Self { name: name.into(), records, body: body.into_bytes() }
    }
}

/// A record id as long as Firehose's.
pub(crate) fn record_id(index: usize) -> String {
    format!("4966{index:052}")
}

/// A batch of `messages` messages, each with one of the sample's small events.
pub(crate) fn batch(messages: usize, seed: u64) -> Request {
    let mut random = fastrand::Rng::with_seed(seed);
    // Some are already too long.
    let events = events_of(Size::Small, seed, 2 * messages + 100);
    let bodies = events.filter_map(|event| filled_up(event, &mut random)).take(messages);
    let bodies: Vec<_> = bodies.collect();
    let records: Vec<_> =
        bodies.iter().enumerate().map(|(at, body)| record(at, body, &mut random)).collect();
    Request {
        name: format!("{} of {BODY_BYTES} bytes", crate::numbers::grouped(messages as u64)),
        records: records.len(),
        body: format!("{{\"Records\":[{}]}}", records.join(",")).into_bytes(),
    }
}

/// A batch of one message with this body.
pub(crate) fn message(name: impl Into<String>, records: usize, body: &str) -> Request {
    let record = record(0, body, &mut fastrand::Rng::with_seed(0));
    Request { name: name.into(), records, body: format!("{{\"Records\":[{record}]}}").into_bytes() }
}

/// The event with a trace id that makes it [`BODY_BYTES`] long, unless it is longer.
fn filled_up(event: Vec<u8>, random: &mut fastrand::Rng) -> Option<String> {
    let mut event = String::from_utf8(event).ok()?;
    event.truncate(event.strip_suffix('}')?.len());
    event.push_str(",\"trace_id\":\"");
    let end = "\"}";
    while event.len() + end.len() < BODY_BYTES {
        event.push(random.digit(16));
    }
    event.push_str(end);
    (event.len() == BODY_BYTES).then_some(event)
}

/// A message as in the AWS Lambda Developer Guide, "Using Lambda with Amazon SQS".
fn record(at: usize, body: &str, random: &mut fastrand::Rng) -> String {
    let handle: Vec<_> = std::iter::repeat_with(|| random.u8(..)).take(HANDLE_BYTES).collect();
    json!({
        "messageId": message_id(at),
        "receiptHandle": STANDARD.encode(handle),
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": ARRIVAL_MS.to_string(),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": (ARRIVAL_MS + 20).to_string(),
        },
        "messageAttributes": {},
        "md5OfBody": format!("{:032x}", random.u128(..)),
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": "us-east-1",
    })
    .to_string()
}

/// An id as long as those of SQS.
fn message_id(at: usize) -> String {
    format!("059f36b4-87a3-44ab-83d2-{at:012}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_body_is_an_event_of_its_length() {
        let batch = batch(50, 3);
        assert_eq!((batch.records, batch.name.as_str()), (50, "50 of 500 bytes"));
        let event: Value = serde_json::from_slice(&batch.body).unwrap();
        let records = event["Records"].as_array().unwrap();
        assert_eq!(records.len(), 50);
        for (at, record) in records.iter().enumerate() {
            assert_eq!(record["messageId"], message_id(at));
            let body = record["body"].as_str().unwrap();
            assert_eq!(body.len(), BODY_BYTES);
            let event: Value = serde_json::from_str(body).unwrap();
            assert!(event["trace_id"].is_string(), "{event}");
        }
    }
}
