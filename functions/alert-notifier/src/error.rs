//! Errors of the handler. Lambda retries the event, and then sends it to the on-failure destination.

use shared::aws::CallFailure;
use shared::runtime::Failure;

use crate::delivery::PostFailure;
use crate::webhook::ALLOWED;

/// An invocation's error. Its text never contains a webhook's URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// Some alerts were not posted.
    #[error("{failed} of {alerts} alerts not posted: {first}{}", advice(.first))]
    NotPosted {
        /// Number of alerts that were not posted.
        failed: usize,
        /// Number of alerts in the event.
        alerts: usize,
        /// The first failure.
        first: PostFailure,
    },
    /// Secrets Manager rejected the call, or did not answer.
    #[error("GOOGLE_CHAT_SECRET_ARN: failed to read the secret: {0}")]
    Secret(CallFailure),
    /// Secrets Manager did not answer before the deadline.
    #[error("GOOGLE_CHAT_SECRET_ARN: failed to read the secret before the deadline")]
    SecretLate,
    /// The secret is not a webhook's URL.
    #[error("GOOGLE_CHAT_SECRET_ARN: the secret's text must be {ALLOWED}")]
    SecretForm,
}

impl Failure for HandlerError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::NotPosted { .. } => "NotPosted",
            Self::Secret(_) | Self::SecretLate | Self::SecretForm => "SecretUnusable",
        }
    }
}

fn advice(failure: &PostFailure) -> &'static str {
    match failure {
        PostFailure::Refused(reply) => match reply.status {
            300..=399 => " (the server is not Google Chat: redirects are not followed)",
            401 | 403 | 404 => " (if the webhook was deleted, create a new one in the space)",
            _ => "",
        },
        PostFailure::NoReply(_) | PostFailure::NoTime => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ChatReply;

    #[test]
    fn the_error_has_advice() {
        for (status, expected) in [
            (403, " 403 (if the webhook was deleted, create a new one in the space)"),
            (302, " 302 (the server is not Google Chat: redirects are not followed)"),
            (500, " 500"),
        ] {
            let first = PostFailure::Refused(ChatReply { status, ..ChatReply::default() });
            let error = HandlerError::NotPosted { failed: 1, alerts: 2, first };
            let expected = format!("1 of 2 alerts not posted: Google Chat answered{expected}");
            assert_eq!(error.to_string(), expected);
        }
    }
}
