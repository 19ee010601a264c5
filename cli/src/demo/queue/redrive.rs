//! The way back: what was given up goes into the queue again.

use std::time::Duration;

use local::sqs::ClientError;
use serde_json::json;

use super::queues::Queues;
use crate::console::say;
use crate::failure::Failure;

const INTERVAL: Duration = Duration::from_millis(100);

/// Moves the dead letters back to where they came from, by a message move task of SQS, and waits
/// until it has ended.
pub(super) async fn run(queues: &Queues) -> Result<(), Failure> {
    let count = queues.count(&queues.dead).await?;
    if count == 0 {
        return Ok(());
    }
    say(format_args!("Putting {count} messages from the dead-letter queue back."));
    let source = json!({"SourceArn": queues.dead_arn});
    let moved = async {
        queues.client.call("StartMessageMoveTask", &source).await?;
        loop {
            let tasks = queues.client.call("ListMessageMoveTasks", &source).await?;
            if tasks["Results"][0]["Status"] != "RUNNING" {
                return Ok(tasks["Results"][0].clone());
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    let task = moved.await.map_err(|error: ClientError| {
        Failure::failed(format_args!("the dead letters cannot be put back: {error}"))
    })?;
    if task["Status"] == "COMPLETED" {
        return Ok(());
    }
    let reason = task["FailureReason"].as_str().unwrap_or("no reason given");
    Err(Failure::failed(format_args!("the dead letters were not put back: {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use local::sqs::{Client, Embedded};

    #[tokio::test]
    async fn what_has_no_source_is_told() {
        let embedded = Embedded::start().await.unwrap();
        let client = Client::new(embedded.url()).unwrap();
        let queues = Queues::create(&client, "demo").await.unwrap();
        run(&queues).await.unwrap();
        let direct = json!({"QueueUrl": queues.dead, "MessageBody": "direct"});
        client.call("SendMessage", &direct).await.unwrap();
        let Err(Failure::Failed(message)) = run(&queues).await else { panic!("no failure") };
        let expected = "the dead letters were not put back: CouldNotDetermineMessageSource";
        assert_eq!(message, expected);
    }
}
