//! One request and its answer, of what is called without an SDK.

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::http::Request as HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Limited};

use super::cause;

/// The longest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 32 * 1_048_576;

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer. No text quotes a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// No connection, or it broke.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The answer broke off, or is longer than [`MAX_ANSWER_BYTES`].
    #[error("the answer broke off or is too long: {0}")]
    BrokenAnswer(String),
    /// The request is none that can be sent.
    #[error("the request cannot be sent")]
    Request,
}

/// Sends a request, whose URI is a whole URL, and reads its whole answer. It has no time limit.
///
/// # Errors
/// Where no whole answer comes.
pub async fn exchange(
    connector: &Connector,
    request: Request<Bytes>,
) -> Result<Answer, ExchangeError> {
    let request = HttpRequest::try_from(request.map(SdkBody::from));
    let response = connector.call(request.map_err(|_| ExchangeError::Request)?).await;
    let response = response.map_err(|error| ExchangeError::Unreachable(cause(&error)))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| ExchangeError::BrokenAnswer(cause(&*error)))?.to_bytes();
    Ok(Answer { status, body })
}
