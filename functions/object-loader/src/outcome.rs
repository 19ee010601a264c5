//! The outcome of an object, from which the answer, the metrics and the log lines are made, so that
//! they cannot disagree.

use shared::opensearch;

use crate::objects::ObjectError;

/// The outcome of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every record has its outcome.
    Done,
    /// A message requests the rest, for which the time did not suffice.
    Continued,
    /// It is not an object to load.
    Ignored,
    /// It was replaced by another object, which has its own notification.
    Superseded,
    /// Its message is redelivered.
    Retry(Retry),
}

/// Why a message is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Retry {
    /// A document is not in the index yet.
    Search(opensearch::Retry),
    /// Too little time was left.
    Deadline,
    /// Access to the object is denied.
    Denied,
    /// The object currently cannot be read.
    Unavailable,
    /// The object does not exist.
    NotFound,
    /// The object is archived.
    Archived,
    /// The object does not contain records of the format.
    UnknownFormat,
    /// The message does not name an object.
    NoObject,
    /// Refused records could not be kept.
    NotKept,
    /// The rest of the object could not be requested.
    NotContinued,
}

impl Retry {
    /// The reason as in the log.
    #[must_use]
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Search(retry) => retry.reason(),
            Self::Deadline => "deadline",
            Self::Denied => "object_denied",
            Self::Unavailable => "object_unavailable",
            Self::NotFound => "object_not_found",
            Self::Archived => "object_archived",
            Self::UnknownFormat => "unknown_format",
            Self::NoObject => "no_object",
            Self::NotKept => "failures_not_written",
            Self::NotContinued => "not_continued",
        }
    }

    /// Whether waiting helps. If not, the message is redelivered after the queue's visibility
    /// timeout, so that the queue's own limit moves it to the dead-letter queue.
    #[must_use]
    pub(crate) const fn backs_off(self) -> bool {
        !matches!(self, Self::NotFound | Self::Archived | Self::UnknownFormat | Self::NoObject)
    }

    /// Whether more time may suffice: OpenSearch is asked until the time is up.
    #[must_use]
    pub(crate) fn is_late(self) -> bool {
        matches!(self, Self::Deadline | Self::Search(_))
            && self != Self::Search(opensearch::Retry::Denied)
    }

    /// The change that an operator must make, if waiting does not help.
    #[must_use]
    pub(crate) const fn advice(self) -> Option<&'static str> {
        match self {
            Self::Search(retry) => retry.advice(),
            Self::Denied => Some(
                "give the function's role s3:GetObject and s3:GetObjectVersion on the bucket's \
                 objects and s3:ListBucket on the bucket, and kms:Decrypt on the key of an \
                 encrypted bucket; check the bucket's policy",
            ),
            Self::NotFound => Some(
                "the object was deleted before it was read: delete the message from the \
                 dead-letter queue, or put the object back and redrive the message",
            ),
            Self::Archived => {
                Some("the object is in an archive: restore it, then redrive the message")
            }
            Self::UnknownFormat => Some(
                "the object holds neither JSON nor, with FORMAT=text, lines: check what is \
                 written under the rule's prefix",
            ),
            Self::NoObject => Some(
                "the message is neither a notification of S3 nor a load request: check what sends \
                 to the queue",
            ),
            Self::NotKept => Some(
                "check FAILURES_BUCKET and FAILURES_PREFIX, and give the function's role \
                 s3:PutObject there",
            ),
            Self::NotContinued => {
                Some("check CONTINUE_QUEUE_URL, and give the function's role sqs:SendMessage on it")
            }
            Self::Deadline | Self::Unavailable => None,
        }
    }
}

impl From<&ObjectError> for Outcome {
    fn from(error: &ObjectError) -> Self {
        match error {
            ObjectError::NotFound(_) => Self::Retry(Retry::NotFound),
            ObjectError::Archived(_) => Self::Retry(Retry::Archived),
            ObjectError::Denied(_) => Self::Retry(Retry::Denied),
            ObjectError::Changed(_) => Self::Superseded,
            // There is nothing after the part that was loaded.
            ObjectError::BeyondEnd(_) => Self::Done,
            ObjectError::Unavailable(_) => Self::Retry(Retry::Unavailable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_what_to_change() {
        for (retry, expected) in [
            (Retry::Search(opensearch::Retry::Denied), "OPENSEARCH_AUTH"),
            (Retry::Denied, "s3:GetObject"),
            (Retry::NotFound, "put the object back"),
            (Retry::Archived, "restore it"),
            (Retry::UnknownFormat, "FORMAT=text"),
            (Retry::NoObject, "check what sends"),
            (Retry::NotKept, "FAILURES_BUCKET"),
            (Retry::NotContinued, "CONTINUE_QUEUE_URL"),
        ] {
            assert!(retry.advice().is_some_and(|advice| advice.contains(expected)), "{retry:?}");
        }
        assert_eq!(Retry::Deadline.advice(), None);
    }
}
