//! The interface to SQS, which tests and simulations also implement.
//!
//! Calls have no time limit: the caller drops them.

use serde::Serialize;
use shared::sqs::Failure;
#[cfg(doc)]
use shared::sqs::MAX_ENTRIES;

use crate::message::{Message, Outgoing};

/// SQS. Calls with several entries take at most [`MAX_ENTRIES`] and return a result for each, in
/// order: `Ok` only if SQS confirmed it. Errors are those of SQS, or that it did not respond.
pub trait Queues {
    /// Receives up to [`MAX_ENTRIES`] messages, with all their attributes, and hides them.
    fn receive(
        &self,
        queue_url: &str,
        hide_seconds: u32,
        wait_seconds: u32,
    ) -> impl Future<Output = Result<Vec<Message>, Failure>>;

    /// Sends messages and returns their new ids.
    fn send(
        &self,
        queue_url: &str,
        messages: &[Outgoing],
    ) -> impl Future<Output = Vec<Result<String, Failure>>>;

    /// Deletes the messages with these receipt handles.
    fn delete(
        &self,
        queue_url: &str,
        receipt_handles: &[String],
    ) -> impl Future<Output = Vec<Result<(), Failure>>>;

    /// Makes the messages with these receipt handles visible at once.
    fn show(
        &self,
        queue_url: &str,
        receipt_handles: &[String],
    ) -> impl Future<Output = Vec<Result<(), Failure>>>;

    /// Reads the attributes of a queue.
    fn attributes(&self, queue_url: &str)
    -> impl Future<Output = Result<QueueAttributes, Failure>>;

    /// Starts a message move task and returns its handle.
    fn start_move(
        &self,
        source_arn: &str,
        destination_arn: Option<&str>,
        rate_per_second: Option<u32>,
    ) -> impl Future<Output = Result<String, Failure>>;

    /// The latest move tasks of a queue, latest first.
    fn move_tasks(&self, source_arn: &str) -> impl Future<Output = Result<Vec<MoveTask>, Failure>>;

    /// Cancels a running move task and returns the number of messages that it moved.
    fn cancel_move(&self, task_handle: &str) -> impl Future<Output = Result<u64, Failure>>;
}

/// The attributes of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueAttributes {
    /// `QueueArn`
    pub arn: Option<String>,
    /// `ApproximateNumberOfMessages`: those that can be received.
    pub visible: Option<u64>,
    /// `MessageRetentionPeriod`, in seconds.
    pub retention_seconds: Option<u64>,
}

/// A message move task, with the names of `ListMessageMoveTasks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "their names are those of SQS")]
pub struct MoveTask {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_handle: Option<String>,
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`.
    pub status: String,
    pub source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_number_of_messages_per_second: Option<u32>,
    pub approximate_number_of_messages_moved: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approximate_number_of_messages_to_move: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// Milliseconds since 1970.
    pub started_timestamp: u64,
}
