//! A function between Lambda's Runtime API and its handler.
//!
//! `lambda_runtime` would parse each event into an owned value and serialise each answer into a
//! fresh one, over buffers of its own: several copies of up to 6 MB. Here an event is read from
//! the socket into one buffer, and the answer goes to the socket from the handler's own. One
//! thread does it all in turn: while a function waits for an invocation, it has nothing to do.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::event::Timestamp;
use crate::runtime_api::RuntimeApi;
use crate::startup;

/// More than any deadline: Lambda's longest is 15 minutes.
const LONGEST: Duration = Duration::from_hours(24);

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
pub trait Function {
    /// Why an invocation fails as a whole.
    type Error: Failure;

    /// Answers one invocation with JSON, which is kept until the next one.
    fn handle<'a>(
        &'a mut self,
        invocation: Invocation<'a>,
    ) -> impl Future<Output = Result<&'a [u8], Self::Error>>;
}

/// Why an invocation fails as a whole; the text is the error's message.
pub trait Failure: Display {
    /// The `errorType` of the invocation's error.
    fn error_type(&self) -> &'static str;
}

/// Handles invocations until Lambda ends the process. One that panics has failed with the error
/// type `Panicked`.
///
/// # Errors
/// Where the Runtime API at `host` (see [`Environment::runtime_api`](crate::config::Environment::runtime_api)) cannot be used.
pub fn run(host: &str, mut function: impl Function) -> Result<(), startup::Error> {
    let mut lambda = RuntimeApi::new(host);
    let mut event = Vec::new();
    let mut invocation = lambda.next(&mut event)?;
    // Only now: a cold start is over when the first invocation is asked for.
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    loop {
        let request_id = &*invocation.request_id;
        let answer = function.handle(Invocation {
            body: &event,
            request_id,
            now: now(),
            deadline: Instant::now() + invocation.time_left.min(LONGEST),
        });
        let answer = catch_unwind(AssertUnwindSafe(|| tokio.block_on(answer)));
        let mut failed = |error_type, message: &str| {
            tracing::error!(request_id, error_type, error = message, "invocation failed");
            lambda.fail(&invocation, error_type, message)
        };
        match answer {
            Ok(Ok(answer)) => lambda.respond(&invocation, answer)?,
            Ok(Err(error)) => failed(error.error_type(), &error.to_string())?,
            Err(_) => failed("Panicked", "the function panicked; its log tells where")?,
        }
        invocation = lambda.next(&mut event)?;
    }
}

/// Now, in whole milliseconds.
pub(crate) fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(now.as_millis() * 1_000_000).unwrap_or(Timestamp::MAX)
}
