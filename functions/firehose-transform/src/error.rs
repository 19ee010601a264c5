//! Why an invocation fails as a whole. Firehose then retries it, and after the retries the records
//! go to the S3 backup: nothing is lost, but nothing is transformed, so this is only for requests
//! that cannot be answered record by record.

use shared::runtime::Failure;

/// An invocation's failure. The invoker receives its type and its message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The request is not a Firehose transformation event.
    #[error("not a Firehose transformation event: {0}")]
    InvalidEvent(String),
    /// The ids and results alone exceed the response budget.
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

impl Failure for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "InvalidEvent",
            Self::BudgetTooSmall { .. } => "BudgetTooSmall",
        }
    }
}
