//! What is in the quarantine queue, asked of the queue itself.

use local::sqs::ClientError;
use serde_json::{Value, json};

use super::super::logs::Reasons;
use super::queues::Queues;
use crate::failure::Failure;

/// The attribute in which the function says why a message is there.
const REASON: &str = "sluice.reason";

/// The messages by their reason. They are hidden for a while after it.
pub(super) async fn reasons(queues: &Queues) -> Result<Reasons, Failure> {
    let read = async {
        let mut reasons = Reasons::new();
        loop {
            let members = json!({
                "QueueUrl": queues.quarantine,
                "MaxNumberOfMessages": 10,
                "MessageAttributeNames": [REASON],
            });
            let answer = queues.client.call("ReceiveMessage", &members).await?;
            let messages = answer["Messages"].as_array().map_or(&[][..], Vec::as_slice);
            if messages.is_empty() {
                return Ok(reasons);
            }
            for message in messages {
                *reasons.entry(reason(message)).or_default() += 1;
            }
        }
    };
    read.await.map_err(|error: ClientError| {
        Failure::failed(format_args!("the quarantine queue cannot be read: {error}"))
    })
}

fn reason(message: &Value) -> String {
    let reason = message["MessageAttributes"][REASON]["StringValue"].as_str();
    reason.unwrap_or("unknown").to_owned()
}
