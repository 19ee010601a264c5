//! Why an invocation fails as a whole. SQS then delivers its message again.

use shared::runtime::Failure;

/// An invocation's failure; its type and the message are what the invoker sees.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The event is not one of SQS, or one that could only be answered in part.
    #[error("not an SQS event: {0}")]
    InvalidEvent(String),
}

impl Failure for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "InvalidEvent",
        }
    }
}
