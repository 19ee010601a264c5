//! What has become of a stream's records.

use std::time::Duration;

/// What has become of the records so far.
///
/// At any time `read` is the sum of `done`, `discarded`, `left` and `in_hand`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Records read; one that is read again is counted again.
    pub read: u64,
    /// Records that the function has done; one that is done again is counted again.
    pub done: u64,
    /// Records given up for their number of retries or their age.
    pub discarded: u64,
    /// Records in hand when the place in their shard was lost: they are read again.
    pub left: u64,
    /// Records that wait for their invocation or are in it.
    pub in_hand: u64,
    /// Invocations that have ended.
    pub invocations: u64,
    /// Those of them that failed with all of their records: by an error, or by their answer.
    pub failed_invocations: u64,
    /// Those of them whose answer named the record from which to read on.
    pub partial_answers: u64,
    /// What the latest failure of an invocation was, without data of records.
    pub last_error: Option<String>,
    /// How long each invocation took, oldest first, with the start of the function if there was one.
    pub invocation_durations: Vec<Duration>,
    /// The greatest age of a batch's last record when its invocation began (`IteratorAge`).
    pub iterator_age: Duration,
    /// For each record that is done, when it arrived and when the first answer came that says so, in
    /// milliseconds since 1970. A record that is read again, and done again, is in it once.
    pub done_ms: Vec<(u64, u64)>,
}
