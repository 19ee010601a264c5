//! The outcome of a record, from which the `result` in the answer, the metrics and the log lines are
//! made.

use shared::event::{Refusal, TimestampSource};

/// The outcome of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It became a document.
    Ok(TimestampSource),
    /// It is dropped on purpose: it is empty, or its action is in `DROP_ACTIONS`.
    Dropped,
    /// It was put back into its source, for a later request.
    Reingested,
    /// It goes to the S3 backup.
    Failed(Failure),
}

/// Why a record failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It cannot become a document.
    Refused(Refusal),
    /// The transformation panicked.
    Panicked,
    /// Its document alone exceeds the response budget.
    DocumentTooLarge,
    /// The answer was full and the record could not be put back.
    NotPutBack(NotPutBack),
}

/// Why a record could not be put back into its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotPutBack {
    /// `REINGEST` is `off`.
    Off,
    /// The request does not name its source, or the source is Kafka.
    NoSource,
    /// It was put back `MAX_REINGESTS` times before.
    Limit,
    /// It is larger than a record may be.
    TooLarge,
    /// The service refused the call: permissions, or no such stream.
    Denied,
    /// The service took no more of the records, again and again.
    Failing,
    /// Too little time was left.
    Deadline,
}

impl Failure {
    /// The reason code in the log.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::Panicked => "panicked",
            Self::DocumentTooLarge => "document_too_large",
            Self::NotPutBack(NotPutBack::Off) => "reingest_off",
            Self::NotPutBack(NotPutBack::NoSource) => "reingest_no_source",
            Self::NotPutBack(NotPutBack::Limit) => "reingest_limit",
            Self::NotPutBack(NotPutBack::TooLarge) => "reingest_too_large",
            Self::NotPutBack(NotPutBack::Denied) => "reingest_denied",
            Self::NotPutBack(NotPutBack::Failing) => "reingest_failing",
            Self::NotPutBack(NotPutBack::Deadline) => "reingest_deadline",
        }
    }
}
