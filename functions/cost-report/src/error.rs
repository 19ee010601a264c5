//! Why an invocation fails.

use shared::aws::CallFailure;
use shared::cost::CostError;
use shared::runtime::Failure;

/// An invocation's failure. Its text does not quote messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The event is invalid.
    #[error("the event must be a JSON object, and its Records those of SNS")]
    InvalidRequest,
    /// The costs could not be read in full.
    #[error("failed to read the costs: {0}")]
    ReportFailed(CostError),
    /// SNS did not accept some notices; the others were published.
    #[error("failed to publish {count} of the notices: {first}")]
    NotPublished {
        /// Number of notices that were not published.
        count: usize,
        /// The first failure.
        first: CallFailure,
    },
}

impl Failure for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest => "InvalidRequest",
            Self::ReportFailed(_) => "ReportFailed",
            Self::NotPublished { .. } => "NotPublished",
        }
    }
}
