//! Why an invocation fails. All other checks are still done.

use shared::aws::CallFailure;
use shared::runtime::Failure;

/// An invocation's failure. Its text contains no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// SNS did not accept all notices.
    #[error("failed to publish {count} notices, the first one: {first}")]
    NotPublished {
        /// Number of notices.
        count: u64,
        /// Why the first one was not published.
        first: CallFailure,
    },
    /// Checks could not be run, or their earlier results could not be read; the log says why.
    #[error("failed to run all checks or to read what they need: {0} errors, see the log")]
    ChecksNotRun(u64),
}

impl Failure for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::NotPublished { .. } => "NotPublished",
            Self::ChecksNotRun(_) => "ChecksNotRun",
        }
    }
}
