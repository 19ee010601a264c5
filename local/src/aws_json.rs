//! The answers of the AWS JSON protocols 1.0 and 1.1.
//!
//! Source: Smithy's documents on the AWS JSON 1.0 and 1.1 protocols, and on AWS query
//! compatibility.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::server;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// For SQS.
    V1_0,
    /// For Firehose and Kinesis.
    V1_1,
}

pub(crate) fn answer(version: Version, body: &Value) -> Response<Full<Bytes>> {
    response(version, StatusCode::OK, body)
}

/// A call that failed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    /// The namespace of the error's name in the answer, such as `com.amazonaws.sqs#`.
    pub(crate) namespace: &'static str,
    name: &'static str,
    /// The error code from before the service used JSON, which SDKs still report.
    pub(crate) query_code: Option<String>,
    pub(crate) message: String,
}

impl Failure {
    /// A failure with status 400, or with a status of 500 and above if the name is that of a
    /// service failure.
    pub(crate) fn new(name: &'static str, message: impl Into<String>) -> Self {
        let status = match name {
            "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceUnavailableException" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, namespace: "", name, query_code: None, message: message.into() }
    }

    pub(crate) fn validation(message: &str) -> Self {
        Self::new("ValidationException", format!("1 validation error detected: {message}"))
    }

    pub(crate) fn code(&self) -> &str {
        self.query_code.as_deref().unwrap_or(self.name)
    }

    /// Whether the error is the caller's and not the service's.
    pub(crate) fn is_callers(&self) -> bool {
        self.status.is_client_error()
    }

    pub(crate) fn response(&self, version: Version) -> Response<Full<Bytes>> {
        let error_type = format!("{}{}", self.namespace, self.name);
        let body = json!({"__type": error_type, "message": self.message});
        let mut response = response(version, self.status, &body);
        if let Some(code) = &self.query_code {
            let whose = if self.is_callers() { "Sender" } else { "Receiver" };
            if let Ok(value) = HeaderValue::from_str(&format!("{code};{whose}")) {
                response.headers_mut().insert("x-amzn-query-error", value);
            }
        }
        response
    }
}

fn response(version: Version, status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let content_type = match version {
        Version::V1_0 => "application/x-amz-json-1.0",
        Version::V1_1 => "application/x-amz-json-1.1",
    };
    let mut response = server::response(status, content_type, body.to_string());
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
