//! The results of the messages.

use std::time::Duration;

/// The results of the messages so far.
///
/// At any time `received` is the sum of `deleted`, `failed`, `undeleted` and `in_hand`. A message
/// that failed is received again later, and counted again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Messages received.
    pub received: u64,
    /// Messages that succeeded and were deleted.
    pub deleted: u64,
    /// Messages that failed, and become visible again after their visibility timeout.
    pub failed: u64,
    /// Messages that succeeded and could not be deleted; they are redelivered.
    pub undeleted: u64,
    /// Messages that wait for their invocation, are in flight, or are being deleted.
    pub in_hand: u64,
    /// Invocations that have ended.
    pub invocations: u64,
    /// Invocations that failed with all of their messages, because of an error or an invalid
    /// answer.
    pub failed_invocations: u64,
    /// Calls to SQS that failed.
    pub failed_calls: u64,
    /// The latest failure of an invocation or a call, without data of messages.
    pub last_error: Option<String>,
    /// How long each invocation took, oldest first, including the start of the function if there
    /// was one.
    pub invocation_durations: Vec<Duration>,
}

impl Report {
    /// Counts an invocation that has ended; `error` is the reason if it failed with all of its
    /// messages.
    pub(super) fn invoked(&mut self, duration: Duration, failed: u64, error: Option<String>) {
        self.invocations += 1;
        self.failed += failed;
        self.in_hand -= failed;
        if error.is_some() {
            self.failed_invocations += 1;
            self.last_error = error;
        }
        self.invocation_durations.push(duration);
    }

    pub(super) fn call_failed(&mut self, error: String) {
        self.failed_calls += 1;
        self.last_error = Some(error);
    }
}
