//! The meaning of the store's answers, and the reasons of redelivery.

use shared::aws::{Answer, contradicts_success};

use crate::store::StoreError;

/// The meaning of an answer for the lines of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All of them are stored.
    Stored,
    /// At least one of them can never be stored; the others may be stored or not.
    Refused(&'static str),
    /// They may be stored later.
    Retry(Retry),
}

/// Why records are redelivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// 429
    Throttled,
    /// 5xx
    Unavailable,
    /// There was no answer.
    NoAnswer,
    /// The secret could not be read, or is invalid.
    NoSecret,
    /// 401 or 403
    Denied,
    /// 404
    NotFound,
    /// Another status that means a wrong configuration.
    Rejected,
    /// Too little time was left.
    Deadline,
    /// A refused reading could not be sent to quarantine.
    NotQuarantined,
}

impl Verdict {
    /// The meaning of this answer. Sources: the write APIs of InfluxDB 1, 2 and 3.
    pub(crate) fn of(answer: &Result<Answer, StoreError>) -> Self {
        let status = match answer {
            // The answer is not from the store.
            Ok(Answer { status: 200..=299, body }) if contradicts_success(body) => {
                return Self::Retry(Retry::Rejected);
            }
            Ok(answer) => answer.status,
            Err(StoreError::Secret { .. }) => return Self::Retry(Retry::NoSecret),
            Err(_) => return Self::Retry(Retry::NoAnswer),
        };
        match status {
            200..=299 => Self::Stored,
            400 | 422 => Self::Refused("store_refused"),
            413 => Self::Refused("too_large"),
            401 | 403 => Self::Retry(Retry::Denied),
            404 => Self::Retry(Retry::NotFound),
            429 => Self::Retry(Retry::Throttled),
            500..=599 => Self::Retry(Retry::Unavailable),
            _ => Self::Retry(Retry::Rejected),
        }
    }
}

impl Retry {
    /// The reason as in the log.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::NoAnswer => "no_answer",
            Self::NoSecret => "secret_not_read",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Rejected => "rejected",
            Self::Deadline => "deadline",
            Self::NotQuarantined => "not_quarantined",
        }
    }

    /// The change that an operator must make, if waiting does not help.
    pub(crate) const fn advice(self) -> Option<&'static str> {
        match self {
            Self::Throttled | Self::Unavailable | Self::NoAnswer | Self::Deadline => None,
            Self::NoSecret => Some(
                "check TSDB_SECRET_ARN and what the secret holds, and give the function's role \
                 secretsmanager:GetSecretValue on it",
            ),
            Self::Denied => Some(
                "the store does not let the function write: check TSDB_AUTH, and the token or the \
                 user, which must be allowed to write to the bucket or database in TSDB_WRITE_URL",
            ),
            Self::NotFound => Some(
                "the bucket, database or organization does not exist, or the store has no such \
                 path: check TSDB_WRITE_URL",
            ),
            Self::Rejected => {
                Some("what answers does not take line protocol there: check TSDB_WRITE_URL")
            }
            Self::NotQuarantined => Some(
                "check QUARANTINE_QUEUE_URL, and give the function's role sqs:SendMessage on it: \
                 until then the shard does not advance",
            ),
        }
    }
}
