use std::time::Duration;

use bytes::Bytes;

use super::{Error, FunctionOptions, InvokeError, LogLine};

/// A running function; clones are the same function.
#[derive(Debug, Clone)]
pub struct Function {}

/// What an invocation gave.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The function's answer, byte for byte.
    pub body: Bytes,
    /// From the event's hand-over to the answer.
    pub duration: Duration,
    /// From the start of the process to its first call of `next`, if this invocation started it.
    pub init_duration: Option<Duration>,
    /// The invocation's id.
    pub request_id: String,
}

impl Function {
    /// Sets a function up. No process is started before the first invocation.
    ///
    /// # Errors
    /// When the binary is missing or the options contradict themselves.
    pub async fn start(options: FunctionOptions) -> Result<Self, Error> {
        unimplemented!("{options:?}")
    }

    /// Invokes the function and waits for its answer, at most until its timeout; waits first for
    /// a free environment.
    ///
    /// # Errors
    /// Every way in which an invocation fails in Lambda: see [`InvokeError`].
    pub async fn invoke(&self, payload: impl Into<Bytes>) -> Result<Answer, InvokeError> {
        unimplemented!("{:?}", payload.into())
    }

    /// Kills every environment with SIGKILL, also in the middle of an invocation, which then fails
    /// with [`InvokeError::Exit`]. Returns when all are dead; the next invocation gets a new one.
    pub async fn kill(&self) {}

    /// What the function's environments have written so far, oldest first; complete for every
    /// invocation that has ended. Empty with [`Logs::Inherit`](super::Logs::Inherit).
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        Vec::new()
    }

    /// Kills every environment and refuses further invocations.
    pub async fn stop(&self) {}
}
