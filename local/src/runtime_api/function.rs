//! A function, and the trait of what services invoke.

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::environment::Environment;
use super::logs::LogStore;
use super::process::Control;
use super::{FunctionOptions, InvokeError, LogLine, REQUEST_LIMIT_BYTES};
use crate::server::locked;

/// A running function; clones are the same function. Its processes end with the last clone.
#[derive(Debug, Clone)]
pub struct Function {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: FunctionOptions,
    logs: LogStore,
    /// One permit for each environment that may run; closed when the function is stopped.
    slots: Semaphore,
    environments: Mutex<Environments>,
}

#[derive(Debug, Default)]
struct Environments {
    idle: Vec<Environment>,
    /// The controls of all environments that may still be running, idle or not.
    controls: Vec<Weak<Control>>,
}

/// The result of a successful invocation.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The function's answer, unchanged.
    pub body: Bytes,
    /// The time from the start of the process to its first call to `next`, if this invocation
    /// started it.
    pub init_duration: Option<Duration>,
}

impl Function {
    /// Creates a function. Its first process is started by the first invocation.
    ///
    /// # Errors
    /// [`InvokeError::Start`] if the binary is missing.
    pub async fn start(mut options: FunctionOptions) -> Result<Self, InvokeError> {
        // Absolute, because the process runs in the binary's folder.
        let binary = tokio::fs::canonicalize(&options.binary).await.ok();
        let Some(binary) = binary.filter(|path| path.is_file()) else {
            let message = format!("{} is not a file", options.binary.display());
            return Err(InvokeError::Start { message });
        };
        options.binary = binary;
        let slots = Semaphore::new(options.concurrency);
        let logs =
            LogStore::new().map_err(|error| InvokeError::Start { message: error.to_string() })?;
        let inner = Inner { options, logs, slots, environments: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Invokes the function and waits for its answer, at most until its timeout. Waits for a free
    /// environment first. Dropping the future kills the environment.
    ///
    /// # Errors
    /// [`InvokeError`], for every way in which an invocation fails in Lambda.
    pub async fn invoke(&self, payload: impl Into<Bytes>) -> Result<Answer, InvokeError> {
        let payload = payload.into();
        if payload.len() > REQUEST_LIMIT_BYTES {
            return Err(InvokeError::RequestTooLarge { bytes: payload.len() });
        }
        let slot = self.inner.slots.acquire().await.map_err(|_| InvokeError::Stopped)?;
        loop {
            let (mut environment, warm) = match self.inner.take_idle() {
                Some(environment) => (environment, true),
                None => (self.inner.start_environment().await?, false),
            };
            let result = environment.invoke(payload.clone(), &self.inner.options).await;
            if environment.is_alive() && !self.inner.slots.is_closed() {
                self.inner.environments().idle.push(environment);
            }
            match result {
                Ok(answer) => {
                    drop(slot);
                    return Ok(answer);
                }
                // The process ended between two events; the next environment receives this one.
                Err(failure) if warm && !failure.taken => {}
                Err(failure) => return Err(failure.error),
            }
        }
    }

    /// Kills every environment with SIGKILL, even during an invocation, which then fails with
    /// [`InvokeError::Exit`]. Returns when all have ended; the next invocation starts a new one.
    pub async fn kill(&self) {
        let controls: Vec<_> = {
            let mut environments = self.inner.environments();
            environments.idle.iter().for_each(|environment| environment.control().kill());
            environments.controls.drain(..).filter_map(|control| control.upgrade()).collect()
        };
        for control in &controls {
            control.kill();
        }
        for control in controls {
            control.ended().await;
        }
        self.inner.environments().idle.retain(Environment::is_alive);
    }

    /// The lines that the function's environments have written so far, oldest first in each stream,
    /// including all lines of invocations that have ended. A later call returns more lines after
    /// these. Empty with [`Logs::Inherit`](super::Logs::Inherit).
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        self.inner.logs.lines()
    }

    /// Kills every environment and refuses further invocations. Returns when all have ended.
    pub async fn stop(&self) {
        self.inner.slots.close();
        self.kill().await;
    }
}

impl Inner {
    fn take_idle(&self) -> Option<Environment> {
        let mut environments = self.environments();
        environments.idle.retain(Environment::is_alive);
        // The most recently used one, as in Lambda: the others become cold.
        environments.idle.pop()
    }

    async fn start_environment(&self) -> Result<Environment, InvokeError> {
        let started = Environment::start(&self.options, &self.logs).await;
        let mut environment =
            started.map_err(|error| InvokeError::Start { message: error.to_string() })?;
        {
            let mut environments = self.environments();
            environments.controls.retain(|control| control.strong_count() > 0);
            environments.controls.push(Arc::downgrade(environment.control()));
        }
        if self.slots.is_closed() {
            environment.end().await;
            return Err(InvokeError::Stopped);
        }
        environment.initialise(&self.options).await?;
        Ok(environment)
    }

    fn environments(&self) -> MutexGuard<'_, Environments> {
        locked(&self.environments)
    }
}

/// What an AWS service invokes: a Lambda function, or a test's script.
pub trait Invoke: Send + Sync + 'static {
    /// Passes an event and returns the answer, both as JSON.
    fn invoke(&self, payload: Bytes) -> impl Future<Output = Result<Bytes, InvokeError>> + Send;
}

impl Invoke for Function {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        Ok(Function::invoke(self, payload).await?.body)
    }
}

/// Invokes a function. Its panic is a failed invocation and does not block the service.
pub(crate) async fn invoke(
    function: &Arc<impl Invoke>,
    payload: Bytes,
) -> Result<Bytes, InvokeError> {
    let function = Arc::clone(function);
    let mut task = JoinSet::new();
    task.spawn(async move { function.invoke(payload).await });
    match task.join_next().await {
        Some(Ok(result)) => result,
        _ => Err(InvokeError::Exit { status: "panic".to_owned() }),
    }
}
