//! One run of the checks: queries, comparisons and notices.

use std::fmt::Display;

use jiff::Timestamp;
use shared::notice::Notice;
use tokio::time::Instant;

use crate::config::Config;
use crate::definition::{Check, End};
use crate::ends::{Ends, Unread};
use crate::measured::Measured;
use crate::memory::{Before, Due};
use crate::notices;
use crate::rules::Comparison;
use crate::tally::{CheckResult, Published};
use crate::window::Window;

/// The shared state of the checks of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) config: &'a Config,
    pub(crate) ends: &'a Ends,
    /// The time of the schedule.
    pub(crate) now: Timestamp,
    pub(crate) now_ms: u64,
    /// No end is waited for after this.
    pub(crate) ends_until: Instant,
    /// Nothing is published after this.
    pub(crate) until: Instant,
}

impl Run<'_> {
    /// Queries both ends concurrently. `None` if one could not be read, which is logged.
    pub(crate) async fn compare(&self, check: &Check) -> Option<Comparison> {
        let window =
            check.window_hours.map(|hours| Window::new(self.now, hours, check.delay_minutes));
        let until = self.ends_until.min(Instant::now() + self.config.check_timeout);
        let source = async {
            let Some(end) = &check.source else { return Ok(None) };
            self.read(check, "source", end, window, until).await.map(Some)
        };
        let target = self.read(check, "target", &check.target, window, until);
        // A failure does not end the other query, whose failure should also be logged.
        let (source, target) = tokio::join!(source, target);
        Some(Comparison { source: source.ok()?, target: target.ok()?, now: self.now })
    }

    async fn read(
        &self,
        check: &Check,
        name: &str,
        end: &End,
        window: Option<Window>,
        until: Instant,
    ) -> Result<Measured, Unread> {
        // Boxed: the clients' states are large.
        let read = Box::pin(self.ends.read(end, window, until)).await;
        read.inspect_err(|reason| not_run(&check.name, name, reason))
    }

    /// Evaluates a check and publishes the notice that is due.
    pub(crate) async fn conclude(
        &self,
        check: Check,
        compared: Comparison,
        before: Before,
    ) -> CheckResult {
        let broken = compared.broken(&check.limits);
        let is_failing = !broken.is_empty();
        let notice = match before.due(is_failing, self.config.repeat_hours, self.now_ms) {
            Due::Nothing => Published::NotDue,
            Due::Unknown => Published::Unknown,
            Due::Alarm => self.publish(notices::alarm(&check, &compared, &broken)).await,
            Due::Ok { since } => self.publish(notices::ok(&check, &compared, since)).await,
        };
        CheckResult { name: check.name, compared, is_failing, notice }
    }

    async fn publish(&self, notice: Notice) -> Published {
        let (state, thread) = (notice.state.name(), notice.thread.clone());
        match self.config.publisher.publish(notice, self.until).await {
            Ok(()) => Published::Yes,
            Err(error) => {
                let reason = Unread::new(&error);
                tracing::error!(state, thread, error = %reason, "notice not published");
                Published::No(error)
            }
        }
    }
}

/// Logs why a check was not run; `end` could not be read.
pub(crate) fn not_run(check: &str, end: &str, reason: impl Display) {
    tracing::error!(check, end, %reason, "check not run");
}
