//! Why an invocation fails as a whole: nothing was counted, or nobody heard of it.

use shared::runtime::Failure;

/// An invocation's failure; its type and the message are what the invoker sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The event is none of a subscription to a log group, or came damaged.
    #[error("not an event of a log subscription: {0}")]
    InvalidEvent(#[from] Damage),
    /// The metrics could not be written. Invoking it again counts them.
    #[error("the metrics could not be written to standard output")]
    MetricsNotWritten,
}

/// What is wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There is no text `awslogs.data`.
    #[error("it has no text `awslogs.data`")]
    NoData,
    /// The text is not base64.
    #[error("`awslogs.data` is not base64")]
    NotBase64,
    /// The bytes are not gzip.
    #[error("`awslogs.data` is not one whole gzip file")]
    NotGzip,
    /// The content is too large.
    #[error("`awslogs.data` inflates to more than {} bytes", crate::payload::MAX_INFLATED_BYTES)]
    TooLarge,
    /// The content is not JSON.
    #[error("`awslogs.data` does not hold valid JSON")]
    NotJson,
    /// The JSON is something else.
    #[error("`awslogs.data` does not hold log events: {0} is missing or of another form")]
    NoLogEvents(&'static str),
}

impl Failure for Error {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "InvalidEvent",
            Self::MetricsNotWritten => "MetricsNotWritten",
        }
    }
}
