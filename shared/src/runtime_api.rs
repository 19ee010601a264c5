//! Lambda's Runtime API: asking for the next invocation and answering it, over one connection
//! that is kept, with buffers that the caller keeps. [`run`](crate::runtime::run) does both, again
//! and again.
//!
//! Source: "Using the Lambda runtime API for custom runtimes", AWS Lambda Developer Guide.

use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use ureq::http::header::CONTENT_TYPE;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use ureq::{Agent, Body};

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
const DEADLINE_MS: &str = "lambda-runtime-deadline-ms";
/// Echoed where it is there, so that Lambda can tell an answer that comes too late (source:
/// `lambda_runtime`).
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// More than any event that Lambda hands over.
const MAX_EVENT_BYTES: u64 = 64 * 1024 * 1024;
/// What Lambda says when it took an answer, or why not.
const MAX_REPLY_BYTES: u64 = 64 * 1024;

/// The Runtime API cannot be used any more: it is gone, or does not speak as it should.
#[derive(Debug, thiserror::Error)]
#[error("the Lambda Runtime API failed: {0}")]
pub struct Error(String);

impl From<ureq::Error> for Error {
    fn from(error: ureq::Error) -> Self {
        Self(error.to_string())
    }
}

/// A connection to the Runtime API.
#[derive(Debug)]
pub struct RuntimeApi {
    agent: Agent,
    url: String,
}

/// An invocation to answer.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// `Lambda-Runtime-Aws-Request-Id`
    pub request_id: String,
    /// How much time was left when it came.
    pub time_left: Duration,
    id: Option<HeaderValue>,
}

impl RuntimeApi {
    /// The Runtime API at `host`, the value of `AWS_LAMBDA_RUNTIME_API`; connects when it is used.
    #[must_use]
    pub fn new(host: &str) -> Self {
        let agent = Agent::config_builder()
            // Waiting for an invocation has no end, and statuses are looked at here.
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { agent, url: format!("http://{host}/2018-06-01/runtime") }
    }

    /// Waits for the next invocation and reads its event into `event`, which is cleared before.
    ///
    /// # Errors
    /// [`Error`]: there will be no more invocations.
    pub fn next(&self, event: &mut Vec<u8>) -> Result<Invocation, Error> {
        let response = self.agent.get(format!("{}/invocation/next", self.url)).call()?;
        let (parts, mut body) = response.into_parts();
        event.clear();
        let length = body.content_length().unwrap_or(0).min(MAX_EVENT_BYTES);
        event.reserve_exact(usize::try_from(length).unwrap_or(0));
        let mut reader = body.with_config().limit(MAX_EVENT_BYTES).reader();
        #[expect(clippy::disallowed_methods, reason = "bounded by limit")]
        reader.read_to_end(event).map_err(|error| Error(error.to_string()))?;
        if parts.status != StatusCode::OK {
            return Err(Error(format!("asked for an invocation, it answered {}", parts.status)));
        }
        Invocation::of(&parts.headers)
    }

    /// Answers an invocation.
    ///
    /// # Errors
    /// [`Error`] where Lambda cannot be reached. That it did not take the answer, because it came
    /// too late for example, is logged.
    pub fn respond(&self, invocation: &Invocation, answer: &[u8]) -> Result<(), Error> {
        let path = format!("invocation/{}/response", invocation.request_id);
        self.post(&path, invocation.id.as_ref(), None, answer)
    }

    /// Answers an invocation with an error.
    ///
    /// # Errors
    /// As [`RuntimeApi::respond`].
    pub fn fail(
        &self,
        invocation: &Invocation,
        error_type: &str,
        message: &str,
    ) -> Result<(), Error> {
        let path = format!("invocation/{}/error", invocation.request_id);
        let report = json!({"errorType": error_type, "errorMessage": message}).to_string();
        self.post(&path, invocation.id.as_ref(), Some(error_type), report.as_bytes())
    }

    /// Tells Lambda that the function does not start.
    ///
    /// # Errors
    /// As [`RuntimeApi::respond`].
    pub fn fail_to_start(&self, error_type: &str, message: &str) -> Result<(), Error> {
        let report = json!({"errorType": error_type, "errorMessage": message}).to_string();
        self.post("init/error", None, Some(error_type), report.as_bytes())
    }

    fn post(
        &self,
        path: &str,
        invocation_id: Option<&HeaderValue>,
        error_type: Option<&str>,
        body: &[u8],
    ) -> Result<(), Error> {
        let url = format!("{}/{path}", self.url);
        let mut request = self.agent.post(url).header(CONTENT_TYPE, "application/json");
        if let Some(id) = invocation_id {
            request = request.header(INVOCATION_ID, id);
        }
        if let Some(error_type) = error_type {
            request = request.header(ERROR_TYPE, error_type);
        }
        read_reply(path, request.send(body)?)
    }
}

/// Reads a reply to its end, so that the connection is used again.
fn read_reply(path: &str, mut response: Response<Body>) -> Result<(), Error> {
    let status = response.status();
    let reply = response.body_mut().with_config().limit(MAX_REPLY_BYTES).read_to_vec()?;
    if !status.is_success() {
        let reply = String::from_utf8_lossy(&reply);
        tracing::error!(path, status = status.as_u16(), %reply, "Lambda did not take the answer");
    }
    Ok(())
}

impl Invocation {
    fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let missing = |name: &str| Error(format!("an invocation came without {name}"));
        let request_id = text(REQUEST_ID).ok_or_else(|| missing(REQUEST_ID))?;
        let deadline = text(DEADLINE_MS).and_then(|text| text.parse().ok());
        let deadline = Duration::from_millis(deadline.ok_or_else(|| missing(DEADLINE_MS))?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            request_id: request_id.to_owned(),
            time_left: deadline.saturating_sub(now),
            id: headers.get(INVOCATION_ID).cloned(),
        })
    }
}
