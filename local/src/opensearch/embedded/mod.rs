//! A small `OpenSearch` in this process that keeps documents in memory: for machines without
//! Docker and Java, and for faults on demand.
//!
//! It answers what sluice asks, as version 2.19.3 would: `GET /`, index templates, `_bulk`,
//! `_count`, `_search`, `_refresh`, `_cluster/health` and deleting an index. Both are held to the
//! same table of requests by `tests/opensearch_bulk.rs`.

mod aggregate;
mod body;
mod bulk;
mod date;
mod fault;
mod json;
mod mapping;
mod query;
mod reply;
mod routes;
mod search;
mod server;
mod store;
mod validate;

pub use crate::faults::Lasting;
pub use fault::{Fault, Which};

use crate::faults::Faults;
use crate::server::Server;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Store;

/// A running embedded server; it ends, with its documents, when this value is dropped.
#[derive(Debug)]
pub struct Embedded {
    url: String,
    state: Arc<State>,
    server: Server,
}

#[derive(Debug, Default)]
struct State {
    store: Mutex<Store>,
    faults: Mutex<Faults<Fault>>,
    bulk_requests: std::sync::atomic::AtomicU64,
}

impl Embedded {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        let state = Arc::new(State::default());
        let (address, server) = server::start(Arc::clone(&state)).await?;
        Ok(Self { url: format!("http://{address}"), state, server })
    }

    /// Where it answers, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Plans a fault for the bulk requests to come, after those that are planned already.
    pub fn fail(&self, fault: Fault, lasting: Lasting) {
        locked(&self.state.faults).plan(fault, lasting);
    }

    /// Ends all faults: the next bulk request is answered well.
    pub fn clear_faults(&self) {
        locked(&self.state.faults).clear();
    }

    /// How many bulk requests have come, those that failed among them.
    #[must_use]
    pub fn bulk_requests(&self) -> u64 {
        self.state.bulk_requests.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Stops listening and closes the connections.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// A lock that a panic elsewhere does not take away: what it guards is whole after every
/// statement.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
