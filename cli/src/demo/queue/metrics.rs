//! What the function's metrics say, summed up over all invocations.

use local::runtime_api::{LogLine, LogStream};
use serde_json::Value;

/// Counts of messages and documents, by the names of the function's metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Metrics {
    pub(super) messages_done: u64,
    pub(super) messages_quarantined: u64,
    pub(super) documents_indexed: u64,
    pub(super) documents_duplicate: u64,
}

impl Metrics {
    pub(super) fn of(logs: &[LogLine]) -> Self {
        let mut metrics = Self::default();
        for line in logs.iter().filter(|line| line.stream == LogStream::Stdout) {
            let Ok(line) = serde_json::from_str::<Value>(&line.text) else { continue };
            let number = |name: &str| line[name].as_u64().unwrap_or_default();
            metrics.messages_done += number("MessagesDone");
            metrics.messages_quarantined += number("MessagesQuarantined");
            metrics.documents_indexed += number("DocumentsIndexed");
            metrics.documents_duplicate += number("DocumentsDuplicate");
        }
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;
    use local::runtime_api::{LogLine, LogStream};

    #[test]
    fn metrics_add_up_over_invocations() {
        let line = |stream, text: &str| LogLine { stream, text: text.to_owned() };
        let logs = [
            line(LogStream::Stdout, r#"{"_aws":{},"MessagesDone":9,"DocumentsIndexed":8}"#),
            line(LogStream::Stdout, r#"{"MessagesDone":1,"DocumentsDuplicate":2}"#),
            line(LogStream::Stderr, r#"{"MessagesDone":100}"#),
            line(LogStream::Stdout, "not JSON"),
            line(LogStream::Stdout, r#"{"MessagesQuarantined":3}"#),
        ];
        let expected = Metrics {
            messages_done: 10,
            messages_quarantined: 3,
            documents_indexed: 8,
            documents_duplicate: 2,
        };
        assert_eq!(Metrics::of(&logs), expected);
    }
}
