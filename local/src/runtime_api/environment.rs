//! One execution environment: a process, its Runtime API, and its invocations one after another.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use super::exchange::{Event, Exchange};
use super::logs::LogStore;
use super::process::{Control, Process};
use super::{Answer, FunctionOptions, InvokeError, Logs, routes};
use crate::server::{self, Server};

/// A started environment. Dropping it kills its process.
#[derive(Debug)]
pub(super) struct Environment {
    process: Process,
    exchange: Arc<Exchange>,
    init_duration: Option<Duration>,
    started: Instant,
    _server: Server,
}

/// The failure of an invocation.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: InvokeError,
    /// Whether the runtime received the event. If not, no code of the function has seen it.
    pub(super) taken: bool,
}

impl Environment {
    /// Starts the process. [`initialise`](Self::initialise) waits until it is ready.
    pub(super) async fn start(options: &FunctionOptions, logs: &LogStore) -> io::Result<Self> {
        let (listener, address) = server::bind().await?;
        let exchange = Arc::new(Exchange::new());
        let routed = Arc::clone(&exchange);
        let function_arn: Arc<str> = options.arn().into();
        let server = Server::start(listener, move |request| {
            let (exchange, arn) = (Arc::clone(&routed), Arc::clone(&function_arn));
            async move { Ok(routes::answer(&exchange, &arn, request).await) }
        });

        let (stdout, stderr) = match options.logs {
            Logs::Inherit => (io::stderr().into(), io::stderr().into()),
            Logs::Capture => logs.stdio()?,
        };
        let task_root = options.binary.parent().unwrap_or(Path::new("/"));
        let log_stream = format!("[$LATEST]{}", Uuid::new_v4().simple());
        let mut command = Command::new(&options.binary);
        command
            .current_dir(task_root)
            .env_clear()
            .envs(options.variables(task_root, &address.to_string(), &log_stream))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        let started = Instant::now();
        let process = Process::start(&mut command)?;
        Ok(Self { process, exchange, init_duration: None, started, _server: server })
    }

    pub(super) async fn initialise(
        &mut self,
        options: &FunctionOptions,
    ) -> Result<(), InvokeError> {
        let control = Arc::clone(self.control());
        let initialised = async {
            tokio::select! {
                // In this order: a report that the init failed is more precise than the exit after
                // it.
                biased;
                result = self.exchange.initialised() => result,
                status = control.ended() => Err(InvokeError::Exit { status }),
            }
        };
        let result = timeout(options.init_timeout, initialised)
            .await
            .unwrap_or(Err(InvokeError::Timeout { after: options.init_timeout }));
        self.init_duration = Some(self.started.elapsed());
        if result.is_err() {
            self.end().await;
        }
        result
    }

    pub(super) async fn invoke(
        &mut self,
        payload: Bytes,
        options: &FunctionOptions,
    ) -> Result<Answer, Failure> {
        let (limit, deadline_ms) = (options.timeout, options.deadline_ms);
        let (taken, mut was_taken) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let request_id = Uuid::new_v4().to_string();
        let event = Event { request_id, payload, timeout: limit, deadline_ms, taken, answer };
        let control = Arc::clone(self.control());

        let taken = async {
            self.exchange.send(event).await;
            tokio::select! {
                biased;
                taken = &mut was_taken => taken.map_err(|_| InvokeError::Stopped),
                status = control.ended() => Err(InvokeError::Exit { status }),
            }
        };
        // A runtime that does not request events is as stuck as one that does not answer.
        match timeout(limit, taken).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Err(Failure { error, taken: was_taken.try_recv().is_ok() });
            }
            Err(_) => return Err(self.timed_out(limit).await),
        }

        let answered = async {
            tokio::select! {
                // In this order: a process may answer and end immediately.
                biased;
                answer = answered => answer.unwrap_or(Err(InvokeError::Stopped)),
                status = control.ended() => Err(InvokeError::Exit { status }),
            }
        };
        let Ok(answer) = timeout(limit, answered).await else {
            return Err(self.timed_out(limit).await);
        };
        let body = answer.map_err(|error| Failure { error, taken: true })?;
        Ok(Answer { body, init_duration: self.init_duration.take() })
    }

    async fn timed_out(&mut self, after: Duration) -> Failure {
        self.exchange.give_up();
        self.end().await;
        Failure { error: InvokeError::Timeout { after }, taken: true }
    }

    pub(super) async fn end(&mut self) {
        self.control().kill();
        self.control().ended().await;
    }

    pub(super) fn is_alive(&self) -> bool {
        self.control().status().is_none()
    }

    pub(super) fn control(&self) -> &Arc<Control> {
        self.process.control()
    }
}
