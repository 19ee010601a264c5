//! Lambda's Runtime API: asking for the next invocation and answering it, over one connection
//! that is kept, with buffers that the caller keeps. [`run`](crate::runtime::run) does both, again
//! and again.
//!
//! Source: "Using the Lambda runtime API for custom runtimes", AWS Lambda Developer Guide.

mod http;

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use self::http::{Client, Head};

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
const DEADLINE_MS: &str = "lambda-runtime-deadline-ms";
/// Echoed where it is there, so that Lambda can tell an answer that comes too late (source:
/// `lambda_runtime`).
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// The Runtime API cannot be used any more: it is gone, or does not speak as it should.
#[derive(Debug, thiserror::Error)]
#[error("the Lambda Runtime API failed: {0}")]
pub struct Error(String);

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// The Runtime API.
#[derive(Debug)]
pub struct RuntimeApi {
    client: Client,
    /// What Lambda says to an answer.
    reply: Vec<u8>,
}

/// An invocation to answer.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// `Lambda-Runtime-Aws-Request-Id`
    pub request_id: String,
    /// How much time was left when it came.
    pub time_left: Duration,
    id: Option<String>,
}

impl RuntimeApi {
    /// The Runtime API at `host`, the value of `AWS_LAMBDA_RUNTIME_API`; connects when it is used.
    #[must_use]
    pub fn new(host: &str) -> Self {
        Self { client: Client::new(host), reply: Vec::new() }
    }

    /// Waits for the next invocation and reads its event into `event`, over what that holds.
    ///
    /// # Errors
    /// [`Error`]: there will be no more invocations.
    pub fn next(&mut self, event: &mut Vec<u8>) -> Result<Invocation, Error> {
        let request = "GET /2018-06-01/runtime/invocation/next";
        let head = self.client.send(request, &[], b"", event)?;
        if head.status != 200 {
            return Err(Error(format!("asked for an invocation, it answered {}", head.status)));
        }
        Invocation::of(&head)
    }

    /// Answers an invocation.
    ///
    /// # Errors
    /// [`Error`] where Lambda cannot be reached. That it did not take the answer, because it came
    /// too late for example, is logged.
    pub fn respond(&mut self, invocation: &Invocation, answer: &[u8]) -> Result<(), Error> {
        let path = format!("invocation/{}/response", invocation.request_id);
        self.post(&path, &invocation.echo(), answer)
    }

    /// Answers an invocation with an error.
    ///
    /// # Errors
    /// As [`RuntimeApi::respond`].
    pub fn fail(
        &mut self,
        invocation: &Invocation,
        error_type: &str,
        message: &str,
    ) -> Result<(), Error> {
        let path = format!("invocation/{}/error", invocation.request_id);
        let mut headers = invocation.echo();
        headers.push((ERROR_TYPE, error_type));
        self.post(&path, &headers, &report(error_type, message))
    }

    /// Tells Lambda that the function does not start.
    ///
    /// # Errors
    /// As [`RuntimeApi::respond`].
    pub fn fail_to_start(&mut self, error_type: &str, message: &str) -> Result<(), Error> {
        self.post("init/error", &[(ERROR_TYPE, error_type)], &report(error_type, message))
    }

    fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(), Error> {
        let request = format!("POST /2018-06-01/runtime/{path}");
        let headers = [&[("content-type", "application/json")], headers].concat();
        let Head { status, .. } = self.client.send(&request, &headers, body, &mut self.reply)?;
        if !(200..300).contains(&status) {
            let reply = String::from_utf8_lossy(&self.reply);
            tracing::error!(path, status, %reply, "Lambda did not take the answer");
        }
        Ok(())
    }
}

fn report(error_type: &str, message: &str) -> Vec<u8> {
    json!({"errorType": error_type, "errorMessage": message}).to_string().into_bytes()
}

impl Invocation {
    fn of(head: &Head) -> Result<Self, Error> {
        let missing = |name: &str| Error(format!("an invocation came without {name}"));
        let request_id = head.get(REQUEST_ID).ok_or_else(|| missing(REQUEST_ID))?;
        let deadline = head.get(DEADLINE_MS).and_then(|text| text.parse().ok());
        let deadline = Duration::from_millis(deadline.ok_or_else(|| missing(DEADLINE_MS))?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            request_id: request_id.to_owned(),
            time_left: deadline.saturating_sub(now),
            id: head.get(INVOCATION_ID).map(str::to_owned),
        })
    }

    fn echo(&self) -> Vec<(&str, &str)> {
        self.id.iter().map(|id| (INVOCATION_ID, id.as_str())).collect()
    }
}
