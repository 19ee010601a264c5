//! The ways to the outside: small, so that tests put others in their place.
//!
//! A port neither retries nor keeps a time limit: the caller drops the call when
//! the time is up.

use std::future::Future;

use shared::sqs::Failure;

use crate::quarantine::Quarantined;

/// SQS.
pub trait Queues: 'static {
    /// Sends at most [`MAX_ENTRIES`](shared::sqs::MAX_ENTRIES) messages to quarantine. Returns the failure of each entry, in
    /// order; `None` only for those that SQS says it has.
    fn quarantine(&self, entries: &[Quarantined]) -> impl Future<Output = Vec<Option<Failure>>>;

    /// Sets the visibility timeout of at most [`MAX_ENTRIES`](shared::sqs::MAX_ENTRIES) messages of one queue. Returns the
    /// failures.
    fn change_visibility(
        &self,
        queue_arn: &str,
        changes: &[VisibilityChange],
    ) -> impl Future<Output = Vec<Failure>>;
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
