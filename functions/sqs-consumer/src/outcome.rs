//! What becomes of a message and of its documents, as values. From here, and from nowhere else,
//! come the answer, the metrics and the log lines, so that they cannot disagree.

use std::borrow::Cow;

use shared::event::Refusal;
use shared::opensearch::KnownError;

/// A message's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All its documents are in the index: SQS deletes it.
    Done,
    /// What could not become a document is in quarantine, all else in the index: SQS deletes it.
    Quarantined,
    /// SQS delivers it again.
    Retry(Retry),
}

/// Why a message is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Retry {
    /// OpenSearch has too much to do: 429.
    Throttled,
    /// OpenSearch answered 5xx.
    Unavailable,
    /// No answer came.
    NoAnswer,
    /// The index does not exist and is not created.
    NoIndex,
    /// 401 or 403: the set-up is wrong.
    Denied,
    /// OpenSearch refused the document for a reason that is about the set-up.
    SetUp(&'static KnownError),
    /// Another status of the whole request that means a wrong set-up.
    Rejected,
    /// The answer, or what it says of this document, makes no sense.
    OddAnswer,
    /// Too little time was left.
    Deadline,
    /// A defect showed on this message.
    Panicked,
    /// An earlier message of its FIFO group failed.
    GroupFailed,
    /// It belongs in quarantine, but there is no such queue.
    NoQuarantine,
    /// It belongs in quarantine, but could not be sent there.
    NotQuarantined,
}

impl Retry {
    /// The reason as it stands in the log.
    #[must_use]
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::NoAnswer => "no_answer",
            Self::NoIndex => "no_such_index",
            Self::Denied => "denied",
            Self::SetUp(error) => error.name,
            Self::Rejected => "rejected",
            Self::OddAnswer => "odd_answer",
            Self::Deadline => "deadline",
            Self::Panicked => "panicked",
            Self::GroupFailed => "group_failed",
            Self::NoQuarantine => "no_quarantine_queue",
            Self::NotQuarantined => "not_quarantined",
        }
    }

    /// Whether waiting helps. What belongs in quarantine is redelivered as soon as the queue lets
    /// it, so that the queue's own limit takes it to the dead-letter queue.
    #[must_use]
    pub(crate) const fn backs_off(self) -> bool {
        !matches!(self, Self::NoQuarantine | Self::NotQuarantined)
    }
}

/// Why an event can never become a document in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// In `snake_case`: the event model's or OpenSearch's own.
    pub code: Cow<'static, str>,
    /// For people, and maybe a quote of the event: never for the log.
    pub detail: Cow<'static, str>,
    /// What to do, for the log; empty where there is nothing to say.
    pub advice: &'static str,
}

impl Reason {
    /// The body is in S3, where the SQS extended client put it.
    #[must_use]
    pub const fn large_payload_pointer() -> Self {
        Self {
            code: Cow::Borrowed("large_payload_pointer"),
            detail: Cow::Borrowed("the SQS extended client put the body into S3"),
            advice: "the producer puts large bodies into S3 (SQS extended client): let it send \
                     events of at most 1 MiB, or read the bodies from S3 by the messages in \
                     quarantine",
        }
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        let detail = match refusal {
            Refusal::NoData => "it has no data",
            Refusal::InvalidBase64 => "it is not base64",
            Refusal::InvalidUtf8 => "it is not UTF-8",
            Refusal::InvalidJson => "it is not one JSON value",
            Refusal::NotAnObject => "it is JSON, but no object",
            Refusal::Empty => "there is no event in it",
            Refusal::EmptyEnvelope => "there is nothing in its envelope",
            Refusal::TooDeep => "it is nested more than 128 levels deep",
            Refusal::TooLarge => "it has more than 1,048,576 bytes",
            Refusal::NumberTooLong => "it has a number of more than 1,000 characters",
        };
        Self { code: Cow::Borrowed(refusal.reason()), detail: Cow::Borrowed(detail), advice: "" }
    }
}
