//! Why an invocation fails; what could be read was emitted all the same.

use std::io;

use shared::runtime::Failure as Report;

/// An invocation's failure; its type and the message are what the invoker sees.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not all could be read.
    #[error("not all could be read (failures: {count}), such as {first}")]
    PollFailed {
        /// How many calls failed, and results of others were not whole.
        count: u64,
        /// One of them: operation, code, what is said of it, and what it was for.
        first: String,
    },
    /// Nobody takes the metrics.
    #[error("metrics could not be written: {0}")]
    MetricsNotWritten(#[from] io::Error),
}

impl Report for Error {
    fn error_type(&self) -> &'static str {
        match self {
            Self::PollFailed { .. } => "PollFailed",
            Self::MetricsNotWritten(_) => "MetricsNotWritten",
        }
    }
}
