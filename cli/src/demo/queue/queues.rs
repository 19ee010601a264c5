//! The queues of a run.

use std::time::Duration;

use local::sqs::{Client, ClientError};
use serde_json::{Value, json};

use crate::console::log;
use crate::demo::logs::Reasons;
use crate::error::CliError;
use crate::layout::messages;

const MAX_RECEIVE_COUNT: u32 = 3;

/// The attribute with the reason of a quarantined message.
const REASON: &str = "sluice.reason";

const TASK_INTERVAL: Duration = Duration::from_millis(100);

/// URLs of the main queue, its dead-letter queue, and the quarantine.
#[derive(Debug)]
pub(in super::super) struct Queues {
    pub(in super::super) client: Client,
    pub(in super::super) main: String,
    pub(in super::super) dead: String,
    pub(in super::super) dead_arn: String,
    pub(in super::super) quarantine: String,
}

impl Queues {
    /// Creates queues whose names start with `name`. `visibility_seconds` is the visibility timeout
    /// of the main queue.
    pub(in super::super) async fn create(
        client: &Client,
        name: &str,
        visibility_seconds: &str,
    ) -> Result<Self, CliError> {
        let created = async {
            let dead = client.create_queue(&format!("{name}-dead"), &[]).await?;
            let dead_arn = client.queue_attribute(&dead, "QueueArn").await?;
            let policy =
                json!({"deadLetterTargetArn": dead_arn, "maxReceiveCount": MAX_RECEIVE_COUNT});
            let policy = policy.to_string();
            let attributes =
                [("RedrivePolicy", &*policy), ("VisibilityTimeout", visibility_seconds)];
            let main = client.create_queue(name, &attributes).await?;
            let quarantine = client.create_queue(&format!("{name}-quarantine"), &[]).await?;
            Ok(Self { client: client.clone(), main, dead, dead_arn, quarantine })
        };
        created.await.map_err(|error| failed("create the queues", &error))
    }

    /// Returns the number of messages in a queue, including hidden ones.
    pub(in super::super) async fn count(&self, queue_url: &str) -> Result<u64, CliError> {
        let count = self.client.message_count(queue_url).await;
        count.map_err(|error| failed("count the messages of a queue", &error))
    }

    /// Counts the messages in the quarantine by reason, and hides them.
    pub(in super::super) async fn quarantine_reasons(&self) -> Result<Reasons, CliError> {
        let mut reasons = Reasons::new();
        let read = self.client.receive_all(&self.quarantine, |message| {
            let reason = message["MessageAttributes"][REASON]["StringValue"].as_str();
            *reasons.entry(reason.unwrap_or("unknown").to_owned()).or_default() += 1;
        });
        read.await.map_err(|error| failed("read the quarantine queue", &error))?;
        Ok(reasons)
    }

    /// Moves the dead letters back with a move task of SQS, and waits until it has ended.
    pub(in super::super) async fn redrive(&self) -> Result<(), CliError> {
        let count = self.count(&self.dead).await?;
        if count == 0 {
            return Ok(());
        }
        log(format_args!("Moving {} back from the dead-letter queue.", messages(count)));
        let task = self.move_task().await;
        let task = task.map_err(|error| failed("move the dead letters back", &error))?;
        if task["Status"] == "COMPLETED" {
            return Ok(());
        }
        let reason = task["FailureReason"].as_str().unwrap_or("unknown reason");
        Err(CliError::failed(format_args!("failed to move the dead letters back: {reason}")))
    }

    async fn move_task(&self) -> Result<Value, ClientError> {
        let source = json!({"SourceArn": self.dead_arn});
        self.client.call("StartMessageMoveTask", &source).await?;
        loop {
            let mut tasks = self.client.call("ListMessageMoveTasks", &source).await?;
            if tasks["Results"][0]["Status"] != "RUNNING" {
                return Ok(tasks["Results"][0].take());
            }
            tokio::time::sleep(TASK_INTERVAL).await;
        }
    }

    /// Deletes the queues. Errors are ignored, because the run has its result.
    pub(in super::super) async fn delete(&self) {
        for url in [&self.main, &self.dead, &self.quarantine] {
            self.client.call("DeleteQueue", &json!({"QueueUrl": url})).await.ok();
        }
    }
}

fn failed(action: &str, error: &ClientError) -> CliError {
    CliError::failed(format_args!("failed to {action}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::queue::VISIBILITY_SECONDS;
    use local::sqs::Embedded;

    #[tokio::test]
    async fn a_failed_move_task_is_an_error() {
        let embedded = Embedded::start().await.unwrap();
        let client = Client::new(embedded.url()).unwrap();
        let queues = Queues::create(&client, "demo", VISIBILITY_SECONDS).await.unwrap();
        queues.redrive().await.unwrap();
        let direct = json!({"QueueUrl": queues.dead, "MessageBody": "direct"});
        client.call("SendMessage", &direct).await.unwrap();
        let message = queues.redrive().await.unwrap_err().to_string();
        assert!(message.ends_with(" back: CouldNotDetermineMessageSource"), "{message}");
    }
}
