//! Why an invocation fails as a whole.

use shared::aws::CallFailure;
use shared::runtime::Failure;

/// An invocation's failure. All notices were tried and all metrics were emitted before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// Something could not be read.
    #[error("failed to read everything ({count} failures), first {first}")]
    PollFailed {
        /// Number of statements and projects that could not be read completely.
        count: u64,
        /// The first one and its reason.
        first: String,
    },
    /// SNS did not accept a notice.
    #[error("failed to publish {count} notices, first: {first}")]
    NotPublished {
        /// Number of notices.
        count: u64,
        /// Why the first one was not accepted.
        first: CallFailure,
    },
}

impl Failure for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::PollFailed { .. } => "PollFailed",
            Self::NotPublished { .. } => "NotPublished",
        }
    }
}
