//! The ways to the outside: small, so that tests put others in their place.
//!
//! No port retries and none has a time limit of its own to keep: who calls one drops it when
//! the time is up.

use std::future::Future;

use shared::opensearch::{Answer, Error};

use crate::quarantine::Quarantined;

/// The most entries of one call (source: Amazon SQS API reference).
pub const MAX_ENTRIES: usize = 10;

/// OpenSearch.
pub trait Search: 'static {
    /// Sends a bulk request, of lines as `_bulk` takes them, and gives its answer whatever its
    /// status.
    ///
    /// # Errors
    /// Where no whole answer comes.
    fn bulk(&self, body: &[u8]) -> impl Future<Output = Result<Answer, Error>>;
}

/// SQS.
pub trait Queues: 'static {
    /// Sends at most [`MAX_ENTRIES`] messages to quarantine. Gives the failure of each entry, in
    /// order; `None` only for those that SQS says it has.
    fn quarantine(
        &self,
        entries: &[Quarantined],
    ) -> impl Future<Output = Vec<Option<EntryFailure>>>;

    /// Sets the visibility timeout of at most [`MAX_ENTRIES`] messages of one queue. Gives the
    /// failures.
    fn change_visibility(
        &self,
        queue_arn: &str,
        changes: &[VisibilityChange],
    ) -> impl Future<Output = Vec<EntryFailure>>;
}

/// For how long a message stays away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibilityChange {
    /// Which message of the invocation.
    pub message: usize,
    /// Its receipt handle.
    pub receipt_handle: String,
    /// From now, in seconds.
    pub seconds: u32,
}

/// Why SQS did not do what an entry of a call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFailure {
    /// SQS's code, or what kept the call from being made.
    pub code: String,
    /// What SQS says of it.
    pub message: String,
}
