//! A small `OpenSearch` in this process that keeps documents in memory: for machines without
//! Docker and Java, and for faults on demand.
//!
//! It answers what sluice asks, as version 2.19.3 would: `GET /`, index templates, `/_bulk`,
//! `_count`, `_search` (all documents or those with a term, and their most frequent terms),
//! `_refresh`, `_cluster/health` and deleting an index. The tests hold both to the same table of
//! requests.

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

/// What is to go wrong with a bulk request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The whole request is refused with this status. Nothing is written.
    Status(u16),
    /// Operations fail with this status (400, 429, 503), as items of an answer of status 200; the
    /// others are done.
    Items {
        /// The item's status.
        status: u16,
        /// Which ones.
        which: Which,
    },
    /// The request is done, and answered only after this while.
    Slow(Duration),
    /// The connection is closed without an answer, and nothing is written.
    Drop,
    /// The request is done, but the connection is closed without an answer.
    DropAfterWriting,
    /// The request is done, but the answer's body breaks off in the middle.
    Truncate,
    /// The request is done, but the answer is a proxy's page of status 200.
    Garbage,
}

/// Which operations of a bulk request a [`Fault::Items`] hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    All,
    /// The first of each group of this size.
    OneOf(usize),
    /// Those whose document's text contains this.
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

/// What the server holds.
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
    /// When no port is free.
    pub async fn start() -> io::Result<Self> {
        Self::open(|_| State::default(), server::answer).await
    }

    /// Plans a fault for the bulk requests to come, after those that are planned already.
    pub fn fail(&self, fault: Fault, lasting: Lasting) {
        locked(&self.state.faults).plan(fault, lasting);
    }

    /// Ends all faults: the next bulk request is answered well.
    pub fn clear_faults(&self) {
        locked(&self.state.faults).clear();
    }

    /// Number of bulk requests so far, those that failed among them.
    #[must_use]
    pub fn bulk_requests(&self) -> u64 {
        self.state.bulk_requests.load(Ordering::Relaxed)
    }
}
