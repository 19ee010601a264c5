//! What the function's own log says about the records that failed.

use std::collections::BTreeMap;

use local::runtime_api::{LogLine, LogStream};
use serde::Deserialize;

/// How many records, by reason.
pub(super) type Reasons = BTreeMap<String, u64>;

/// The line that the function logs for each failure reason that an invocation met.
#[derive(Deserialize)]
struct ReasonLine {
    reason: String,
    count: u64,
}

/// The reasons over all invocations; lines that are about something else are passed over.
pub(super) fn reasons(logs: &[LogLine]) -> Reasons {
    let mut reasons = Reasons::new();
    for line in logs.iter().filter(|line| line.stream == LogStream::Stderr) {
        if let Ok(line) = serde_json::from_str::<ReasonLine>(&line.text) {
            *reasons.entry(line.reason).or_default() += line.count;
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::{Reasons, reasons};
    use local::runtime_api::{LogLine, LogStream};

    #[test]
    fn reasons_add_up_over_invocations() {
        let line = |stream, text: &str| LogLine { stream, text: text.to_owned() };
        let logs = [
            line(
                LogStream::Stderr,
                r#"{"level":"WARN","reason":"invalid_json","count":2,"first_record_id":"a"}"#,
            ),
            line(
                LogStream::Stderr,
                r#"{"level":"WARN","reason":"too_deep","count":1,"first_record_id":"b"}"#,
            ),
            line(
                LogStream::Stderr,
                r#"{"level":"WARN","reason":"invalid_json","count":3,"first_record_id":"c"}"#,
            ),
            line(LogStream::Stderr, r#"{"level":"INFO","message":"started"}"#),
            line(LogStream::Stderr, "not JSON at all"),
            line(LogStream::Stdout, r#"{"reason":"invalid_json","count":100}"#),
        ];
        let expected = Reasons::from([("invalid_json".to_owned(), 5), ("too_deep".to_owned(), 1)]);
        assert_eq!(reasons(&logs), expected);
    }
}
