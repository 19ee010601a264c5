//! How an invocation's time is divided, so that its answer is always given.

use std::time::Duration;

use tokio::time::Instant;

use crate::runtime::Invocation;

/// What is left for the answer itself, whatever the margin.
const MIN_FOR_ANSWER: Duration = Duration::from_millis(50);

/// When what has to be done.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    started: Instant,
    started_ms: u64,
    /// No work is started after this.
    start_until: Instant,
    /// Work that is under way ends here, half a margin later.
    pub work_until: Instant,
    /// Setting visibility timeouts ends here, half of the rest later.
    pub calls_until: Instant,
    /// From the start to the end of the work.
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

    /// The schedule of work outside of Lambda, which takes at most this from now on.
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

    /// Whether it will be too late then.
    #[must_use]
    pub fn is_late_at(&self, then: Instant) -> bool {
        then >= self.start_until.min(self.work_until)
    }

    /// Now, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        let passed = self.started.elapsed().as_millis();
        self.started_ms.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }
}
