//! What may go wrong with a call on demand.

use std::time::Duration;

/// What is to go wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is refused with `RequestThrottled`, status 400. Nothing is done.
    Throttle,
    /// The call is refused with `AccessDenied`, status 400. Nothing is done.
    Deny,
    /// The service fails with `InternalFailure`, status 500. Nothing is done.
    Fail,
    /// The service answers `ServiceUnavailable`, status 503. Nothing is done.
    Unavailable,
    /// The connection is closed without an answer, and nothing is done.
    Drop,
    /// The call is done, but the connection is closed without an answer.
    DropAfterDoing,
    /// The call is done, and answered only after this while.
    Slow(Duration),
    /// The entries at these positions of a batch fail with `InternalError`, which is the service's
    /// fault; the others are done. A call that is no batch is done as ever.
    Entries(Vec<usize>),
}
