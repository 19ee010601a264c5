//! The interfaces to services, which are small so that tests can implement them.
//!
//! Implementations have no retries or time limits: the caller drops the call when the time is up.

use std::future::Future;

use bytes::Bytes;
use shared::s3::GetError;
use shared::sqs::{Failure, Quarantined};

/// Maximum size of a body in S3, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 16 * 1_048_576;

/// SQS, and S3, in which its extended client stores large bodies.
pub trait Queues: 'static {
    /// Reads the body that a message points to, of at most [`MAX_PAYLOAD_BYTES`].
    ///
    /// # Errors
    /// [`GetError`]
    fn payload(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Bytes, GetError>>;

    /// Sends at most [`MAX_ENTRIES`](shared::sqs::MAX_ENTRIES) messages to quarantine. Returns the
    /// failure of each entry, in order; `None` only for those that SQS confirmed.
    fn quarantine(&self, entries: &[Quarantined]) -> impl Future<Output = Vec<Option<Failure>>>;

    /// Sets the visibility timeout of at most [`MAX_ENTRIES`](shared::sqs::MAX_ENTRIES) messages of one queue. Returns the
    /// failures.
    fn change_visibility(
        &self,
        queue_arn: &str,
        changes: &[VisibilityChange],
    ) -> impl Future<Output = Vec<Failure>>;
}

/// A new visibility timeout of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibilityChange {
    /// The index of the message in the invocation.
    pub message: usize,
    /// Its receipt handle.
    pub receipt_handle: String,
    /// The timeout from now, in seconds.
    pub seconds: u32,
}
