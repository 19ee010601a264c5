//! The queue of refused readings.

use std::collections::BTreeSet;

use local::sqs::{Client, ClientError};
use serde_json::Value;

use crate::demo::logs::Reasons;
use crate::error::CliError;

#[derive(Debug)]
pub(super) struct Quarantine {
    client: Client,
    pub(super) url: String,
}

impl Quarantine {
    pub(super) async fn create(endpoint: &str) -> Result<Self, CliError> {
        let client = Client::new(endpoint).map_err(|error| failed(&error))?;
        let url = client.create_queue("sensor-points-quarantine", &[]).await;
        Ok(Self { url: url.map_err(|error| failed(&error))?, client })
    }

    /// Counts the readings in the queue by reason. A reading that was sent again after a kill
    /// counts once.
    pub(super) async fn reasons(&self) -> Result<Reasons, CliError> {
        let mut places = BTreeSet::new();
        let mut reasons = Reasons::new();
        let read = self.client.receive_all(&self.url, |message| {
            let text = |name| attribute(message, name);
            if places.insert((text("sluice.message_id"), text("sluice.position"))) {
                *reasons.entry(text("sluice.reason")).or_default() += 1;
            }
        });
        read.await.map_err(|error| failed(&error))?;
        Ok(reasons)
    }
}

fn attribute(message: &Value, name: &str) -> String {
    message["MessageAttributes"][name]["StringValue"].as_str().unwrap_or("unknown").to_owned()
}

fn failed(error: &ClientError) -> CliError {
    CliError::failed(format_args!("failed to ask the quarantine queue: {error}"))
}
