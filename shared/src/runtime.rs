//! A function between Lambda's Runtime API and its code, without copies of what it gets and
//! gives.
//!
//! `lambda_runtime` asks for the invocations and keeps their context, but its usual way parses
//! each event into an owned value and serialises each answer into a fresh one: two copies of
//! up to 6 MB each. So a layer takes the invocation's bytes before that and sends the answer's
//! bytes itself. What that skips is done here: reporting errors, catching panics, the request
//! id and the invocation id.

use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Method, Request};
use http_body_util::BodyExt;
use lambda_runtime::{Diagnostic, LambdaEvent, LambdaInvocation, Runtime};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, Client, build_request};
use serde::de::IgnoredAny;
use tokio::time::Instant;
use tower::layer::layer_fn;
use tower::service_fn;

use crate::event::Timestamp;

/// Echoed, so that Lambda can tell an answer that comes too late (source: `lambda_runtime`).
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";

/// One invocation.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The event as Lambda hands it over.
    pub body: &'a [u8],
    /// The invocation's id, for the log.
    pub request_id: &'a str,
    /// What time it is.
    pub now: Timestamp,
    /// When the invocation's time is up.
    pub deadline: Instant,
}

/// What is invoked.
pub trait Function: 'static {
    /// The answer's bytes; dropped when they were sent.
    type Answer: AsRef<[u8]> + Send + 'static;

    /// Why an invocation fails as a whole.
    type Error: Failure;

    /// Answers one invocation.
    fn handle(
        &self,
        invocation: Invocation<'_>,
    ) -> impl Future<Output = Result<Self::Answer, Self::Error>>;
}

/// Why an invocation fails as a whole; the text is the error's message.
pub trait Failure: Display {
    /// The `errorType` of the invocation's error.
    fn error_type(&self) -> &'static str;
}

/// Handles invocations until Lambda ends the process.
///
/// # Errors
/// Where the Runtime API cannot be reached.
pub async fn run<F: Function>(function: F) -> Result<(), BoxError> {
    let function = Arc::new(function);
    let client = Arc::new(Client::builder().build()?);
    let never_called = service_fn(|_: LambdaEvent<IgnoredAny>| async { Ok::<_, Diagnostic>(()) });
    let bytes = layer_fn(|_| {
        service_fn(|invocation| handle(Arc::clone(&function), Arc::clone(&client), invocation))
    });
    Runtime::new(never_called).layer(bytes).run().await
}

async fn handle<F: Function>(
    function: Arc<F>,
    client: Arc<Client>,
    invocation: LambdaInvocation,
) -> Result<(), BoxError> {
    let LambdaInvocation { parts, body, context } = invocation;
    let request_id = context.request_id.as_str();
    let (now, deadline) = times(context.deadline);
    let answer = function.handle(Invocation { body: &body, request_id, now, deadline });
    let answer = AssertUnwindSafe(answer).catch_unwind().await;
    let failed = |error_type: &'static str, message: String| -> Result<_, BoxError> {
        tracing::error!(request_id, error_type, error = message, "invocation failed");
        let diagnostic = Diagnostic { error_type: error_type.to_owned(), error_message: message };
        let mut request = post(request_id, "error", serde_json::to_vec(&diagnostic)?.into())?;
        let header = error_type.try_into()?;
        request.headers_mut().insert("lambda-runtime-function-error-type", header);
        Ok(request)
    };
    let mut request = match answer {
        Ok(Ok(answer)) => post(request_id, "response", Bytes::from_owner(answer))?,
        Ok(Err(error)) => failed(error.error_type(), error.to_string())?,
        Err(_) => failed("Panicked", "the function panicked; its log tells where".to_owned())?,
    };
    if let Some(id) = parts.headers.get(INVOCATION_ID) {
        request.headers_mut().insert(INVOCATION_ID, id.clone());
    }
    let response = client.call(request).await?;
    if !response.status().is_success() {
        let status = response.status().as_u16();
        tracing::error!(request_id, status, "Lambda did not take the answer");
    }
    // Read to its end, so that the connection is used again.
    response.into_body().collect().await?;
    Ok(())
}

fn post(request_id: &str, what: &str, body: Bytes) -> Result<Request<Body>, http::Error> {
    build_request()
        .method(Method::POST)
        .uri(format!("/2018-06-01/runtime/invocation/{request_id}/{what}"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
}

/// Now, and when the invocation's time is up, which Lambda tells in milliseconds since 1970.
fn times(deadline_ms: u64) -> (Timestamp, Instant) {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let left_ms = u128::from(deadline_ms).saturating_sub(now_ms).min(86_400_000);
    let now = Timestamp::from_nanos(now_ms * 1_000_000).unwrap_or(Timestamp::MAX);
    let left = u64::try_from(left_ms).map_or(Duration::MAX, Duration::from_millis);
    (now, Instant::now() + left)
}
