//! Why an invocation fails as a whole: nothing was moved, or the service says that it was not.

use shared::runtime::Failure as Report;

use shared::sqs::Failure;

/// An invocation's failure; its type and the message are what the invoker sees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The payload asks for what cannot be done; the text names the field.
    #[error("{field}: {reason}")]
    InvalidRequest {
        /// The field, such as `canary.messages`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// SQS does not start, list or cancel a move task.
    #[error("{failure}{}", advice(.failure))]
    Refused {
        /// What SQS says.
        failure: Failure,
    },
    /// A move task ended without moving everything.
    #[error("the move task failed: {reason}{}", task_advice(.reason))]
    TaskFailed {
        /// What SQS says.
        reason: String,
    },
    /// There is nothing to cancel.
    #[error("no move task of {source_arn} is running")]
    NoRunningTask {
        /// The queue's ARN.
        source_arn: String,
    },
}

impl Error {
    /// The field is not as it must be.
    #[must_use]
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidRequest { field: field.into(), reason: reason.into() }
    }
}

impl Report for Error {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest { .. } => "InvalidRequest",
            Self::Refused { .. } => "MoveTaskRefused",
            Self::TaskFailed { .. } => "MoveTaskFailed",
            Self::NoRunningTask { .. } => "NoRunningTask",
        }
    }
}

fn advice(failure: &Failure) -> &'static str {
    if failure.code.ends_with("UnsupportedOperation") {
        " (another task is running: wait for it, or end it with the action `cancel`)"
    } else if failure.message.contains("Dead Letter Queue") {
        " (the mode `selective` moves the messages of any queue)"
    } else {
        ""
    }
}

fn task_advice(reason: &str) -> &'static str {
    if reason.contains("CouldNotDetermineMessageSource") {
        " (there are messages that were sent to the queue directly: give a `destination`)"
    } else {
        ""
    }
}
