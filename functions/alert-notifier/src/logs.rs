//! The last error lines of a function's log group.

use std::collections::BTreeSet;

use shared::aws::CallFailure;
use shared::log_stream;
use tokio::time::{Instant, timeout_at};

/// The filter pattern for error lines: names of levels, and failures as runtimes and Lambda log them.
/// One match is enough (source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax").
pub const ERROR_LINES: &str = "?ERROR ?Error ?FATAL ?CRITICAL ?Exception ?panicked ?Traceback \
                               ?\"Task timed out\" ?\"signal: killed\"";

/// 2024-01-01: since then CloudWatch Logs can search from the end (source: API reference,
/// `FilterLogEvents`).
const FROM_THE_END_SINCE_MS: u64 = 1_704_067_200_000;

/// Lines can arrive late, and an invocation that failed can have begun 15 minutes before.
const BEFORE_MS: u64 = 16 * 60_000;
const AFTER_MS: u64 = 60_000;

/// Maximum number of pages of a search: CloudWatch Logs can answer with pages without lines.
const MAX_PAGES: usize = 100;

/// Selects log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSearch {
    /// The function that wrote them: other functions can write to the same log group.
    pub function: String,
    /// The log group, such as `/aws/lambda/plays`.
    pub log_group: String,
    /// The region of the log group; `None` for the function's own.
    pub region: Option<String>,
    /// In milliseconds since 1970.
    pub from_ms: u64,
    /// In milliseconds since 1970.
    pub to_ms: u64,
}

impl LogSearch {
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
        // Most alarms evaluate a day at most (source: API reference, PutMetricAlarm).
        let before = BEFORE_MS + evaluated_ms.min(86_400_000);
        Self {
            function: function.to_owned(),
            log_group,
            region,
            from_ms: changed_ms.saturating_sub(before),
            to_ms: changed_ms.saturating_add(AFTER_MS),
        }
    }

    /// Whether CloudWatch Logs can return the last lines first.
    pub(crate) const fn starts_from_end(&self) -> bool {
        self.from_ms >= FROM_THE_END_SINCE_MS
    }
}

/// Returns the log group of a function whose configuration does not name another.
pub(crate) fn log_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// A line of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogLine {
    /// In milliseconds since 1970.
    pub at_ms: u64,
    /// Identifies the line.
    pub id: String,
    /// The line as it was logged.
    pub text: String,
    /// The log stream.
    pub stream: String,
}

/// A page of log lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// In the order of the answer.
    pub lines: Vec<LogLine>,
    /// The token of the next page.
    pub next: Option<String>,
}

/// The logs of functions.
pub trait Logs {
    /// Returns one page of the error lines. The last lines are first if the service supports it.
    fn page(
        &self,
        search: &LogSearch,
        next: Option<&str>,
    ) -> impl Future<Output = Result<LogPage, CallFailure>>;
}

/// Why there are no lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogFailure {
    #[error("no answer in time")]
    Late,
    #[error("{0}")]
    Call(CallFailure),
}

/// Returns the last `max` error lines, ordered by time, or those that were found before `until`.
///
/// # Errors
/// [`LogFailure`] if a page fails, or if the lines found before `until` may not be the last ones.
pub(crate) async fn last_errors(
    logs: &impl Logs,
    search: &LogSearch,
    max: usize,
    until: Instant,
) -> Result<Vec<LogLine>, LogFailure> {
    let mut found = BTreeSet::new();
    let mut order = Order::default();
    let mut next: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let failure = match timeout_at(until, logs.page(search, next.as_deref())).await {
            Ok(Ok(page)) => Ok(page),
            Ok(Err(failure)) => Err(LogFailure::Call(failure)),
            Err(_) => Err(LogFailure::Late),
        };
        let page = match failure {
            Ok(page) => page,
            // The lines found so far are better than none, unless later ones may follow.
            Err(_) if !found.is_empty() && !order.ascends => break,
            Err(failure) => return Err(failure),
        };
        for line in page.lines {
            order.add(line.at_ms);
            let writer = log_stream::function_name(&search.log_group, &line.stream);
            if writer == Some(&*search.function) {
                found.insert(line);
            }
            if found.len() > max {
                found.pop_first();
            }
        }
        if page.next.is_none() || page.next == next || (order.descends && found.len() >= max) {
            break;
        }
        next = page.next;
    }
    Ok(found.into_iter().collect())
}

/// The order of the lines. If the last lines do not come first, all pages must be read.
#[derive(Debug, Default)]
struct Order {
    last_ms: Option<u64>,
    descends: bool,
    ascends: bool,
}

impl Order {
    fn add(&mut self, at_ms: u64) {
        let last_ms = self.last_ms.replace(at_ms).unwrap_or(at_ms);
        self.ascends |= at_ms > last_ms;
        self.descends = !self.ascends && (self.descends || at_ms < last_ms);
    }
}

#[cfg(test)]
mod tests;
