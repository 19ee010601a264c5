//! Why an invocation fails as a whole.

use shared::aws::CallFailure;
use shared::runtime::Failure;

/// An invocation's failure. Its text contains neither secrets nor parts of the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The event is not an HTTP request.
    #[error("the event is not an HTTP request of a function URL or of API Gateway")]
    InvalidEvent,
    /// Secrets Manager rejected the call, or did not answer.
    #[error("WEBHOOK_SECRET_ARN: failed to read the secret: {0}")]
    SecretUnread(CallFailure),
    /// The secret has no usable line.
    #[error("WEBHOOK_SECRET_ARN: the secret's text must have a line of at least 16 characters")]
    SecretTooShort,
    /// SNS did not accept the notice.
    #[error("failed to publish the notice: {0}")]
    NotPublished(CallFailure),
}

impl Failure for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidEvent => "InvalidEvent",
            Self::SecretUnread(_) | Self::SecretTooShort => "SecretUnusable",
            Self::NotPublished(_) => "NotPublished",
        }
    }
}
