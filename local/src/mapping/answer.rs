//! The failed records in an answer.
//!
//! Source: AWS Lambda developer guide, "Implementing partial batch responses" (Amazon SQS).

use std::collections::BTreeSet;

use serde::Deserialize;

/// Why an answer fails the whole batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongAnswer(String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    batch_item_failures: Option<Vec<BatchItemFailure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

/// The ids of the messages that failed. An answer without `batchItemFailures`, or `null`, has none;
/// an invalid one fails the whole batch.
///
/// # Errors
/// [`WrongAnswer`] if the whole batch failed.
pub fn batch_item_failures(
    answer: &[u8],
    ids: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, WrongAnswer> {
    let answer: Option<Answer> = serde_json::from_slice(answer)
        .map_err(|error| WrongAnswer(format!("the answer is not a batch response: {error}")))?;
    let failures = answer.and_then(|answer| answer.batch_item_failures).unwrap_or_default();
    let failed: BTreeSet<_> = failures.into_iter().map(|failure| failure.item_identifier).collect();
    if failed.iter().all(|id| ids.contains(id.as_str())) {
        return Ok(failed);
    }
    Err(WrongAnswer("an itemIdentifier is not of this batch".to_owned()))
}
