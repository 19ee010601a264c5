//! Why an invocation fails.

use shared::aws::CallFailure;
use shared::runtime::Failure;

/// An invocation's failure. The invoker receives its type and its message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// A request to explain a schedule, or for a dry run, is invalid.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// A list of machines could not be read. Everything else was done.
    #[error("failed to read {0}")]
    ParkingFailed(String),
    /// SNS did not accept a notice. Everything else was done.
    #[error("failed to publish the notice: {0}")]
    NotPublished(CallFailure),
}

impl Failure for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::ParkingFailed(_) => "ParkingFailed",
            Self::NotPublished(_) => "NotPublished",
        }
    }
}
