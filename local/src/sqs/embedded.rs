//! A small SQS in this process that keeps messages in memory: for machines without Java, for tests
//! that set the clock, and for faults on demand.
//!
//! It uses the AWS JSON 1.0 protocol and answers as the service does, with its limits and errors.
//! Tests check the common behavior of it and ElasticMQ.

mod error;
mod message;
mod move_task;
mod operations;
mod queue;
mod server;

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::faults::Faults;
pub use crate::faults::Lasting;
use crate::server::locked;
pub use operations::Operation;
use operations::Store;

/// A fault of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is rejected with `RequestThrottled`, status 400. Nothing is executed.
    Throttle,
    /// The call is rejected with `AccessDenied`, status 400. Nothing is executed.
    Deny,
    /// The service fails with `InternalFailure`, status 500. Nothing is executed.
    Fail,
    /// The connection is closed without an answer, and nothing is executed.
    Drop,
    /// The call is executed, but the connection is closed without an answer.
    DropAfterDoing,
    /// The call is executed, and answered only after this delay.
    Slow(Duration),
    /// The entries at these positions of a batch fail with `InternalError`; the others are
    /// executed.
    Entries(Vec<usize>),
}

/// A running embedded server; it ends, with its messages, when this value is dropped.
pub type Embedded = crate::server::Embedded<State>;

/// The state of the server.
#[derive(Debug)]
pub struct State {
    url: String,
    clock: Clock,
    store: Mutex<Store>,
    /// Notified of every call, because it may make a message visible.
    changed: Notify,
    faults: Mutex<BTreeMap<Operation, Faults<Fault>>>,
    calls: Mutex<BTreeMap<Operation, u64>>,
}

impl Embedded {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start() -> io::Result<Self> {
        Self::with_clock(Clock::system()).await
    }

    /// Like [`start`](Self::start), with a clock for visibility, deduplication and move tasks.
    /// Polls wait in real time.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn with_clock(clock: Clock) -> io::Result<Self> {
        let state = |url: &str| State {
            url: url.to_owned(),
            clock,
            store: Mutex::default(),
            changed: Notify::new(),
            faults: Mutex::default(),
            calls: Mutex::default(),
        };
        Self::open(state, server::answer).await
    }

    /// Plans a fault for subsequent calls of this operation, after those that are already planned.
    pub fn fail(&self, operation: Operation, fault: Fault, lasting: Lasting) {
        locked(&self.state.faults).entry(operation).or_default().plan(fault, lasting);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        locked(&self.state.faults).clear();
    }

    /// Number of calls of this operation so far, including those that failed.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u64 {
        locked(&self.state.calls).get(&operation).copied().unwrap_or_default()
    }
}
