//! What could not be read, told in the log once for each operation and code.

use std::collections::BTreeMap;

use shared::aws::CallFailure;

/// A longer text is cut in the log, in characters.
const SHOWN_CHARACTERS: usize = 256;

/// An operation, and the code of its failure.
type Kind = (&'static str, String);

/// What one run could not read.
#[derive(Debug, Default)]
pub struct Failures(BTreeMap<Kind, Failed>);

#[derive(Debug)]
struct Failed {
    count: u64,
    message: String,
    first: String,
}

impl Failures {
    /// `unread` could not be read.
    pub fn add(&mut self, operation: &'static str, failure: &CallFailure, unread: &str) {
        let cut = |text: &str| text.chars().take(SHOWN_CHARACTERS).collect::<String>();
        let code = failure.code.as_deref().map_or_else(|| "NoAnswer".to_owned(), cut);
        let failed = self.0.entry((operation, code)).or_insert_with(|| Failed {
            count: 0,
            message: cut(&failure.message),
            first: cut(unread),
        });
        failed.count += 1;
    }

    /// How many calls failed, and how many results of others were not whole.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().map(|failed| failed.count).sum()
    }

    /// The first of them, for a message.
    #[must_use]
    pub fn first(&self) -> Option<String> {
        let ((operation, code), Failed { message, first, .. }) = self.0.first_key_value()?;
        let colon = if message.is_empty() { "" } else { ": " };
        Some(format!("{operation} of {first}: {code}{colon}{message}"))
    }

    /// Logs them: one line for each operation and code.
    pub fn log(&self, request_id: &str) {
        for ((operation, code), Failed { count, message, first }) in &self.0 {
            tracing::error!(
                request_id,
                operation,
                code,
                count,
                error = message,
                unread = first,
                "could not be read"
            );
        }
    }
}

/// No answer came before the time was up.
#[must_use]
pub fn late() -> CallFailure {
    let message = "no answer came before the time was up".to_owned();
    CallFailure { code: Some("Deadline".to_owned()), message }
}

/// The service answers what it may not.
#[must_use]
pub fn wrong(code: &str, message: &str) -> CallFailure {
    CallFailure { code: Some(code.to_owned()), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_counted_by_operation_and_code() {
        let mut failures = Failures::default();
        assert_eq!((failures.count(), failures.first()), (0, None));
        failures.add("ListFunctions", &late(), "the functions");
        failures.add("GetMetricData", &wrong("Forbidden", "no"), "Errors of plays");
        failures.add("GetMetricData", &wrong("Forbidden", "no again"), "Errors of skips");
        assert_eq!(failures.count(), 3);
        let first = "GetMetricData of Errors of plays: Forbidden: no";
        assert_eq!(failures.first().as_deref(), Some(first));
    }

    #[test]
    fn long_texts_are_cut() {
        let mut failures = Failures::default();
        let long = "é".repeat(1_000);
        failures.add("GetMetricData", &wrong(&long, &long), &long);
        let cut = "é".repeat(256);
        assert_eq!(failures.first().unwrap(), format!("GetMetricData of {cut}: {cut}: {cut}"));
    }
}
