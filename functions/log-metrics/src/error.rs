//! Why an invocation fails as a whole: nothing was counted, or the metrics were not written.

use shared::runtime::Failure;

/// Maximum size of a decompressed payload.
pub const MAX_INFLATED_BYTES: u64 = 256 << 20;

/// An invocation's failure. The invoker receives its type and its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The event is not that of a log subscription, or is damaged.
    #[error("not an event of a log subscription: {0}")]
    InvalidEvent(#[from] Damage),
    /// The metrics could not be written. A retry counts them.
    #[error("failed to write metrics to standard output")]
    MetricsNotWritten,
}

/// Why an event is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// `awslogs.data` is missing or not a string.
    #[error("`awslogs.data` is not a string")]
    NoData,
    /// The string is not base64.
    #[error("`awslogs.data` is not base64")]
    NotBase64,
    /// The bytes are not gzip.
    #[error("`awslogs.data` is not one whole gzip file")]
    NotGzip,
    /// The content is too large.
    #[error("`awslogs.data` inflates to more than {} bytes", MAX_INFLATED_BYTES)]
    TooLarge,
    /// The content is not JSON.
    #[error("`awslogs.data` does not contain valid JSON")]
    NotJson,
    /// The JSON is not a batch of log events.
    #[error("`awslogs.data` does not contain log events: {0} is missing or invalid")]
    NoLogEvents(&'static str),
}

impl Failure for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "InvalidEvent",
            Self::MetricsNotWritten => "MetricsNotWritten",
        }
    }
}
