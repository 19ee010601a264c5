//! Why an invocation fails as a whole. Firehose then retries it, and after the retries the
//! records go to the S3 backup: nothing is lost, but nothing is transformed either, so this is
//! only for what cannot be answered record by record.

use shared::runtime::Failure;

/// An invocation's failure; its type and the message are what the invoker sees.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request is no Firehose transformation event.
    #[error("not a Firehose transformation event: {0}")]
    InvalidEvent(String),
    /// Not even the ids and results fit in the response budget.
    #[error(
        "the answer needs {needed} bytes without any data, but RESPONSE_BUDGET_BYTES is {budget}"
    )]
    BudgetTooSmall {
        /// Bytes of the answer without data.
        needed: usize,
        /// The budget, in bytes.
        budget: usize,
    },
}

impl Failure for Error {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "InvalidEvent",
            Self::BudgetTooSmall { .. } => "BudgetTooSmall",
        }
    }
}
