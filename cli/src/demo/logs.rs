//! Reads the log lines of a function.

use std::collections::BTreeMap;

use local::runtime_api::{LogLine, LogStream};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Number of records or messages by reason.
pub(super) type Reasons = BTreeMap<String, u64>;

/// The line that the function logs for each reason of an invocation.
#[derive(Deserialize)]
struct ReasonLine {
    reason: String,
    count: u64,
}

/// Returns the lines of a stream that are JSON of this type.
pub(super) fn json_lines<T: DeserializeOwned>(
    logs: &[LogLine],
    stream: LogStream,
) -> impl Iterator<Item = T> {
    let lines = logs.iter().filter(move |line| line.stream == stream);
    lines.filter_map(|line| serde_json::from_str(&line.text).ok())
}

/// Returns the reasons of failed records over all invocations.
pub(super) fn reasons(logs: &[LogLine]) -> Reasons {
    let mut reasons = Reasons::new();
    for line in json_lines::<ReasonLine>(logs, LogStream::Stderr) {
        *reasons.entry(line.reason).or_default() += line.count;
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_add_up_over_invocations() {
        let logs = [
            (LogStream::Stderr, r#"{"level":"WARN","reason":"invalid_json","count":2}"#),
            (LogStream::Stderr, r#"{"level":"WARN","reason":"too_deep","count":1}"#),
            (LogStream::Stderr, r#"{"level":"WARN","reason":"invalid_json","count":3}"#),
            (LogStream::Stderr, r#"{"level":"INFO","message":"started"}"#),
            (LogStream::Stderr, "not JSON"),
            (LogStream::Stdout, r#"{"reason":"invalid_json","count":100}"#),
        ];
        let logs = logs.map(|(stream, text)| LogLine { stream, text: text.to_owned() });
        let expected = Reasons::from([("invalid_json".to_owned(), 5), ("too_deep".to_owned(), 1)]);
        assert_eq!(reasons(&logs), expected);
    }
}
