//! The results of a stream's records.

use std::time::Duration;

/// The results of the records so far.
///
/// At any time `read` is the sum of `done`, `discarded`, `left` and `in_hand`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Records read; a record that is read again is counted again.
    pub read: u64,
    /// Records that are done; a record that is done again is counted again.
    pub done: u64,
    /// Records given up because of their number of retries or their age.
    pub discarded: u64,
    /// Records that had been read when the position in their shard was lost; they are read again.
    pub left: u64,
    /// Records that wait for their invocation or are in flight.
    pub in_hand: u64,
    /// Invocations that have ended.
    pub invocations: u64,
    /// Invocations that failed with all of their records, because of an error or an invalid answer.
    pub failed_invocations: u64,
    /// Invocations whose answer named the record from which to continue.
    pub partial_answers: u64,
    /// The latest failure of an invocation, without data of records.
    pub last_error: Option<String>,
    /// How long each invocation took, oldest first, including the start of the function if there
    /// was one.
    pub invocation_durations: Vec<Duration>,
    /// Maximum age of a batch's last record when its invocation began (`IteratorAge`).
    pub iterator_age: Duration,
    /// The arrival time of each record that is done, and the time of the first answer with which it
    /// was done, in milliseconds since 1970. A record that is read and done again appears once.
    pub done_ms: Vec<(u64, u64)>,
}
