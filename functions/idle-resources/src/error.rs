//! Why an invocation fails as a whole.

use shared::aws::CallFailure;
use shared::runtime::Failure;

/// An invocation's failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The event is invalid.
    #[error("the event is invalid: {0}")]
    InvalidRequest(&'static str),
    /// Nothing could be read.
    #[error("failed to read any kind of resource: {0}")]
    ScanFailed(String),
    /// SNS did not accept a notice.
    #[error("failed to publish the notice: {0}")]
    NotPublished(CallFailure),
}

impl Failure for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::ScanFailed(_) => "ScanFailed",
            Self::NotPublished(_) => "NotPublished",
        }
    }
}
