//! The answers of the AWS JSON protocols 1.0 and 1.1.
//!
//! Source: Smithy's documents on the AWS JSON 1.0 and 1.1 protocols, and on AWS query
//! compatibility.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::identifier::uuid;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Firehose and Kinesis.
    V1_1,
}

/// The answer to a call that was done.
pub(crate) fn answer(version: Version, body: &Value) -> Response<Full<Bytes>> {
    response(version, StatusCode::OK, body)
}

/// A call that failed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    error_type: &'static str,
    message: String,
}

impl Failure {
    /// A failure of the caller's, status 400, unless the type is one of the service's own.
    pub(crate) fn new(error_type: &'static str, message: impl Into<String>) -> Self {
        let status = match error_type {
            "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceUnavailable" | "ServiceUnavailableException" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, error_type, message: message.into() }
    }

    pub(crate) fn validation(message: &str) -> Self {
        Self::new("ValidationException", format!("1 validation error detected: {message}"))
    }

    pub(crate) fn response(&self, version: Version) -> Response<Full<Bytes>> {
        let body = json!({"__type": self.error_type, "message": self.message});
        response(version, self.status, &body)
    }
}

fn response(version: Version, status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static(match version {
        Version::V1_1 => "application/x-amz-json-1.1",
    });
    headers.insert(http::header::CONTENT_TYPE, content_type);
    if let Ok(id) = HeaderValue::from_str(&uuid()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
