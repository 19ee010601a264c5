//! The queue of what is refused.

use std::collections::BTreeSet;

use local::sqs::{Client, ClientError};
use serde_json::{Value, json};

use crate::demo::logs::Reasons;
use crate::error::CliError;

/// Longer than reading the whole queue takes, so that each message is read once.
const VISIBILITY_SECONDS: &str = "3600";

#[derive(Debug)]
pub(super) struct Quarantine {
    client: Client,
    pub(super) url: String,
}

impl Quarantine {
    pub(super) async fn create(endpoint: &str) -> Result<Self, CliError> {
        let client = Client::new(endpoint).map_err(|error| failed(&error))?;
        let attributes = [("VisibilityTimeout", VISIBILITY_SECONDS)];
        let url = client.create_queue("sensor-points-quarantine", &attributes).await;
        Ok(Self { url: url.map_err(|error| failed(&error))?, client })
    }

    /// Counts the readings in the queue by reason. One that was sent again, after a kill, counts once.
    pub(super) async fn reasons(&self) -> Result<Reasons, CliError> {
        let members = json!({
            "QueueUrl": self.url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"],
        });
        let mut places = BTreeSet::new();
        let mut reasons = Reasons::new();
        loop {
            let reply = self.client.call("ReceiveMessage", &members).await;
            let reply = reply.map_err(|error| failed(&error))?;
            let messages = reply["Messages"].as_array().map_or(&[][..], Vec::as_slice);
            if messages.is_empty() {
                return Ok(reasons);
            }
            for message in messages {
                let text = |name| attribute(message, name);
                if places.insert((text("sluice.message_id"), text("sluice.position"))) {
                    *reasons.entry(text("sluice.reason")).or_default() += 1;
                }
            }
        }
    }
}

fn attribute(message: &Value, name: &str) -> String {
    message["MessageAttributes"][name]["StringValue"].as_str().unwrap_or("unknown").to_owned()
}

fn failed(error: &ClientError) -> CliError {
    CliError::failed(format_args!("failed to ask the quarantine queue: {error}"))
}
