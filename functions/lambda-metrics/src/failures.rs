//! Failed calls and incomplete results, logged once for each operation and code.

use std::collections::BTreeMap;

use shared::aws::CallFailure;
use tokio::time::{Instant, timeout_at};

/// Maximum length of a text in the log, in characters.
const SHOWN_CHARACTERS: usize = 256;

/// The failures of one run, by operation and code.
#[derive(Debug, Default)]
pub(crate) struct Failures(BTreeMap<(&'static str, String), Failed>);

#[derive(Debug)]
struct Failed {
    count: u64,
    message: String,
    first: String,
}

impl Failures {
    /// Adds a failure; `unread` names what could not be read.
    pub(crate) fn add(&mut self, operation: &'static str, failure: &CallFailure, unread: &str) {
        let cut = |text: &str| shared::text::beginning(text, SHOWN_CHARACTERS).to_owned();
        let code = failure.code.as_deref().map_or_else(|| "NoAnswer".to_owned(), cut);
        let failed = self.0.entry((operation, code)).or_insert_with(|| Failed {
            count: 0,
            message: cut(&failure.message),
            first: cut(unread),
        });
        failed.count += 1;
    }

    /// The value of a result, or `None` after adding its failure.
    pub(crate) fn check<T>(
        &mut self,
        operation: &'static str,
        unread: &str,
        result: Result<T, CallFailure>,
    ) -> Option<T> {
        result.inspect_err(|failure| self.add(operation, failure, unread)).ok()
    }

    /// Number of failed calls and of incomplete results.
    pub(crate) fn count(&self) -> u64 {
        self.0.values().map(|failed| failed.count).sum()
    }

    /// The first failure, for an error message.
    pub(crate) fn first(&self) -> Option<String> {
        let ((operation, code), Failed { message, first, .. }) = self.0.first_key_value()?;
        let colon = if message.is_empty() { "" } else { ": " };
        Some(format!("{operation} of {first}: {code}{colon}{message}"))
    }

    /// Logs one line for each operation and code.
    pub(crate) fn log(&self, request_id: &str) {
        for ((operation, code), Failed { count, message: error, first: unread }) in &self.0 {
            tracing::error!(request_id, operation, code, count, error, unread, "failed to read");
        }
    }
}

/// The result of a call that ends in time.
pub(crate) async fn in_time<T>(
    until: Instant,
    call: impl Future<Output = Result<T, CallFailure>>,
) -> Result<T, CallFailure> {
    let late = || failure("Deadline", "no response before the deadline");
    timeout_at(until, call).await.unwrap_or_else(|_| Err(late()))
}

/// A failure that this function detects itself.
pub(crate) fn failure(code: &str, message: &str) -> CallFailure {
    CallFailure { code: Some(code.to_owned()), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_counted_by_operation_and_code() {
        let mut failures = Failures::default();
        assert_eq!((failures.count(), failures.first()), (0, None));
        failures.add("ListFunctions", &failure("Deadline", "late"), "the functions");
        failures.add("GetMetricData", &failure("Forbidden", "no"), "Errors of plays");
        failures.add("GetMetricData", &failure("Forbidden", "no again"), "Errors of skips");
        assert_eq!(failures.count(), 3);
        let first = "GetMetricData of Errors of plays: Forbidden: no";
        assert_eq!(failures.first().as_deref(), Some(first));
    }

    #[test]
    fn long_texts_are_cut() {
        let mut failures = Failures::default();
        let long = "é".repeat(1_000);
        failures.add("GetMetricData", &failure(&long, &long), &long);
        let cut = "é".repeat(256);
        assert_eq!(failures.first().unwrap(), format!("GetMetricData of {cut}: {cut}: {cut}"));
    }
}
