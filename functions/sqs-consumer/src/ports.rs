//! The ways to the outside: small, so that tests put others in their place.
//!
//! A port neither retries nor keeps a time limit: the caller drops the call when
//! the time is up.

use std::future::Future;

use bytes::Bytes;
use shared::s3::GetError;
use shared::sqs::{Failure, Quarantined};

/// The largest body in S3 that is read, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 16 * 1_048_576;

/// SQS, and the S3 that its extended client puts large bodies into.
pub trait Queues: 'static {
    /// Reads the body that a message points to, of at most [`MAX_PAYLOAD_BYTES`].
    ///
    /// # Errors
    /// [`GetError`]
    fn payload(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Bytes, GetError>>;

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
