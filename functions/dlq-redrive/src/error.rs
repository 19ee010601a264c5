//! Why an invocation fails as a whole: nothing was moved, or SQS reports that it was not.

use shared::runtime::Failure as Report;
use shared::sqs::Failure;

use crate::queue::Queue;

/// An invocation's failure. The invoker receives its type and its message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field of the payload is invalid.
    #[error("{field}: {reason}")]
    InvalidRequest {
        /// The field, such as `canary.messages`.
        field: String,
        /// Why its value is invalid.
        reason: String,
    },
    /// The source does not exist, access is denied, or the credentials are invalid.
    #[error(
        "failed to read the queue {queue}: {failure}; check DLQ_URL or `source`, and the \
             permissions of the function's role on this queue and its key"
    )]
    SourceUnavailable {
        /// The URL or the ARN of the queue.
        queue: String,
        /// The error that SQS returned.
        failure: Failure,
    },
    /// SQS refused to start, list or cancel a move task.
    #[error("{failure}{}", advice(.failure))]
    Refused {
        /// The error that SQS returned.
        failure: Failure,
    },
    /// A move task ended without moving everything.
    #[error("the move task failed: {reason}{}", task_advice(.reason))]
    TaskFailed {
        /// The reason that SQS reports.
        reason: String,
    },
    /// No move task can be cancelled.
    #[error("no move task of {source_arn} is running")]
    NoRunningTask {
        /// The queue's ARN.
        source_arn: String,
    },
}

impl Error {
    /// The error of a call about the source: unavailable, or rejected for another reason.
    #[must_use]
    pub fn of_source(source: &Queue, failure: Failure) -> Self {
        if is_unavailable(&failure) {
            let queue = source.arn.as_ref().unwrap_or(&source.url).clone();
            return Self::SourceUnavailable { queue, failure };
        }
        Self::Refused { failure }
    }

    /// The error of an invalid field.
    #[must_use]
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidRequest { field: field.into(), reason: reason.into() }
    }
}

impl Report for Error {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest { .. } => "InvalidRequest",
            Self::SourceUnavailable { .. } => "SourceUnavailable",
            Self::Refused { .. } => "MoveTaskRefused",
            Self::TaskFailed { .. } => "MoveTaskFailed",
            Self::NoRunningTask { .. } => "NoRunningTask",
        }
    }
}

/// Whether the queue does not exist or may not be read, or the credentials are invalid, which retries
/// do not change (source: Amazon SQS API reference, "Common Errors" and the errors of
/// `ReceiveMessage`, in both protocols).
#[must_use]
pub fn is_unavailable(failure: &Failure) -> bool {
    let code = failure.code.rsplit('.').next().unwrap_or_default();
    let missing = ["NonExistentQueue", "QueueDoesNotExist", "ResourceNotFoundException"];
    let denied = ["AccessDenied", "AccessDeniedException", "InvalidAddress", "InvalidSecurity"];
    let key = ["KmsAccessDenied", "KmsDisabled", "KmsInvalidState", "KmsNotFound"];
    let credentials = [
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ];
    [&missing[..], &denied, &key, &credentials].concat().contains(&code)
}

fn advice(failure: &Failure) -> &'static str {
    if failure.code.ends_with("UnsupportedOperation") {
        " (another task is running: wait for it, or cancel it with the action `cancel`)"
    } else if failure.message.contains("Dead Letter Queue") {
        " (the mode `selective` moves the messages of any queue)"
    } else {
        ""
    }
}

fn task_advice(reason: &str) -> &'static str {
    if reason.contains("CouldNotDetermineMessageSource") {
        " (messages were sent to the queue directly: set `destination`)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_unavailable_if_retries_do_not_help() {
        let source = Queue::parse("arn:aws:sqs:eu-west-1:123456789012:music-dlq", None).unwrap();
        for code in [
            "AWS.SimpleQueueService.NonExistentQueue",
            "QueueDoesNotExist",
            "ResourceNotFoundException",
            "AccessDenied",
            "AccessDeniedException",
            "InvalidAddress",
            "KMS.AccessDeniedException",
            "KmsAccessDenied",
            "InvalidClientTokenId",
            "ExpiredToken",
            "SignatureDoesNotMatch",
        ] {
            let error = Error::of_source(&source, Failure::new(code, "no"));
            assert_eq!(error.error_type(), "SourceUnavailable", "{code}");
            let text = error.to_string();
            let expected =
                format!("failed to read the queue {}: {code}: no;", source.arn.as_ref().unwrap());
            assert!(text.starts_with(&expected), "{text}");
        }
        for code in ["NoAnswer", "Deadline", "RequestThrottled", "InternalError", "KmsThrottled"] {
            let failure = Failure::new(code, "no");
            assert_eq!(Error::of_source(&source, failure.clone()), Error::Refused { failure });
        }
    }
}
