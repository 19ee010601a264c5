//! A small SQS in this process that keeps messages in memory: for machines without Java, for
//! clocks that tests set, and for faults on demand.
//!
//! It speaks the AWS JSON 1.0 protocol and answers as the service does, with its limits and its
//! errors. The tests hold it and ElasticMQ to what both have in common.

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

/// What is to go wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is refused with `RequestThrottled`, status 400. Nothing is done.
    Throttle,
    /// The call is refused with `AccessDenied`, status 400. Nothing is done.
    Deny,
    /// The service fails with `InternalFailure`, status 500. Nothing is done.
    Fail,
    /// The connection is closed without an answer, and nothing is done.
    Drop,
    /// The call is done, but the connection is closed without an answer.
    DropAfterDoing,
    /// The call is done, and answered only after this while.
    Slow(Duration),
    /// The entries at these positions of a batch fail with `InternalError`; the others are done.
    Entries(Vec<usize>),
}

/// A running embedded server; it ends, with its messages, when this value is dropped.
pub type Embedded = crate::server::Embedded<State>;

/// What the server holds.
#[derive(Debug)]
pub struct State {
    url: String,
    clock: Clock,
    store: Mutex<Store>,
    /// Notified of every call, which may make a message visible.
    changed: Notify,
    faults: Mutex<BTreeMap<Operation, Faults<Fault>>>,
    calls: Mutex<BTreeMap<Operation, u64>>,
}

impl Embedded {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> io::Result<Self> {
        Self::with_clock(Clock::system()).await
    }

    /// Like [`start`](Self::start), with a clock that rules over visibility, deduplication and
    /// move tasks. How long a poll waits is real time.
    ///
    /// # Errors
    /// When no port is free.
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

    /// Plans a fault for the calls of this operation to come, after those that are planned
    /// already.
    pub fn fail(&self, operation: Operation, fault: Fault, lasting: Lasting) {
        locked(&self.state.faults).entry(operation).or_default().plan(fault, lasting);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        locked(&self.state.faults).clear();
    }

    /// Number of calls of this operation so far, those that failed among them.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u64 {
        locked(&self.state.calls).get(&operation).copied().unwrap_or_default()
    }
}
