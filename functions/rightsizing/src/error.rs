//! Why an invocation fails.

use shared::aws::CallFailure;
use shared::runtime::Failure;

/// An invocation's failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The event is invalid.
    #[error("the event is invalid: {0}")]
    InvalidRequest(String),
    /// AWS rejected a change, or this function refuses it.
    #[error("{0}")]
    Refused(CallFailure),
    /// A bucket's lifecycle is not the one that was written.
    #[error(
        "the lifecycle of the bucket lacks {0}, which was written: another change came between"
    )]
    LifecycleChanged(String),
    /// Nothing could be read.
    #[error("failed to read any kind: {0}")]
    ScanFailed(String),
    /// SNS did not accept the notice.
    #[error("failed to publish the notice: {0}")]
    NotPublished(CallFailure),
}

impl From<CallFailure> for HandlerError {
    fn from(failure: CallFailure) -> Self {
        Self::Refused(failure)
    }
}

impl Failure for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::Refused(_) => "Refused",
            Self::LifecycleChanged(_) => "LifecycleChanged",
            Self::ScanFailed(_) => "ScanFailed",
            Self::NotPublished(_) => "NotPublished",
        }
    }
}
