//! The last error lines of a function's log group.

use std::collections::BTreeSet;

use shared::aws::CallFailure;
use shared::log_stream;
use tokio::time::{Instant, timeout_at};

/// What an error line has in it; the names of levels, and how runtimes and Lambda itself tell of
/// failures (source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax": one of them is
/// enough).
pub const ERROR_LINES: &str = "?ERROR ?Error ?FATAL ?CRITICAL ?Exception ?panicked ?Traceback \
                               ?\"Task timed out\" ?\"signal: killed\"";

/// 2024-01-01: only from then on CloudWatch Logs looks from the end (source: API reference,
/// `FilterLogEvents`).
const FROM_THE_END_SINCE_MS: u64 = 1_704_067_200_000;

/// Lines come in late, and a function that failed for an alarm may have begun 15 minutes before.
const BEFORE_MS: u64 = 16 * 60_000;
const AFTER_MS: u64 = 60_000;

/// Which lines are searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The function that wrote them: other functions may write to the same log group.
    pub function: String,
    /// `/aws/lambda/plays`
    pub log_group: String,
    /// The region of the log group; `None` for the function's own.
    pub region: Option<String>,
    /// In milliseconds since 1970.
    pub from_ms: u64,
    /// In milliseconds since 1970.
    pub to_ms: u64,
}

impl Search {
    /// Searches for the errors of a function whose alarm changed at `changed_ms`, after it had
    /// evaluated the `evaluated_ms` before.
    #[must_use]
    pub fn new(
        function: &str,
        log_group: String,
        region: Option<String>,
        changed_ms: u64,
        evaluated_ms: u64,
    ) -> Self {
        // A day is the longest that an alarm looks back (source: API reference, PutMetricAlarm),
        // but for metrics by the hour.
        let before = BEFORE_MS + evaluated_ms.min(86_400_000);
        Self {
            function: function.to_owned(),
            log_group,
            region,
            from_ms: changed_ms.saturating_sub(before),
            to_ms: changed_ms.saturating_add(AFTER_MS),
        }
    }

    /// Whether the last lines may be asked for first.
    #[must_use]
    pub const fn from_the_end(&self) -> bool {
        self.from_ms >= FROM_THE_END_SINCE_MS
    }
}

/// Returns the log group of a function whose configuration does not name another.
#[must_use]
pub(crate) fn log_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// A line of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// In milliseconds since 1970.
    pub at_ms: u64,
    /// What tells it from others.
    pub id: String,
    /// What it says.
    pub text: String,
    /// The log stream.
    pub stream: String,
}

/// Some of the lines that were looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order of the answer.
    pub lines: Vec<Line>,
    /// Where the rest is.
    pub next: Option<String>,
}

/// Where logs are.
pub trait Logs {
    /// One page of the error lines, the last lines first where the service can
    /// ([`Search::from_the_end`]).
    fn page(
        &self,
        search: &Search,
        next: Option<&str>,
    ) -> impl Future<Output = Result<Page, CallFailure>>;
}

/// Why there are no lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The time was up.
    #[error("no answer in time")]
    Late,
    /// The service refused, or was not reached.
    #[error("{0}")]
    Failed(CallFailure),
}

/// The last `max` error lines, in the order of time, or what was found of them `until` then.
///
/// # Errors
/// [`Unread`] where a page fails, or where the time is up and nobody knows whether what was read
/// are the last lines.
pub async fn last_errors(
    logs: &impl Logs,
    search: &Search,
    max: usize,
    until: Instant,
) -> Result<Vec<Line>, Unread> {
    let mut found = BTreeSet::new();
    let mut order = Order::default();
    let mut next: Option<String> = None;
    loop {
        let Ok(page) = timeout_at(until, logs.page(search, next.as_deref())).await else {
            return if order.descends {
                Ok(found.into_iter().collect())
            } else {
                Err(Unread::Late)
            };
        };
        let page = page.map_err(Unread::Failed)?;
        for line in page.lines {
            order.note(line.at_ms);
            let writer = log_stream::function_name(&search.log_group, &line.stream);
            if writer == Some(&*search.function) {
                found.insert(line);
            }
            if found.len() > max {
                found.pop_first();
            }
        }
        if page.next.is_none() || page.next == next || (order.descends && found.len() >= max) {
            return Ok(found.into_iter().collect());
        }
        next = page.next;
    }
}

/// Whether the lines come with the last ones first. A service that does not know how begins with
/// the first ones, and must be read to its end.
#[derive(Debug, Default)]
struct Order {
    last_ms: Option<u64>,
    descends: bool,
    ascends: bool,
}

impl Order {
    fn note(&mut self, at_ms: u64) {
        let last_ms = self.last_ms.replace(at_ms).unwrap_or(at_ms);
        self.ascends |= at_ms > last_ms;
        self.descends = !self.ascends && (self.descends || at_ms < last_ms);
    }
}

#[cfg(test)]
mod tests;
