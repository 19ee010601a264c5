//! The function's own queue, with the AWS SDK.

use shared::aws::Aws;
use shared::sqs::{Failure, LazyClient};

/// Calls SQS, without retries or time limits: the caller drops the call when the time is up.
pub trait Queues: 'static {
    /// Sends a message to the queue with this URL.
    ///
    /// # Errors
    /// [`Failure`] if SQS did not accept the message or did not confirm it.
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

/// Calls SQS.
#[derive(Debug)]
pub struct AwsQueues(LazyClient);

impl AwsQueues {
    /// Makes no calls.
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self(LazyClient::new(aws))
    }
}

impl Queues for AwsQueues {
    async fn send(&self, url: &str, body: String) -> Result<(), Failure> {
        let answer = self.0.get().send_message().queue_url(url).message_body(body).send().await?;
        // An answer of 200 without an id does not confirm the message: the rest of an object would
        // be lost.
        let missing = || Failure::new("Missing", "the answer has no message id");
        answer.message_id.map(drop).ok_or_else(missing)
    }

    async fn change_visibility(
        &self,
        queue_arn: &str,
        receipt_handle: &str,
        seconds: u32,
    ) -> Result<(), Failure> {
        let url = self.0.source_url(queue_arn)?;
        let change = self.0.get().change_message_visibility().queue_url(url);
        let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        change.receipt_handle(receipt_handle).visibility_timeout(seconds).send().await?;
        Ok(())
    }
}
