//! What becomes of a record, as a value. From here, and from nowhere else, come the answer's
//! `result`, the metrics and the log lines, so that they cannot disagree.

use shared::event::{Refusal, TimestampSource};

/// A record's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It became a document.
    Ok(TimestampSource),
    /// It is left out on purpose: there is nothing in it, or its action is not wanted.
    Dropped,
    /// It was put back into its source and will come again.
    Reingested,
    /// It goes to the S3 backup.
    Failed(Failure),
}

/// Why a record failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It can never become a document.
    Refused(Refusal),
    /// A defect in the transformation showed on it.
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
    /// The request does not say where it comes from, or it is Kafka.
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
    /// The reason as it stands in the log.
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
