//! Why a call came to nothing.

use http::StatusCode;
use std::time::Duration;

/// Why a call came to nothing. No variant's text quotes a document, a query or a password.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The text is not a URL that the client can use.
    #[error("not a URL of the form http[s]://[user:password@]host[:port][/path]")]
    Url,
    /// A path has characters that no URL takes.
    #[error("the path is not one that a URL can have")]
    Path,
    /// The machine has no root certificates.
    #[error("no root certificates for https: {0}")]
    Certificates(#[source] std::io::Error),
    /// The host is one of AWS, and the environment has no credentials to sign with.
    #[error(
        "AWS wants signed requests, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN where the credentials are temporary) are not set or malformed; set them, for example with `eval \"$(aws configure export-credentials --format env)\"`, or write user:password@ before the host"
    )]
    NoCredentials,
    /// A signed request is to go over `http`, where others could read the session's token.
    #[error("AWS wants signed requests, and these go over https only")]
    SignedInClear,
    /// The request could not be signed.
    #[error("the request could not be signed: {0}")]
    Sign(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The body could not be compressed.
    #[error("the body could not be compressed: {0}")]
    Compress(#[source] std::io::Error),
    /// No connection, or it broke before the answer's head was there.
    #[error("no answer: {}", cause(.0))]
    Exchange(#[source] hyper_util::client::legacy::Error),
    /// The answer broke off, or is too long.
    #[error("the answer broke off or is longer than 64 MiB: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer took too long.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The server refused the request.
    #[error("{path} answered {status}{}", kind.as_deref().map(|kind| format!(" ({kind})")).unwrap_or_default())]
    Status {
        /// The request's path.
        path: String,
        /// The answer's status.
        status: StatusCode,
        /// The error's type, such as `index_not_found_exception`, if the answer tells it.
        kind: Option<String>,
    },
    /// The answer is not what an `OpenSearch` answers.
    #[error("{path} answered something that is not an OpenSearch's answer")]
    Unexpected {
        /// The request's path.
        path: String,
    },
}

impl ClientError {
    /// The answer's status, if there was an answer that refused the request.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The error's type as the server named it, such as `index_not_found_exception`.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        match self {
            Self::Status { kind, .. } => kind.as_deref(),
            _ => None,
        }
    }
}

/// The innermost cause: hyper's own text is only "client error (Connect)".
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
