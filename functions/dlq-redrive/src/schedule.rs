//! How an invocation's time is divided, so that its answer is always given, and how fast
//! messages may be sent.

use std::future::pending;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::tally::Stopped;
use shared::sqs::{Failure, MAX_ENTRIES};

/// How long a receive waits for messages. More than none makes SQS ask all of its servers
/// (source: Amazon SQS Developer Guide, "Amazon SQS short and long polling").
const WAIT: Duration = Duration::from_secs(1);

/// Messages are hidden no longer than this, however much time there is.
const LONGEST_HIDE: Duration = Duration::from_mins(15);

/// What making one message visible takes at most, of many.
const SHOW_TIME: Duration = Duration::from_millis(1);

/// What is left for the answer itself, whatever the margin.
const MIN_FOR_ANSWER: Duration = Duration::from_millis(50);

/// When what has to be done.
#[derive(Clone, Debug)]
pub struct Schedule {
    started: Instant,
    started_ms: u64,
    deadline: Instant,
    /// No work is started after this.
    work_until: Instant,
    /// Work that is under way ends here, half a margin later.
    pub calls_until: Instant,
    /// Making messages visible ends here, half of the rest later.
    pub show_until: Instant,
    /// `true` as soon as somebody wants the run to end.
    stop: Option<watch::Receiver<bool>>,
}

impl Schedule {
    /// The schedule of a run that starts now, `now_ms` after 1970, and has to be over at
    /// `deadline`.
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

    /// The same, but no work is started either once `stop` tells `true`.
    #[must_use]
    pub fn until(self, stop: watch::Receiver<bool>) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// Now, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        let passed = self.started.elapsed().as_millis();
        self.started_ms.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// Work has to end here where so many messages are hidden: they have to be made visible.
    #[must_use]
    pub fn work_until(&self, hidden: usize) -> Instant {
        let time = SHOW_TIME.saturating_mul(u32::try_from(hidden).unwrap_or(u32::MAX));
        self.work_until.checked_sub(time).unwrap_or(self.started)
    }

    /// Waits until a time, where that is before the end of the work.
    ///
    /// # Errors
    /// [`Stopped::Deadline`] at once, where it is not, and [`Stopped::Interrupted`] as soon as
    /// somebody wants the run to end.
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

    /// Whether the run may go on.
    ///
    /// # Errors
    /// [`Stopped::Interrupted`] where somebody wants it to end.
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
        // Nobody can stop it, or can any more.
        pending::<()>().await;
    }

    /// What a call gives, if that comes before calls have to end.
    ///
    /// # Errors
    /// What it gives, or that the time is up.
    pub async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        timeout_at(self.calls_until, call).await.unwrap_or_else(|_| Err(Failure::late()))
    }

    /// For how many seconds received messages are hidden, and how many the call may wait for
    /// them: they are visible again by the deadline, whatever happens.
    #[must_use]
    pub fn receive_seconds(&self, hidden: usize) -> (u32, u32) {
        let now = Instant::now();
        let has_time = now + 2 * WAIT < self.work_until(hidden);
        let wait = if has_time { WAIT } else { Duration::ZERO };
        let left = self.deadline.saturating_duration_since(now).saturating_sub(wait);
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        (seconds(left.min(LONGEST_HIDE)).max(1), seconds(wait))
    }
}

/// Lets so many messages a second go, a few at a time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    rate_per_second: Option<u32>,
    next: Instant,
}

impl Pace {
    /// This many a second, or as many as can be.
    #[must_use]
    pub fn new(rate_per_second: Option<u32>) -> Self {
        Self { rate_per_second, next: Instant::now() }
    }

    /// Whether there is a limit.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.rate_per_second.is_some()
    }

    /// How many may go at a time: five times a second.
    #[must_use]
    pub fn most(&self) -> usize {
        let fifth =
            self.rate_per_second.map(|rate| usize::try_from(rate / 5).unwrap_or(usize::MAX));
        fifth.unwrap_or(MAX_ENTRIES).clamp(1, MAX_ENTRIES)
    }

    /// When the next may go.
    #[must_use]
    pub const fn next(&self) -> Instant {
        self.next
    }

    /// So many go now.
    pub fn spend(&mut self, messages: usize) {
        if let Some(rate) = self.rate_per_second {
            let time = Duration::from_secs(1) * u32::try_from(messages).unwrap_or(u32::MAX) / rate;
            self.next = self.next.max(Instant::now()) + time;
        }
    }
}
