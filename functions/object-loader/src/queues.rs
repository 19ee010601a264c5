//! The function's own queue, with the AWS SDK.

use std::sync::OnceLock;

use aws_sdk_sqs as sdk;
use shared::aws::Aws;
use shared::sqs::{self, Failure, SQS, queue_url};

/// SQS. A port neither retries nor keeps a time limit: the caller drops the call when the time is
/// up.
pub trait Queues: 'static {
    /// Sends a message to the queue with this URL.
    ///
    /// # Errors
    /// [`Failure`], where SQS did not take it or did not say so.
    fn send(&self, url: &str, body: String) -> impl Future<Output = Result<(), Failure>>;

    /// Sets the visibility timeout of a message.
    ///
    /// # Errors
    /// [`Failure`]
    fn change_visibility(
        &self,
        queue_arn: &str,
        receipt_handle: &str,
        seconds: u32,
    ) -> impl Future<Output = Result<(), Failure>>;
}

/// Calls SQS. The client is built for the first call: most invocations never need one.
#[derive(Debug)]
pub struct AwsQueues {
    aws: Aws,
    client: OnceLock<sdk::Client>,
}

impl AwsQueues {
    /// Queues that are not called yet.
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self { aws, client: OnceLock::new() }
    }

    fn client(&self) -> &sdk::Client {
        self.client.get_or_init(|| sqs::client(&self.aws))
    }
}

impl Queues for AwsQueues {
    async fn send(&self, url: &str, body: String) -> Result<(), Failure> {
        self.client().send_message().queue_url(url).message_body(body).send().await?;
        Ok(())
    }

    async fn change_visibility(
        &self,
        queue_arn: &str,
        receipt_handle: &str,
        seconds: u32,
    ) -> Result<(), Failure> {
        let url = queue_url(queue_arn, self.aws.endpoint(SQS)).ok_or_else(|| {
            Failure::new("InvalidArn", "the message's eventSourceARN names no queue")
        })?;
        let change = self.client().change_message_visibility().queue_url(url);
        let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        change.receipt_handle(receipt_handle).visibility_timeout(seconds).send().await?;
        Ok(())
    }
}
