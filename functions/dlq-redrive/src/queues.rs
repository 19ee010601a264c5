//! The interface to SQS, which tests and simulations implement too.
//!
//! Calls have no time limit: the caller drops them.

use serde::Serialize;
use shared::sqs::Failure;
#[cfg(doc)]
use shared::sqs::MAX_ENTRIES;

use crate::message::{Message, Outgoing};

/// SQS. Calls with several entries take at most [`MAX_ENTRIES`] and return a result for each, in
/// order: `Ok` only if SQS confirmed it. All errors are those of SQS, or that it did not respond.
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

/// A queue, by its URL or its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its URL.
    pub url: String,
    /// Its ARN, if the request has it.
    pub arn: Option<String>,
}

impl Queue {
    /// Parses the URL or the ARN of a queue; `endpoint` is where SQS is called, if not at its own.
    #[must_use]
    pub fn parse(text: &str, endpoint: Option<&str>) -> Option<Self> {
        if text.starts_with("arn:") {
            let url = shared::sqs::queue_url(text, endpoint)?;
            return Some(Self { url, arn: Some(text.to_owned()) });
        }
        Self::parse_url(text)
    }

    /// Parses the URL of a queue.
    #[must_use]
    pub fn parse_url(text: &str) -> Option<Self> {
        let url = shared::url::Url::parse(text)?;
        let (_, path) = url.as_str().split_once("://")?.1.split_once('/')?;
        let is_white = |text: &str| text.contains(char::is_whitespace);
        (!path.is_empty() && !is_white(text)).then(|| Self { url: text.to_owned(), arn: None })
    }

    /// Whether it is a FIFO queue.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.url.trim_end_matches('/').strip_suffix(".fifo").is_some()
    }

    /// Whether both are the same queue, by URL or ARN.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.place().eq(other.place())
    }

    /// Name and account: the last parts of a URL and of an ARN.
    fn place(&self) -> impl Iterator<Item = &str> {
        self.url.trim_end_matches('/').rsplit('/').take(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:music-dlq";
    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq";

    #[test]
    fn a_queue_is_the_same_by_url_and_by_arn() {
        let of_arn = Queue::parse(ARN, None).unwrap();
        assert_eq!(of_arn, Queue { url: URL.to_owned(), arn: Some(ARN.to_owned()) });
        let of_url = Queue::parse(URL, None).unwrap();
        assert_eq!(of_url, Queue { url: URL.to_owned(), arn: None });
        assert!(of_arn.is(&of_url));
        let local = Queue::parse(ARN, Some("http://127.0.0.1:9324")).unwrap();
        assert_eq!(local.url, "http://127.0.0.1:9324/123456789012/music-dlq");
        assert!(local.is(&of_url) && of_url.is(&local));
        for other in [
            "arn:aws:sqs:eu-west-1:123456789012:music",
            "arn:aws:sqs:eu-west-1:999999999999:music-dlq",
        ] {
            assert!(!of_url.is(&Queue::parse(other, None).unwrap()), "{other}");
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            "music-dlq",
            "arn:aws:s3:::music",
            "arn:aws:sqs:eu-west-1:123456789012:",
            "https://sqs.eu-west-1.amazonaws.com",
            "https://sqs.eu-west-1.amazonaws.com/",
            "https://sqs.eu-west-1.amazonaws.com/1/a b",
            "ftp://sqs/1/a",
        ] {
            assert_eq!(Queue::parse(text, None), None, "{text}");
        }
        assert_eq!(Queue::parse_url(ARN), None);
    }

    #[test]
    fn a_fifo_queue_is_recognized_by_its_name() {
        assert!(Queue::parse("http://127.0.0.1:9324/1/a.fifo", None).unwrap().is_fifo());
        assert!(!Queue::parse(URL, None).unwrap().is_fifo());
    }
}
