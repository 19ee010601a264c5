//! Calls BigQuery from AWS, with credentials in Secrets Manager: the key of a service account, or,
//! without any key, workload identity federation with the function's role.
//!
//! It does not use Google's crates: google-cloud-auth adds reqwest, a second HTTP client and TLS
//! configuration, for a few requests.
//!
//! Source: Google Cloud documentation, "Using OAuth 2.0 for Server to Server Applications", "Configure
//! Workload Identity Federation with AWS" and "BigQuery API errors"; AIP-4111, AIP-4117.

mod bigquery;
mod credentials;
mod exchange;
mod token;

use crate::aws::CallFailure;

pub use bigquery::BigQuery;

/// Why a request to Google failed. No text quotes a request, a credential or a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoogleError {
    /// The secret with the credentials could not be read.
    #[error("failed to read the secret with the credentials: {0}")]
    Secret(CallFailure),
    /// The secret does not contain valid credentials.
    #[error("failed to use the credentials: {0}")]
    Credentials(String),
    /// Google rejected a request.
    #[error("{reason} ({status}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Google's reason, such as `accessDenied` or `invalid_grant`.
        reason: String,
        /// Google's message.
        message: String,
    },
    /// There was no answer, or one that is not JSON.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

impl GoogleError {
    fn late() -> Self {
        Self::NoAnswer("the time was up".to_owned())
    }
}
