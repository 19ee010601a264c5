//! The event of a message that SNS hands to a function.
//!
//! Source: AWS Lambda developer guide, "Invoking Lambda functions with Amazon SNS notifications".

use local::monitoring::timestamp;
use serde_json::{Value, json};

/// The topic of every alert.
pub(super) const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:sluice-demo-alerts";

/// Returns the event of a message that is published at `now_ms`.
pub(super) fn event(subject: &str, message: &str, now_ms: u64) -> Value {
    json!({"Records": [{
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": format!("{TOPIC}:34a7b0cb-3f8c-4471-aea2-2bbc7c4eacc9"),
        "Sns": {
            "Type": "Notification",
            "MessageId": "6b034f0c-b465-58da-a999-179029000001",
            "TopicArn": TOPIC,
            "Subject": subject,
            "Message": message,
            "Timestamp": timestamp(now_ms),
            "MessageAttributes": {},
        },
    }]})
}
