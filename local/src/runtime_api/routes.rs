//! The routes of the Runtime API, for one environment.
//!
//! Source: the API's description in the AWS Lambda developer guide, "Using the Lambda runtime API
//! for custom runtimes"; error bodies as in the Runtime Interface Emulator.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Deserialize;

use super::exchange::Exchange;
use super::{InvokeError, RESPONSE_LIMIT_BYTES};
use crate::server::{self, BodyError, read_body};

const PREFIX: &str = "/2018-06-01/runtime/";

const JSON: &str = "application/json";

const ERROR_LIMIT_BYTES: usize = 1 << 20;

pub(super) async fn answer(
    exchange: &Exchange,
    function_arn: &str,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let Some(path) = parts.uri.path().strip_prefix(PREFIX) else {
        return not_found();
    };
    let segments: Vec<&str> = path.split('/').collect();
    match (&parts.method, segments.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(exchange, function_arn).await,
        (&Method::POST, ["invocation", id, "response"]) => response(exchange, id, body).await,
        (&Method::POST, ["invocation", id, "error"]) => {
            let (error_type, message) = error_report(&parts.headers, body).await;
            let error = InvokeError::Function { error_type, message };
            accepted(exchange.answer(id, Err(error)))
        }
        (&Method::POST, ["init", "error"]) => {
            let (error_type, message) = error_report(&parts.headers, body).await;
            exchange.init_error(InvokeError::Init { error_type, message });
            accepted(true)
        }
        _ => not_found(),
    }
}

async fn next(exchange: &Exchange, function_arn: &str) -> Response<Full<Bytes>> {
    let Some((request_id, payload, deadline_ms)) = exchange.next().await else {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "no more events");
    };
    let trace = trace_id(deadline_ms / 1000);
    let deadline = deadline_ms.to_string();
    let mut response = server::response(StatusCode::OK, JSON, payload);
    for (name, value) in [
        ("lambda-runtime-aws-request-id", &request_id),
        ("lambda-runtime-deadline-ms", &deadline),
        ("lambda-runtime-invoked-function-arn", &function_arn.to_owned()),
        ("lambda-runtime-trace-id", &trace),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn response(exchange: &Exchange, id: &str, body: Incoming) -> Response<Full<Bytes>> {
    if !exchange.is_current(id) {
        return accepted(false);
    }
    match read_body(body, RESPONSE_LIMIT_BYTES).await {
        Ok(body) => accepted(exchange.answer(id, Ok(body))),
        Err(BodyError::TooLarge) => {
            exchange.answer(id, Err(InvokeError::ResponseTooLarge));
            let limit = RESPONSE_LIMIT_BYTES;
            let message = format!("Exceeded maximum allowed payload size ({limit} bytes).");
            error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
        }
        // The runtime has ended, or is about to retry.
        Err(BodyError::Broken) => {
            error(StatusCode::BAD_REQUEST, "InvalidRequestBody", "the body broke off")
        }
    }
}

/// `errorType` and `errorMessage` of an error report; the header provides a missing type.
async fn error_report(headers: &HeaderMap, body: Incoming) -> (String, String) {
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Report {
        error_type: Option<String>,
        error_message: Option<String>,
    }

    let body = read_body(body, ERROR_LIMIT_BYTES).await.unwrap_or_default();
    let report: Report = serde_json::from_slice(&body).unwrap_or_default();
    let header = headers.get("lambda-runtime-function-error-type");
    let header = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let error_type = report.error_type.or(header).unwrap_or_else(|| "Runtime.Unknown".to_owned());
    (error_type, report.error_message.unwrap_or_default())
}

fn accepted(is_current: bool) -> Response<Full<Bytes>> {
    if is_current {
        return server::response(StatusCode::ACCEPTED, JSON, r#"{"status":"OK"}"#);
    }
    error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

fn not_found() -> Response<Full<Bytes>> {
    error(StatusCode::NOT_FOUND, "NotFound", "no such route in the Lambda Runtime API")
}

fn error(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "errorMessage": message, "errorType": error_type });
    server::response(status, JSON, body.to_string())
}

/// An X-Ray trace that is not sampled.
fn trace_id(seconds: u128) -> String {
    let root = fastrand::u128(..) >> 32;
    format!("Root=1-{seconds:08x}-{root:024x};Parent={:016x};Sampled=0", fastrand::u64(..))
}
