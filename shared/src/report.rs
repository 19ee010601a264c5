//! Requests to Lambda's Runtime API: answers, and reports of failures.

use bytes::Bytes;
use http::Request;
use http::request::Builder;
use lambda_runtime_api_client::body::Body;
use serde_json::json;

const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// A request with a JSON body.
pub(crate) fn json_request(request: Builder, body: Bytes) -> http::Result<Request<Body>> {
    request.header("content-type", "application/json").body(Body::from(body))
}

/// A report of a failure to the Runtime API (source: "Using the Lambda runtime API for custom
/// runtimes", AWS Lambda Developer Guide).
pub(crate) fn error_request(
    request: Builder,
    error_type: &str,
    message: &str,
) -> http::Result<Request<Body>> {
    let report = json!({"errorType": error_type, "errorMessage": message});
    json_request(request.header(ERROR_TYPE, error_type), report.to_string().into())
}
