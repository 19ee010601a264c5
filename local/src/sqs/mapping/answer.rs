//! What an answer says of a batch.
//!
//! Source: AWS Lambda developer guide, "Implementing partial batch responses" (Amazon SQS).

use std::collections::BTreeSet;

use serde_json::Value;

/// Why an answer fails its whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("the answer is not JSON")]
    NotJson,
    #[error("the answer is not an object")]
    NotAnObject,
    #[error("batchItemFailures is not a list")]
    NotAList,
    #[error("an entry of batchItemFailures has no itemIdentifier that is a text")]
    NoIdentifier,
    #[error("an itemIdentifier is not of this batch")]
    Unknown,
}

/// The ids of the messages that failed. An answer without `batchItemFailures`, or none at all
/// (`null`), has none; one that is wrong fails the whole batch.
pub(super) fn failures(answer: &[u8], ids: &BTreeSet<&str>) -> Result<BTreeSet<String>, Wrong> {
    let answer: Value = serde_json::from_slice(answer).map_err(|_| Wrong::NotJson)?;
    let failures = match &answer {
        Value::Null => &Value::Null,
        Value::Object(members) => members.get("batchItemFailures").unwrap_or(&Value::Null),
        _ => return Err(Wrong::NotAnObject),
    };
    let failures = match failures {
        Value::Null => return Ok(BTreeSet::new()),
        Value::Array(failures) => failures,
        _ => return Err(Wrong::NotAList),
    };
    let identifier = |failure: &Value| {
        let id = failure["itemIdentifier"].as_str().filter(|id| !id.is_empty());
        let id = id.ok_or(Wrong::NoIdentifier)?;
        if ids.contains(id) { Ok(id.to_owned()) } else { Err(Wrong::Unknown) }
    };
    failures.iter().map(identifier).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(answer: &str) -> Result<Vec<String>, Wrong> {
        let ids = BTreeSet::from(["a", "b", "c"]);
        Ok(failures(answer.as_bytes(), &ids)?.into_iter().collect())
    }

    #[test]
    fn no_failures_are_a_success() {
        for answer in [
            "null",
            "{}",
            r#"{"batchItemFailures":[]}"#,
            r#"{"batchItemFailures":null}"#,
            r#"{"other":1}"#,
        ] {
            assert_eq!(failed(answer), Ok(Vec::new()), "{answer}");
        }
    }

    #[test]
    fn the_named_messages_failed() {
        let answer = r#"{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"}]}"#;
        assert_eq!(failed(answer), Ok(vec!["a".to_owned(), "c".to_owned()]));
        let twice = r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}"#;
        assert_eq!(failed(twice), Ok(vec!["b".to_owned()]));
    }

    #[test]
    fn a_wrong_answer_fails_all() {
        let entries = |entries: &str| format!(r#"{{"batchItemFailures":[{entries}]}}"#);
        for (answer, wrong) in [
            (String::new(), Wrong::NotJson),
            ("{".to_owned(), Wrong::NotJson),
            ("\"done\"".to_owned(), Wrong::NotAnObject),
            ("[]".to_owned(), Wrong::NotAnObject),
            (r#"{"batchItemFailures":{}}"#.to_owned(), Wrong::NotAList),
            (entries(r#"{"itemIdentifier":""}"#), Wrong::NoIdentifier),
            (entries(r#"{"itemIdentifier":null}"#), Wrong::NoIdentifier),
            (entries(r#"{"itemIdentifier":1}"#), Wrong::NoIdentifier),
            (entries(r#"{"messageId":"a"}"#), Wrong::NoIdentifier),
            (entries(r#""a""#), Wrong::NoIdentifier),
            (entries(r#"{"itemIdentifier":"a"},{"itemIdentifier":"d"}"#), Wrong::Unknown),
        ] {
            assert_eq!(failed(&answer), Err(wrong), "{answer}");
        }
    }
}
