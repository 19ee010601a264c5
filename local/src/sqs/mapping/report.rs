//! What has become of the messages.

use std::collections::VecDeque;
use std::time::Duration;

/// Number of invocations that are remembered.
const HISTORY: usize = 10_000;

/// What has become of the messages so far.
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
    /// Messages that failed, and are left to their visibility timeout.
    pub failed: u64,
    /// Messages that succeeded and could not be deleted: they are redelivered.
    pub undeleted: u64,
    /// Messages that wait for their invocation, are in it, or are being deleted.
    pub in_hand: u64,
    /// Invocations that have ended.
    pub invocations: u64,
    /// Those of them that failed with all of their messages: by an error, or by their answer.
    pub failed_invocations: u64,
    /// Calls of SQS that failed.
    pub failed_calls: u64,
    /// What the latest failure of an invocation or a call was, without data of messages.
    pub last_error: Option<String>,
    /// The latest 10,000 invocations, oldest first.
    pub history: VecDeque<Invocation>,
}

/// What one invocation did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invocation {
    /// Number of its messages.
    pub messages: usize,
    /// Number of those that failed.
    pub failed: usize,
    /// The size of its event, in bytes.
    pub payload_bytes: usize,
    /// How long it took, with the start of the function if there was one.
    pub duration: Duration,
    /// Why it failed with all of its messages.
    pub error: Option<String>,
}

impl Report {
    pub(super) fn invoked(&mut self, invocation: Invocation) {
        self.invocations += 1;
        let failed = invocation.failed as u64;
        self.failed += failed;
        self.in_hand -= failed;
        if let Some(error) = &invocation.error {
            self.failed_invocations += 1;
            self.last_error = Some(error.clone());
        }
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(invocation);
    }

    pub(super) fn call_failed(&mut self, error: String) {
        self.failed_calls += 1;
        self.last_error = Some(error);
    }
}
