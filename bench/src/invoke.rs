//! One function that is running and invoked.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::Error;
use crate::functions::Function;
use crate::http::Server;
use crate::pinned::{Cores, Process};
use crate::runtime_api::{self, Call, Invocation, Waiting};

/// Longer than any function takes: a script needs a minute for a large object.
const PATIENCE: Duration = Duration::from_mins(10);

/// The cost of one invocation, and its answer.
#[derive(Debug)]
pub(crate) struct Invoked {
    /// The CPU time of the process, from waiting for this invocation to waiting for the next one.
    pub(crate) cpu: Duration,
    /// The time from the first byte of the request to the last byte of the answer.
    pub(crate) wall: Duration,
    pub(crate) answer: Vec<u8>,
}

/// The cost of being ready for the first invocation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ColdStart {
    /// The CPU time of the process.
    pub(crate) cpu: Duration,
    /// The time from the start of the process to its first request for an invocation.
    pub(crate) wall: Duration,
    /// Maximum memory up to then, in bytes.
    pub(crate) memory_bytes: u64,
}

/// A function that waits for its next invocation.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) name: &'static str,
    // Before the server, so that the function is stopped first.
    pub(crate) process: Process,
    _server: Server,
    calls: Receiver<Call>,
    waiting: Option<Waiting>,
    /// The cost of its start.
    pub(crate) cold_start: ColdStart,
}

impl Running {
    /// Starts the function and waits until it requests an invocation.
    pub(crate) fn start(function: &Function, cores: Cores) -> Result<Self, Error> {
        let (server, calls) = runtime_api::start()?;
        let mut command = function.command();
        command.env("AWS_LAMBDA_RUNTIME_API", server.address.to_string());
        let process = cores.spawn(&mut command)?;
        let (name, cold_start) = (function.name, ColdStart::default());
        let mut running = Self { name, process, _server: server, calls, waiting: None, cold_start };
        let waiting = running.next_waiting()?;
        running.cold_start = ColdStart {
            cpu: running.process.cpu()?,
            wall: waiting.asked - running.process.started,
            memory_bytes: running.process.peak_memory_bytes()?,
        };
        running.waiting = Some(waiting);
        Ok(running)
    }

    /// Invokes the function once.
    pub(crate) fn invoke(&mut self, invocation: &Invocation) -> Result<Invoked, Error> {
        let waiting = self.waiting.take().ok_or("the function is not waiting")?;
        let before = self.process.cpu()?;
        waiting.invoke(invocation)?;
        let calls = (self.next_call()?, self.next_call()?);
        let (Call::Sent(sent), Call::Answer { body: answer, received }) = calls else {
            return Err(self.unexpected());
        };
        self.waiting = Some(self.next_waiting()?);
        let cpu = self.process.cpu()?.saturating_sub(before);
        Ok(Invoked { cpu, wall: received - sent, answer })
    }

    /// Invokes the function once; returns its answer, or `None` if it takes longer than this.
    pub(crate) fn invoke_within(
        &mut self,
        invocation: &Invocation,
        time: Duration,
    ) -> Result<Option<Vec<u8>>, Error> {
        let waiting = self.waiting.take().ok_or("the function is not waiting")?;
        waiting.invoke(invocation)?;
        let Call::Sent(_) = self.next_call()? else { return Err(self.unexpected()) };
        match self.calls.recv_timeout(time) {
            Ok(Call::Answer { body, .. }) => {
                self.waiting = Some(self.next_waiting()?);
                Ok(Some(body))
            }
            Ok(_) => Err(self.unexpected()),
            Err(_) => Ok(None),
        }
    }

    fn next_waiting(&mut self) -> Result<Waiting, Error> {
        match self.next_call()? {
            Call::Next(waiting) => Ok(waiting),
            _ => Err(self.unexpected()),
        }
    }

    fn next_call(&mut self) -> Result<Call, Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.calls.recv_timeout(Duration::from_millis(200)) {
                Ok(Call::Failed(report)) => return Err(format!("{}: {report}", self.name).into()),
                Ok(call) => return Ok(call),
                Err(RecvTimeoutError::Disconnected) => return Err("the server ended".into()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(status) = self.process.ended()? {
                return Err(format!("{}: ended with {status}", self.name).into());
            }
            if Instant::now() > deadline {
                return Err(format!("{}: silent for {PATIENCE:?}", self.name).into());
            }
        }
    }

    fn unexpected(&self) -> Error {
        format!("{}: calls the Runtime API out of turn", self.name).into()
    }
}
