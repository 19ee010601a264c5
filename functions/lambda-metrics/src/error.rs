//! Why an invocation fails. The metrics that could be read are still emitted.

use std::io;

use shared::runtime::Failure as Report;

/// An invocation's failure. The invoker receives its type and its message.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Some calls failed, or some results were incomplete.
    #[error("failed to read all metrics ({count} failures), first {first}")]
    PollFailed {
        /// Number of failed calls and of incomplete results.
        count: u64,
        /// The first one: operation, subject, code and message.
        first: String,
    },
    /// The metrics could not be written.
    #[error("failed to write metrics: {0}")]
    MetricsNotWritten(#[from] io::Error),
}

impl Report for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::PollFailed { .. } => "PollFailed",
            Self::MetricsNotWritten(_) => "MetricsNotWritten",
        }
    }
}
