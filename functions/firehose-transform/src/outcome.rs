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
    /// It cannot become a document, but `SPLIT=on` would read it: it is compressed, or contains
    /// several events.
    Unsplit(Refusal),
    /// It begins like gzip, but is not valid gzip.
    InvalidGzip,
    /// It contains more events than are put back.
    TooManyEvents,
    /// It contains several events, and not all of the others were put back.
    EventsNotPutBack(NotPutBack),
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
    /// It exceeds the maximum size of a record.
    TooLarge,
    /// The service rejected the call: missing permissions, or no such stream.
    Denied,
    /// The service repeatedly accepted none of the records.
    Failing,
    /// Too little time was left.
    Deadline,
}

impl Failure {
    /// The reason code in the log.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Refused(refusal) | Self::Unsplit(refusal) => refusal.reason(),
            Self::InvalidGzip => "invalid_gzip",
            Self::TooManyEvents => "too_many_events",
            Self::EventsNotPutBack(_) => "not_put_back",
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

    /// Advice for the log.
    #[must_use]
    pub const fn advice(self) -> Option<&'static str> {
        match self {
            Self::Unsplit(_) => Some(
                "records are compressed or hold several events: set SPLIT=on, which makes a record of \
                 each event",
            ),
            Self::EventsNotPutBack(NotPutBack::Off) => {
                Some("SPLIT=on puts events back into the source: set REINGEST=on")
            }
            Self::EventsNotPutBack(NotPutBack::NoSource) => {
                Some("nothing can be put back into this source: put one event in a record")
            }
            Self::EventsNotPutBack(NotPutBack::TooLarge) => {
                Some("an event is larger than the 1,000 KiB that Firehose takes")
            }
            _ => None,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
