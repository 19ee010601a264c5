//! The event of a message that SNS sends to a function, and the notices that become messages in
//! Google Chat.
//!
//! Source: AWS Lambda developer guide, "Invoking Lambda functions with Amazon SNS notifications".

use std::path::Path;

use local::monitoring::{Monitoring, timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::time;

use super::card::Card;
use super::health::{ALERT_NOTIFIER, invoke};
use crate::error::CliError;

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

/// The subject of a notice.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Notice {
    #[serde(skip_serializing)]
    pub(super) source: String,
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) thread: String,
    pub(super) title: String,
}

impl Notice {
    fn parse(message: &str) -> Self {
        serde_json::from_str(message).unwrap_or_default()
    }

    /// The message about it.
    pub(super) fn posted<'a>(&self, messages: &'a [Value]) -> Option<&'a Value> {
        messages.iter().find(|message| Card(message).title().contains(&self.title))
    }
}

/// Passes the published notices to the alert-notifier, and returns them.
pub(super) async fn post(
    notifier: &Path,
    monitoring: &Monitoring,
) -> Result<Vec<Notice>, CliError> {
    let webhook = monitoring.webhook();
    let variables =
        [("AWS_ENDPOINT_URL", monitoring.url()), ("GOOGLE_CHAT_WEBHOOK_URL", &*webhook)];
    let published = monitoring.published();
    for message in &published {
        let event = event("", message, time::now().milliseconds());
        invoke(ALERT_NOTIFIER, notifier, &variables, event.to_string().into()).await?;
    }
    Ok(published.iter().map(|message| Notice::parse(message)).collect())
}
