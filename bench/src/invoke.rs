//! One function, running and invoked.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use crate::Error;
use crate::functions::Function;
use crate::pinned::{Cores, Process};
use crate::runtime_api::{Call, Invocation, RuntimeApi, Waiting};

/// No function of ours takes longer for anything.
const PATIENCE: Duration = Duration::from_mins(1);

/// What one invocation cost, and what it gave.
#[derive(Debug)]
pub struct Invoked {
    /// The process's time, from waiting for this invocation to waiting for the next.
    pub cpu: Duration,
    /// From the first byte of the request to the last of the answer.
    pub wall: Duration,
    /// The answer.
    pub answer: Vec<u8>,
}

/// What it took to be ready for the first invocation.
#[derive(Clone, Copy, Debug)]
pub struct ColdStart {
    /// The process's time.
    pub cpu: Duration,
    /// From the start of the process to its first request for an invocation.
    pub wall: Duration,
    /// The most memory that it held by then, in bytes.
    pub memory_bytes: u64,
}

/// A function that waits for its next invocation.
#[derive(Debug)]
pub struct Running {
    /// The function's name.
    pub name: &'static str,
    // Before the server: a function is stopped first.
    process: Process,
    api: RuntimeApi,
    waiting: Option<Waiting>,
    /// What its start took.
    pub cold_start: ColdStart,
}

impl Running {
    /// Starts the function and waits until it asks for an invocation.
    ///
    /// # Errors
    /// When it does not come so far.
    pub fn start(function: &Function, cores: Cores) -> Result<Self, Error> {
        let api = RuntimeApi::start()?;
        let mut command = function.command();
        command.env("AWS_LAMBDA_RUNTIME_API", api.address.to_string());
        let process = cores.spawn(&mut command)?;
        let zero = ColdStart { cpu: Duration::ZERO, wall: Duration::ZERO, memory_bytes: 0 };
        let mut running =
            Self { name: function.name, process, api, waiting: None, cold_start: zero };
        let waiting = running.next_waiting()?;
        running.cold_start.cpu = running.process.cpu()?;
        running.cold_start.wall = waiting.asked - running.process.started;
        running.cold_start.memory_bytes = running.peak_memory_bytes()?;
        running.waiting = Some(waiting);
        Ok(running)
    }

    /// Invokes the function once.
    ///
    /// # Errors
    /// When it fails, ends or does not answer.
    pub fn invoke(&mut self, invocation: &Invocation) -> Result<Invoked, Error> {
        let waiting = self.waiting.take().ok_or("the function is not waiting")?;
        let before = self.process.cpu()?;
        waiting.give(invocation)?;
        let Call::Sent(sent) = self.next_call()? else {
            return Err(self.unexpected());
        };
        let Call::Answer { body, received } = self.next_call()? else {
            return Err(self.unexpected());
        };
        self.waiting = Some(self.next_waiting()?);
        let cpu = self.process.cpu()?.saturating_sub(before);
        Ok(Invoked { cpu, wall: received - sent, answer: body })
    }

    /// The most memory that the process ever held, in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn peak_memory_bytes(&self) -> Result<u64, Error> {
        self.process.peak_memory_bytes()
    }

    /// Asks the function to end, and waits until it has.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn terminate(self) -> Result<(), Error> {
        self.process.terminate()
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
            match self.api.calls.recv_timeout(Duration::from_millis(200)) {
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
