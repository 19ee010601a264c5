//! Events in the form of the event source mapping.

use serde_json::{Value, json};

/// The queue of the messages.
pub(crate) const QUEUE_ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:music";

/// A message with this id and body, received once.
pub(crate) fn message(id: &str, body: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": format!("handle-{id}"),
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1709296498120"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": "eu-west-1",
    })
}

/// The event with these messages.
pub(crate) fn event(messages: &[Value]) -> Vec<u8> {
    json!({"Records": messages}).to_string().into_bytes()
}

/// An event with this id.
pub(crate) fn play(id: &str) -> String {
    json!({"event_id": id, "event_type": "play", "ts": 1_709_296_496}).to_string()
}
