//! What an answer says of a batch.
//!
//! Source: AWS Lambda developer guide, "Implementing partial batch responses" (Amazon SQS).

use std::collections::BTreeSet;

use serde_json::Value;

/// Why an answer fails its whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongAnswer {
    /// It is not JSON.
    #[error("the answer is not JSON")]
    NotJson,
    /// It is JSON, but no object and not `null`.
    #[error("the answer is not an object")]
    NotAnObject,
    /// `batchItemFailures` is neither a list nor `null`.
    #[error("batchItemFailures is not a list")]
    NotAList,
    /// An entry has no `itemIdentifier`, or none that is a text and not empty.
    #[error("an entry of batchItemFailures has no itemIdentifier that is a text")]
    NoIdentifier,
    /// An `itemIdentifier` is not of this batch.
    #[error("an itemIdentifier is not of this batch")]
    Unknown,
}

/// The ids of the messages that failed. An answer without `batchItemFailures`, or none at all
/// (`null`), has none; one that is wrong fails the whole batch.
///
/// # Errors
/// [`WrongAnswer`] where the whole batch failed.
pub fn batch_item_failures(
    answer: &[u8],
    ids: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, WrongAnswer> {
    let answer: Value = serde_json::from_slice(answer).map_err(|_| WrongAnswer::NotJson)?;
    let failures = match &answer {
        Value::Null => &Value::Null,
        Value::Object(members) => members.get("batchItemFailures").unwrap_or(&Value::Null),
        _ => return Err(WrongAnswer::NotAnObject),
    };
    let failures = match failures {
        Value::Null => return Ok(BTreeSet::new()),
        Value::Array(failures) => failures,
        _ => return Err(WrongAnswer::NotAList),
    };
    let identifier = |failure: &Value| {
        let id = failure["itemIdentifier"].as_str().filter(|id| !id.is_empty());
        let id = id.ok_or(WrongAnswer::NoIdentifier)?;
        if ids.contains(id) { Ok(id.to_owned()) } else { Err(WrongAnswer::Unknown) }
    };
    failures.iter().map(identifier).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(answer: &str) -> Result<Vec<String>, WrongAnswer> {
        let ids = BTreeSet::from(["a", "b", "c"]);
        Ok(batch_item_failures(answer.as_bytes(), &ids)?.into_iter().collect())
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
            (String::new(), WrongAnswer::NotJson),
            ("{".to_owned(), WrongAnswer::NotJson),
            ("\"done\"".to_owned(), WrongAnswer::NotAnObject),
            ("[]".to_owned(), WrongAnswer::NotAnObject),
            (r#"{"batchItemFailures":{}}"#.to_owned(), WrongAnswer::NotAList),
            (entries(r#"{"itemIdentifier":""}"#), WrongAnswer::NoIdentifier),
            (entries(r#"{"itemIdentifier":null}"#), WrongAnswer::NoIdentifier),
            (entries(r#"{"itemIdentifier":1}"#), WrongAnswer::NoIdentifier),
            (entries(r#"{"messageId":"a"}"#), WrongAnswer::NoIdentifier),
            (entries(r#""a""#), WrongAnswer::NoIdentifier),
            (entries(r#"{"itemIdentifier":"a"},{"itemIdentifier":"d"}"#), WrongAnswer::Unknown),
        ] {
            assert_eq!(failed(&answer), Err(wrong), "{answer}");
        }
    }
}
