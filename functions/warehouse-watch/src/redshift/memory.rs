//! Whether the last run saw a session that waited too long for a lock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::aws::CallFailure;
use shared::cloudwatch::{CloudWatch, Query};
use tokio::time::{Instant, timeout_at};

use super::notices::LockRule;

pub(super) const LOCK_WAIT_SECONDS: &str = "LockWaitSeconds";
pub(super) const WAREHOUSE: &str = "Warehouse";

/// How far back the last run of another process is searched for, in milliseconds.
const RANGE_MS: u64 = 24 * 3_600_000;

/// The result of the last run, from this process or from CloudWatch.
#[derive(Debug)]
pub(crate) struct Memory {
    cloudwatch: CloudWatch,
    namespace: String,
    poll_seconds: i64,
    /// `None` in a new process.
    last: Option<Last>,
}

/// The result of a run of this process.
#[derive(Clone, Copy, Debug)]
struct Last {
    is_waiting: bool,
    at: Timestamp,
}

impl Memory {
    pub(crate) const fn new(cloudwatch: CloudWatch, namespace: String, poll_seconds: i64) -> Self {
        Self { cloudwatch, namespace, poll_seconds, last: None }
    }

    /// Whether the last run before `now` saw a wait that was too long. If this process missed
    /// periods of the schedule, another one has run since, whose result is in CloudWatch.
    pub(super) async fn was_waiting(
        &self,
        warehouse: &str,
        rule: LockRule,
        now: Timestamp,
        until: Instant,
    ) -> Result<bool, CallFailure> {
        let max_age = SignedDuration::from_secs(2 * self.poll_seconds);
        if let Some(last) = self.last.filter(|last| now.duration_since(last.at) <= max_age) {
            return Ok(last.is_waiting);
        }
        let last = timeout_at(until, self.last_wait(warehouse, now)).await;
        let last = last.unwrap_or_else(|_| Err(CallFailure::late()))?;
        // 0 means that nothing waited, even if LOCK_SECONDS is 0.
        Ok(last.is_some_and(|seconds| seconds > 0.0 && rule.is_too_long(seconds_of(seconds))))
    }

    /// Remembers the result of the run at `now`.
    pub(super) const fn remember(&mut self, is_waiting: bool, now: Timestamp) {
        self.last = Some(Last { is_waiting, at: now });
    }

    /// Reads the longest wait in the last run, in seconds. It has no time limit.
    async fn last_wait(&self, warehouse: &str, now: Timestamp) -> Result<Option<f64>, CallFailure> {
        let now_ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
        // Excludes the values of an earlier attempt of the same run.
        let end_ms = now_ms - now_ms % 60_000;
        let query =
            Query { namespace: &self.namespace, metric: LOCK_WAIT_SECONDS, dimension: WAREHOUSE };
        let range = end_ms.saturating_sub(RANGE_MS)..end_ms;
        let values = self.cloudwatch.maxima(query, &[warehouse], range).await?;
        Ok(values.first().and_then(|values| values.last()).map(|(_, seconds)| *seconds))
    }
}

fn seconds_of(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds).map_or(0, |duration| duration.as_secs())
}
