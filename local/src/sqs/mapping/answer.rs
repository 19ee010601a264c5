//! What an answer says of a batch.
//!
//! Source: AWS Lambda developer guide, "Implementing partial batch responses" (Amazon SQS).

use std::collections::BTreeSet;

use serde_json::Value;

/// Why an answer fails its whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongAnswer(&'static str);

const NOT_JSON: WrongAnswer = WrongAnswer("the answer is not JSON");
const NOT_AN_OBJECT: WrongAnswer = WrongAnswer("the answer is not an object");
const NOT_A_LIST: WrongAnswer = WrongAnswer("batchItemFailures is not a list");
const NO_IDENTIFIER: WrongAnswer =
    WrongAnswer("an entry of batchItemFailures has no itemIdentifier that is a text");
const UNKNOWN: WrongAnswer = WrongAnswer("an itemIdentifier is not of this batch");

/// The ids of the messages that failed. An answer without `batchItemFailures`, or none at all
/// (`null`), has none; one that is wrong fails the whole batch.
///
/// # Errors
/// [`WrongAnswer`] where the whole batch failed.
pub fn batch_item_failures(
    answer: &[u8],
    ids: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, WrongAnswer> {
    let answer: Value = serde_json::from_slice(answer).map_err(|_| NOT_JSON)?;
    let failures = match &answer {
        Value::Null => &Value::Null,
        Value::Object(members) => members.get("batchItemFailures").unwrap_or(&Value::Null),
        _ => return Err(NOT_AN_OBJECT),
    };
    let failures = match failures {
        Value::Null => return Ok(BTreeSet::new()),
        Value::Array(failures) => failures,
        _ => return Err(NOT_A_LIST),
    };
    let identifier = |failure: &Value| {
        let id = failure["itemIdentifier"].as_str().filter(|id| !id.is_empty());
        let id = id.ok_or(NO_IDENTIFIER)?;
        if ids.contains(id) { Ok(id.to_owned()) } else { Err(UNKNOWN) }
    };
    failures.iter().map(identifier).collect()
}
