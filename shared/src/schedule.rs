//! The due time of a scheduled invocation, and the division of an invocation's time, so that it
//! always answers before its deadline.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::event::Timestamp;
use crate::runtime::Invocation;

/// Minimum time for the answer itself, regardless of the margin.
const MIN_FOR_ANSWER: Duration = Duration::from_millis(50);

/// Maximum age of a schedule's event: Lambda retries it for six hours at most (source: AWS Lambda
/// Developer Guide, "How Lambda handles errors and retries with asynchronous invocation").
const MAX_EVENT_AGE_MS: u64 = 24 * 3_600_000;

/// How far the clock of an event's sender may be ahead.
const MAX_AHEAD_MS: u64 = 60_000;

/// The `time` in the event of a schedule, which is the same in each retry; `now` if it is missing,
/// more than 24 hours old or in the future.
#[must_use]
pub fn scheduled_time(event: &[u8], now: Timestamp) -> Timestamp {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        time: std::borrow::Cow<'a, str>,
    }
    let event = serde_json::from_slice::<Event<'_>>(event).ok();
    let time = event.and_then(|event| Timestamp::from_rfc3339(event.time.as_bytes()));
    let is_believed = |time: &Timestamp| {
        let (time, now) = (time.milliseconds(), now.milliseconds());
        now <= time.saturating_add(MAX_EVENT_AGE_MS) && time <= now.saturating_add(MAX_AHEAD_MS)
    };
    time.filter(is_believed).unwrap_or(now)
}

/// When the last call of an invocation must end: `margin` before its deadline, and early enough for
/// the answer.
#[must_use]
pub fn calls_until(invocation: &Invocation<'_>, margin: Duration) -> Instant {
    let deadline = invocation.deadline;
    deadline.checked_sub(margin.max(2 * MIN_FOR_ANSWER)).unwrap_or(deadline)
}

/// The division of an invocation's time.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    started: Instant,
    started_ms: u64,
    /// No work is started after this.
    start_until: Instant,
    /// Work in progress ends here, half a margin later.
    pub work_until: Instant,
    /// Setting visibility timeouts ends here, half of the rest later.
    pub calls_until: Instant,
    /// The time from the start to the end of the work.
    pub work_time: Duration,
}

impl Schedule {
    /// The schedule of an invocation that starts now.
    #[must_use]
    pub fn new(invocation: &Invocation<'_>, margin: Duration) -> Self {
        let started = Instant::now();
        let before = |time: Duration| invocation.deadline.checked_sub(time).unwrap_or(started);
        let work_until = before((margin / 2).max(2 * MIN_FOR_ANSWER));
        Self {
            started,
            started_ms: invocation.now.milliseconds(),
            start_until: before(margin),
            work_until,
            calls_until: before((margin / 4).max(MIN_FOR_ANSWER)),
            work_time: work_until.saturating_duration_since(started),
        }
    }

    /// The schedule of work outside of Lambda, which takes at most `work_time` from now.
    #[must_use]
    pub fn lasting(work_time: Duration, now_ms: u64) -> Self {
        let started = Instant::now();
        let until = started + work_time;
        Self {
            started,
            started_ms: now_ms,
            start_until: until,
            work_until: until,
            calls_until: until,
            work_time,
        }
    }

    /// Whether it is too late to start anything.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.is_late_at(Instant::now())
    }

    /// Whether it will be too late to start anything at this time.
    #[must_use]
    pub fn is_late_at(&self, then: Instant) -> bool {
        then >= self.start_until.min(self.work_until)
    }

    /// The current time, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        let passed = self.started.elapsed().as_millis();
        self.started_ms.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduled_event_has_its_time_for_a_day() {
        let time = |text: &str| Timestamp::from_rfc3339(text.as_bytes()).unwrap();
        let now = time("2026-11-28T07:00:00.123Z");
        for (event, expected) in [
            (r#"{"time":"2026-11-28T06:59:58Z","source":"aws.events"}"#, "2026-11-28T06:59:58Z"),
            (r#"{"time":"2026-11-27T07:00:00.123Z"}"#, "2026-11-27T07:00:00.123Z"),
            (r#"{"time":"2026-11-27T07:00:00.122Z"}"#, "2026-11-28T07:00:00.123Z"),
            (r#"{"time":"2026-11-28T07:01:00Z"}"#, "2026-11-28T07:01:00Z"),
            (r#"{"time":"2026-11-28T07:02:00Z"}"#, "2026-11-28T07:00:00.123Z"),
            (r#"{"time":"today"}"#, "2026-11-28T07:00:00.123Z"),
            (r#"{"time":7}"#, "2026-11-28T07:00:00.123Z"),
            ("{}", "2026-11-28T07:00:00.123Z"),
            ("null", "2026-11-28T07:00:00.123Z"),
        ] {
            assert_eq!(scheduled_time(event.as_bytes(), now), time(expected), "{event}");
        }
    }
}
