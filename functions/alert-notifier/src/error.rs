//! Why an invocation fails as a whole: an alert is not in the space. Lambda tries again, and
//! sends the event to the dead-letter queue in the end.

use shared::aws::CallFailure;
use shared::runtime::Failure as Report;

use crate::delivery::Failure;

/// An invocation's failure. No text of it quotes a webhook's URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Some alerts could not be posted; the others are.
    #[error("{failed} of {alerts} alerts not posted: {first}{}", advice(.first))]
    NotPosted {
        /// How many could not.
        failed: usize,
        /// Of how many.
        alerts: usize,
        /// Why the first of them could not.
        first: Failure,
    },
    /// The secret with the webhook's URL cannot be read.
    #[error("GOOGLE_CHAT_SECRET_ARN: the secret cannot be read: {0}")]
    Secret(CallFailure),
    /// It cannot be read in time.
    #[error("GOOGLE_CHAT_SECRET_ARN: the secret could not be read in time")]
    SecretLate,
    /// What it holds is no webhook's URL.
    #[error("GOOGLE_CHAT_SECRET_ARN: the secret's text must be {allowed}", allowed = crate::webhook::ALLOWED)]
    SecretForm,
}

impl Report for Error {
    fn error_type(&self) -> &'static str {
        match self {
            Self::NotPosted { .. } => "NotPosted",
            Self::Secret(_) | Self::SecretLate | Self::SecretForm => "SecretUnusable",
        }
    }
}

/// What a person has to change, where waiting alone does not help.
fn advice(failure: &Failure) -> &'static str {
    match failure {
        Failure::Refused(reply) => match reply.status {
            300..=399 => " (what answers is not Google Chat: redirects are not followed)",
            401 | 403 | 404 => " (is the webhook still there? make a new one in the space)",
            _ => "",
        },
        Failure::NoReply(_) | Failure::NoTime => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Reply;

    #[test]
    fn says_what_to_change() {
        let refused = |status| Failure::Refused(Reply { status, ..Reply::default() });
        let error = |first| Error::NotPosted { failed: 1, alerts: 2, first }.to_string();
        assert_eq!(
            error(refused(403)),
            "1 of 2 alerts not posted: Google Chat answered 403 (is the webhook still there? make \
             a new one in the space)"
        );
        assert!(error(refused(302)).ends_with("redirects are not followed)"));
        assert_eq!(error(refused(500)), "1 of 2 alerts not posted: Google Chat answered 500");
    }
}
