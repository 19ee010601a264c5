//! Batches as the event source mapping of SQS brings them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use local::sample::{Size, events_of};
use serde_json::json;

use crate::request::{ARRIVAL_MS, Request};

/// The bytes of every message's body.
pub const BODY_BYTES: usize = 500;
/// As many as those of the handle in the SQS API reference, which is base64 of so many bytes.
const HANDLE_BYTES: usize = 129;
const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:123456789012:music-events";

/// A batch of so many messages, each with one of the sample's small events.
#[must_use]
pub fn batch(messages: usize, seed: u64) -> Request {
    let mut random = fastrand::Rng::with_seed(seed);
    // Some are too long to be filled up.
    let events = events_of(Size::Small, seed, 2 * messages + 100);
    let bodies = events.filter_map(|event| filled_up(event, &mut random)).take(messages);
    let bodies: Vec<_> = bodies.collect();
    let records: Vec<_> =
        bodies.iter().enumerate().map(|(at, body)| record(at, body, &mut random)).collect();
    Request {
        name: format!("{} of {BODY_BYTES} bytes", crate::report::grouped(messages as u64)),
        records: records.len(),
        body: format!("{{\"Records\":[{}]}}", records.join(",")).into_bytes(),
    }
}

/// The event with a trace id that makes it [`BODY_BYTES`] long, if it is not longer.
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

/// A message as the AWS Lambda Developer Guide shows it, "Using Lambda with Amazon SQS".
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
#[must_use]
pub fn message_id(at: usize) -> String {
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
