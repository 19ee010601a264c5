//! Divides an invocation's time so that it always ends before its deadline, and limits the rate of
//! messages.

use std::future::pending;
use std::time::Duration;

use shared::sqs::{Failure, MAX_ENTRIES};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::tally::Stopped;

/// How long a receive waits for messages. With any wait SQS queries all of its servers (source:
/// Amazon SQS Developer Guide, "Amazon SQS short and long polling").
const WAIT: Duration = Duration::from_secs(1);

/// Maximum time for which messages are hidden.
const MAX_HIDE: Duration = Duration::from_mins(15);

/// Maximum time to make one of many messages visible.
const SHOW_TIME: Duration = Duration::from_millis(1);

/// Minimum time for the answer itself, with any margin.
const MIN_FOR_ANSWER: Duration = Duration::from_millis(50);

/// The time limits of a run.
#[derive(Clone, Debug)]
pub struct Schedule {
    started: Instant,
    started_ms: u64,
    deadline: Instant,
    /// No work is started after this.
    work_until: Instant,
    /// Work in progress ends here, half a margin later.
    pub calls_until: Instant,
    /// Making messages visible ends here, a quarter of the margin before the deadline.
    pub show_until: Instant,
    /// `true` when the caller stops the run.
    stop: Option<watch::Receiver<bool>>,
}

impl Schedule {
    /// The schedule of a run that starts now, `now_ms` after 1970, and must end by `deadline`.
    #[must_use]
    pub fn new(now_ms: u64, deadline: Instant, margin: Duration) -> Self {
        let started = Instant::now();
        let before = |time: Duration| deadline.checked_sub(time).unwrap_or(started);
        Self {
            started,
            started_ms: now_ms,
            deadline,
            work_until: before(margin.max(3 * MIN_FOR_ANSWER)),
            calls_until: before((margin / 2).max(2 * MIN_FOR_ANSWER)),
            show_until: before((margin / 4).max(MIN_FOR_ANSWER)),
            stop: None,
        }
    }

    /// Starts no work after `stop` becomes `true`.
    #[must_use]
    pub fn until(self, stop: watch::Receiver<bool>) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// The current time, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        let passed = self.started.elapsed().as_millis();
        self.started_ms.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// When work must end if this number of messages is hidden: they must be made visible again.
    #[must_use]
    pub fn work_until(&self, hidden: usize) -> Instant {
        let time = SHOW_TIME.saturating_mul(u32::try_from(hidden).unwrap_or(u32::MAX));
        self.work_until.checked_sub(time).unwrap_or(self.started)
    }

    /// Waits until a time before the end of the work.
    ///
    /// # Errors
    /// [`Stopped::Deadline`] immediately for a later time, and [`Stopped::Interrupted`] when the
    /// caller stops the run.
    pub async fn wait_until(&self, time: Instant, hidden: usize) -> Result<(), Stopped> {
        self.check_stop()?;
        if time.max(Instant::now()) >= self.work_until(hidden) {
            return Err(Stopped::Deadline);
        }
        tokio::select! {
            biased;
            () = self.stopped() => Err(Stopped::Interrupted),
            () = sleep_until(time) => Ok(()),
        }
    }

    /// Checks whether the run may continue.
    ///
    /// # Errors
    /// [`Stopped::Interrupted`] if the caller stopped it.
    pub fn check_stop(&self) -> Result<(), Stopped> {
        let is_stopped = self.stop.as_ref().is_some_and(|stop| *stop.borrow());
        if is_stopped { Err(Stopped::Interrupted) } else { Ok(()) }
    }

    async fn stopped(&self) {
        if let Some(mut stop) = self.stop.clone()
            && stop.wait_for(|is_stopped| *is_stopped).await.is_ok()
        {
            return;
        }
        // The run cannot be stopped, or no longer.
        pending::<()>().await;
    }

    /// Runs a call until calls must end.
    ///
    /// # Errors
    /// The call's own error, or [`Failure::late`].
    pub async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        timeout_at(self.calls_until, call).await.unwrap_or_else(|_| Err(Failure::late()))
    }

    /// The number of seconds for which received messages are hidden, at most until the deadline,
    /// and the number of seconds that the call may wait for them.
    #[must_use]
    pub fn receive_seconds(&self, hidden: usize) -> (u32, u32) {
        let now = Instant::now();
        let has_time = now + 2 * WAIT < self.work_until(hidden);
        let wait = if has_time { WAIT } else { Duration::ZERO };
        let left = self.deadline.saturating_duration_since(now).saturating_sub(wait);
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        (seconds(left.min(MAX_HIDE)).max(1), seconds(wait))
    }
}

/// Limits the number of messages per second, which are sent a few at a time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    rate_per_second: Option<u32>,
    next: Instant,
}

impl Pace {
    /// Limits the rate to this number per second, if there is one.
    #[must_use]
    pub fn new(rate_per_second: Option<u32>) -> Self {
        Self { rate_per_second, next: Instant::now() }
    }

    /// Whether the rate is limited.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.rate_per_second.is_some()
    }

    /// Maximum number of messages in one call, so that a call is due five times per second.
    #[must_use]
    pub fn most(&self) -> usize {
        let fifth =
            self.rate_per_second.map(|rate| usize::try_from(rate / 5).unwrap_or(usize::MAX));
        fifth.unwrap_or(MAX_ENTRIES).clamp(1, MAX_ENTRIES)
    }

    /// When the next call is due.
    #[must_use]
    pub const fn next(&self) -> Instant {
        self.next
    }

    /// Counts messages that are sent now.
    pub fn spend(&mut self, messages: usize) {
        if let Some(rate) = self.rate_per_second {
            let time = Duration::from_secs(1) * u32::try_from(messages).unwrap_or(u32::MAX) / rate;
            self.next = self.next.max(Instant::now()) + time;
        }
    }
}
