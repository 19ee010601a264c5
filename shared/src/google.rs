//! Calling BigQuery from AWS, with credentials that are in Secrets Manager: the key of a service
//! account, or, without any key, workload identity federation with the function's own role.
//!
//! No crate of Google: google-cloud-auth brings reqwest, a second HTTP client and TLS set-up, for a
//! few requests.
//!
//! Source: Google Cloud documentation, "Using OAuth 2.0 for Server to Server Applications", "Configure
//! Workload Identity Federation with AWS" and "BigQuery API errors"; AIP-4111, AIP-4117.

mod bigquery;
mod credentials;
mod exchange;
mod token;

use crate::aws::CallFailure;

pub use bigquery::BigQuery;

/// Why Google did not do what it was asked. No text quotes a request, a credential or a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoogleError {
    /// The secret with the credentials could not be read.
    #[error("failed to read the secret with the credentials: {0}")]
    Secret(CallFailure),
    /// The secret does not hold credentials that can be used.
    #[error("failed to use the credentials: {0}")]
    Credentials(String),
    /// A request was refused.
    #[error("{reason} ({status}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Google's reason, such as `accessDenied` or `invalid_grant`.
        reason: String,
        /// What Google says about it.
        message: String,
    },
    /// No answer came, or one that is not JSON.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

impl GoogleError {
    fn late() -> Self {
        Self::NoAnswer("the time was up".to_owned())
    }
}
