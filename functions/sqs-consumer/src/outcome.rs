//! The outcome of a message. The answer, the metrics and the log lines are made from it alone, so
//! that they cannot disagree.

use std::borrow::Cow;

use shared::event::Reason;
use shared::opensearch;

/// The outcome of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All its documents are in the index: SQS deletes it.
    Done,
    /// Events that could not become documents are in quarantine, all others in the index: SQS
    /// deletes it.
    Quarantined,
    /// SQS redelivers it.
    Retry(Retry),
}

/// Why a message is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Retry {
    /// One of its documents is not in the index yet.
    Search(opensearch::Retry),
    /// Too little time was left.
    Deadline,
    /// It caused a panic.
    Panicked,
    /// An earlier message of its FIFO group failed.
    GroupFailed,
    /// Its body is in S3, and could not be read.
    Payload,
    /// It belongs in quarantine, but there is no such queue.
    NoQuarantine,
    /// It belongs in quarantine, but could not be sent there.
    NotQuarantined,
}

impl Retry {
    /// The reason as in the log.
    #[must_use]
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Search(retry) => retry.reason(),
            Self::Deadline => "deadline",
            Self::Panicked => "panicked",
            Self::GroupFailed => "group_failed",
            Self::Payload => "large_payload_not_read",
            Self::NoQuarantine => "no_quarantine_queue",
            Self::NotQuarantined => "not_quarantined",
        }
    }

    /// The change that an operator must make, if waiting does not help.
    #[must_use]
    pub(crate) const fn advice(self) -> Option<&'static str> {
        match self {
            Self::Search(retry) => retry.advice(),
            Self::NoQuarantine => Some(
                "set QUARANTINE_QUEUE_URL: until then such messages end in the dead-letter queue",
            ),
            Self::NotQuarantined => Some(
                "check QUARANTINE_QUEUE_URL, and give the function's role sqs:SendMessage on it: \
                 until then such messages end in the dead-letter queue",
            ),
            Self::Payload => Some(
                "give the function's role s3:GetObject on the bucket of the SQS extended client, \
                 and kms:Decrypt on its key if it has one; without s3:ListBucket a missing object \
                 looks like a missing permission",
            ),
            Self::Deadline | Self::Panicked | Self::GroupFailed => None,
        }
    }

    /// Whether waiting helps. A message that belongs in quarantine is redelivered after the queue's
    /// visibility timeout, so that the queue's own limit moves it to the dead-letter queue.
    #[must_use]
    pub(crate) const fn backs_off(self) -> bool {
        !matches!(self, Self::NoQuarantine | Self::NotQuarantined)
    }
}

/// The reason of a message whose body the SQS extended client stored in S3.
pub(crate) const LARGE_PAYLOAD_POINTER: Reason = Reason {
    code: Cow::Borrowed("large_payload_pointer"),
    detail: Cow::Borrowed("the SQS extended client put the body into S3"),
    advice: "the producer puts large bodies into S3 (SQS extended client): let it send events of \
             at most 1 MiB, or set LARGE_PAYLOADS=fetch",
};

/// The reason of a message whose body in S3 does not exist.
pub(crate) const LARGE_PAYLOAD_MISSING: Reason = Reason {
    code: Cow::Borrowed("large_payload_missing"),
    detail: Cow::Borrowed("the body that the SQS extended client put into S3 is not there"),
    advice: "keep the objects of the SQS extended client at least as long as the queue and its \
             dead-letter queue keep messages",
};

/// The reason of a message that holds more events than fit in memory.
pub(crate) const TOO_MANY_EVENTS: Reason = Reason {
    code: Cow::Borrowed("too_many_events"),
    detail: Cow::Borrowed("the body in S3 holds more than 1,000,000 events"),
    advice: "let the producer put fewer events into one body",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_what_to_change() {
        for (retry, expected) in [
            (Retry::Search(opensearch::Retry::Denied), "OPENSEARCH_AUTH"),
            (Retry::NoQuarantine, "set QUARANTINE_QUEUE_URL"),
            (Retry::NotQuarantined, "sqs:SendMessage"),
            (Retry::Payload, "s3:GetObject"),
        ] {
            assert!(retry.advice().is_some_and(|advice| advice.contains(expected)), "{retry:?}");
        }
        assert_eq!(Retry::Deadline.advice(), None);
    }
}
