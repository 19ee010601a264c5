//! Runs a function on [`lambda_runtime`], with the event's raw bytes and a reused answer buffer.
//!
//! `lambda_runtime` deserializes each event into an owned value and serializes each answer into a
//! new buffer: several copies of up to 6 MB. The layer here passes on the received bytes and sends
//! the handler's buffer. It must therefore do what it replaces: report errors, catch panics and
//! echo ids.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::{Ready, ready};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex as Shelf, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use http::Request;
use lambda_runtime::{LambdaEvent, LambdaInvocation, Runtime, service_fn, tower};
use lambda_runtime_api_client::PooledClient;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::{ConfigError, Environment};
use crate::event::Timestamp;
use crate::report::{error_request, json_request};
use crate::{startup, time};

/// Longer than any deadline: Lambda's maximum is 15 minutes.
const LONGEST: Duration = Duration::from_hours(24);
/// Echoed if Lambda sends it, so that Lambda recognises a late answer (source: `lambda_runtime`).
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";

/// One invocation.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The event as Lambda sent it.
    pub body: &'a [u8],
    /// The invocation's id, for the log.
    pub request_id: &'a str,
    /// The ARN that was invoked, which contains the function's account.
    pub function_arn: &'a str,
    /// The current time.
    pub now: Timestamp,
    /// When the invocation times out.
    pub deadline: Instant,
}

/// A function that can be invoked.
pub trait Function {
    /// Why an invocation fails as a whole.
    type Error: Failure;

    /// Handles one invocation: appends JSON to `answer`, which is empty and keeps its capacity from
    /// earlier invocations.
    fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> impl Future<Output = Result<(), Self::Error>>;
}

/// Why an invocation fails as a whole; its text is the report's `errorMessage`.
pub trait Failure: Display {
    /// The report's `errorType`.
    fn error_type(&self) -> &'static str;
}

/// Handles invocations, one at a time, until Lambda ends the process. An invocation that panics
/// fails with the error type `Panicked`.
///
/// # Errors
/// If the environment is not Lambda's or requests concurrent invocations, or if the Runtime API
/// fails.
pub fn run(
    environment: &Environment,
    function: impl Function + 'static,
) -> Result<(), startup::Error> {
    check(environment)?;
    let layer = Arc::new(Layer {
        function: Mutex::new(function),
        client: PooledClient::builder().with_pool_size(1).build(),
        spare: Arc::default(),
    });
    let layer = tower::layer::layer_fn(move |_| {
        let layer = Arc::clone(&layer);
        service_fn(move |invocation| Arc::clone(&layer).serve(invocation))
    });
    startup::tokio()?
        .block_on(Runtime::new(service_fn(never)).layer(layer).run())
        .map_err(|error| startup::Error::runtime_api(&error))
}

/// Checks settings that `lambda_runtime` would ignore, or panic about.
fn check(environment: &Environment) -> Result<(), ConfigError> {
    for name in ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"] {
        if environment.get(name).is_none() {
            return Err(ConfigError::new(name, "", "set, as AWS Lambda does"));
        }
    }
    environment.number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 128, 1, i32::MAX)?;
    let allowed = "1: this function handles one invocation at a time (under Lambda Managed \
                   Instances, set PerExecutionEnvironmentMaxConcurrency to 1)";
    let one = |text: &str| (text == "1").then_some(());
    environment.parse_with("AWS_LAMBDA_MAX_CONCURRENCY", allowed, one)?;
    Ok(())
}

/// The default service that [`Layer`] replaces.
fn never(_: LambdaEvent<()>) -> Ready<Result<(), Infallible>> {
    ready(Ok(()))
}

struct Layer<F> {
    function: Mutex<F>,
    client: PooledClient,
    spare: Arc<Shelf<Vec<u8>>>,
}

impl<F: Function> Layer<F> {
    async fn serve(
        self: Arc<Self>,
        invocation: LambdaInvocation,
    ) -> Result<(), lambda_runtime::Error> {
        let LambdaInvocation { parts, body, context } = invocation;
        let request_id = &*context.request_id;
        let time_left = match Duration::from_millis(context.deadline) {
            // cargo lambda sends the remaining time instead of the time of the deadline.
            left if left < LONGEST => left,
            _ => context.deadline().duration_since(SystemTime::now()).unwrap_or_default(),
        };
        let mut answer = Answer::new(&self.spare);
        let mut function = self.function.lock().await;
        let handled = function.handle(
            Invocation {
                body: &body,
                request_id,
                function_arn: &context.invoked_function_arn,
                now: time::now(),
                deadline: Instant::now() + time_left.min(LONGEST),
            },
            &mut answer.text,
        );
        let handled = AssertUnwindSafe(handled).catch_unwind().await;
        // Freed before the next event is read.
        drop(body);
        let report = |kind| {
            let path = format!("/2018-06-01/runtime/invocation/{request_id}/{kind}");
            let id = parts.headers.get(INVOCATION_ID).map(|id| (INVOCATION_ID, id.clone()));
            id.into_iter().fold(Request::post(path), |request, (name, id)| request.header(name, id))
        };
        let request = match handled {
            Ok(Ok(())) => json_request(report("response"), Bytes::from_owner(answer)),
            failed => {
                let (error_type, message) = match failed {
                    Ok(Err(error)) => (error.error_type(), error.to_string()),
                    _ => ("Panicked", "the function panicked: see its log".to_owned()),
                };
                tracing::error!(request_id, error_type, error = message, "invocation failed");
                error_request(report("error"), error_type, &message)
            }
        };
        let reply = self.client.call(request?).await?;
        if !reply.status().is_success() {
            tracing::error!(
                request_id,
                status = reply.status().as_u16(),
                "Lambda refused the answer"
            );
        }
        Ok(())
    }
}

/// An answer whose buffer is kept for the next one after it was sent: a new buffer of megabytes
/// would cause page faults.
struct Answer {
    text: Vec<u8>,
    spare: Arc<Shelf<Vec<u8>>>,
}

impl Answer {
    fn new(spare: &Arc<Shelf<Vec<u8>>>) -> Self {
        let mut text = std::mem::take(&mut *spare.lock().unwrap_or_else(PoisonError::into_inner));
        text.clear();
        Self { text, spare: Arc::clone(spare) }
    }
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let text = std::mem::take(&mut self.text);
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}
