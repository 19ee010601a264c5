//! A small `OpenSearch` in this process that keeps documents in memory: for machines without Docker
//! and Java, and for faults on demand.
//!
//! It answers the requests that sluice makes as version 2.19.3 does: `GET /`, index templates,
//! `/_bulk`, `_count`, `_search` (all documents or those with a term, and their most frequent
//! terms), `_refresh`, `_cluster/health` and deleting an index. The tests check both servers with
//! the same table of requests.

mod bulk;
mod fields;
mod json;
mod reply;
mod routes;
mod search;
mod server;
mod store;

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::faults::Faults;
pub use crate::faults::Lasting;
use crate::server::locked;
use store::Store;

/// A fault of a bulk request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The whole request is rejected with this status. Nothing is written.
    Status(u16),
    /// Operations fail with this status (400, 429, 503), as items of an answer with status 200; the
    /// others are executed.
    Items {
        /// The status of the items.
        status: u16,
        /// The operations that fail.
        which: Which,
    },
    /// The request is executed, and answered only after this delay.
    Slow(Duration),
    /// The connection is closed without an answer, and nothing is written.
    Drop,
    /// The request is executed, but the connection is closed without an answer.
    DropAfterWriting,
    /// The request is executed, but the body of the answer is truncated in the middle.
    Truncate,
    /// The request is executed, but the answer is the page of a proxy, with status 200.
    Garbage,
}

/// The operations of a bulk request that a [`Fault::Items`] affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All operations.
    All,
    /// The first operation of each group of this size.
    OneOf(usize),
    /// Operations whose document contains this text.
    Containing(String),
}

impl Which {
    fn hits(&self, position: usize, document: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::OneOf(of) => position.is_multiple_of(*of),
            Self::Containing(text) => {
                let text = text.as_bytes();
                text.is_empty() || document.windows(text.len()).any(|window| window == text)
            }
        }
    }
}

/// A running embedded server; it ends, with its documents, when this value is dropped.
pub type Embedded = crate::server::Embedded<State>;

/// The state of the server.
#[derive(Debug, Default)]
pub struct State {
    store: Mutex<Store>,
    faults: Mutex<Faults<Fault>>,
    bulk_requests: AtomicU64,
}

impl Embedded {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start() -> io::Result<Self> {
        Self::open(|_| State::default(), server::answer).await
    }

    /// Plans a fault for subsequent bulk requests, after those that are already planned.
    pub fn fail(&self, fault: Fault, lasting: Lasting) {
        locked(&self.state.faults).plan(fault, lasting);
    }

    /// Removes all faults: the next bulk request succeeds.
    pub fn clear_faults(&self) {
        locked(&self.state.faults).clear();
    }

    /// Number of bulk requests so far, including those that failed.
    #[must_use]
    pub fn bulk_requests(&self) -> u64 {
        self.state.bulk_requests.load(Ordering::Relaxed)
    }
}
