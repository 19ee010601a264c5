//! The queues of a run.

use local::sqs::{Client, ClientError};
use serde_json::json;

use crate::failure::Failure;

/// How often a message is received before it is given up.
const MAX_RECEIVE_COUNT: u32 = 3;

/// Longer than an invocation may take.
const VISIBILITY_TIMEOUT_SECONDS: &str = "90";

/// Longer than it takes to read the whole quarantine, so that each message is read once.
const READING_TIMEOUT_SECONDS: &str = "43200";

/// The main queue, its dead-letter queue, and the quarantine, by their URLs.
#[derive(Debug)]
pub(super) struct Queues {
    pub(super) client: Client,
    pub(super) main: String,
    pub(super) dead: String,
    pub(super) dead_arn: String,
    pub(super) quarantine: String,
}

impl Queues {
    /// Creates queues whose names start with `name`.
    pub(super) async fn create(client: &Client, name: &str) -> Result<Self, Failure> {
        let created = async {
            let dead = client.create_queue(&format!("{name}-dead"), &[]).await?;
            let dead_arn = client.queue_attribute(&dead, "QueueArn").await?;
            let policy =
                json!({"deadLetterTargetArn": dead_arn, "maxReceiveCount": MAX_RECEIVE_COUNT});
            let attributes = [
                ("RedrivePolicy", policy.to_string()),
                ("VisibilityTimeout", VISIBILITY_TIMEOUT_SECONDS.to_owned()),
            ];
            let attributes = attributes.each_ref().map(|(name, value)| (*name, value.as_str()));
            let main = client.create_queue(name, &attributes).await?;
            let quarantine = client
                .create_queue(
                    &format!("{name}-quarantine"),
                    &[("VisibilityTimeout", READING_TIMEOUT_SECONDS)],
                )
                .await?;
            Ok(Self { client: client.clone(), main, dead, dead_arn, quarantine })
        };
        created.await.map_err(|error: ClientError| {
            Failure::failed(format_args!("the queues cannot be created: {error}"))
        })
    }

    /// How many messages a queue has, hidden ones as well.
    pub(super) async fn count(&self, queue_url: &str) -> Result<u64, Failure> {
        let count = self.client.message_count(queue_url).await;
        count.map_err(|error| Failure::failed(format_args!("SQS cannot be asked: {error}")))
    }

    /// Deletes them; one that stays is told by nobody, for the run has its result.
    pub(super) async fn delete(&self) {
        for url in [&self.main, &self.dead, &self.quarantine] {
            self.client.call("DeleteQueue", &json!({"QueueUrl": url})).await.ok();
        }
    }
}
