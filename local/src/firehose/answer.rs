//! Validation of the function's answer, as in Firehose.
//!
//! Sources: Amazon Data Firehose developer guide, "Required parameters for data transformation" and
//! the error codes of "Monitor Amazon Data Firehose using CloudWatch Logs". As observed in the
//! service, only failed invocations are retried, never invalid answers. An answer of the wrong
//! shape fails all records of the batch; a missing or duplicate id fails only its record.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;

/// An error code of Firehose and its message.
pub(super) type Problem = (&'static str, &'static str);

/// Not JSON of the right shape.
const JSON: Problem = (
    "Lambda.JsonProcessingException",
    "There was an error parsing returned records from the Lambda function. Ensure that the \
     returned records follow the status model required by Amazon Data Firehose.",
);

/// A result that is not one of the three, or data that is missing or not base64.
const FORMAT: Problem = (
    "Lambda.FunctionError",
    "Check your function and make sure the output is in required format. In addition to that, make \
     sure the processed records contain valid result status of Dropped, Ok, or ProcessingFailed",
);

/// An id of the request that the answer does not have.
const MISSING_ID: Problem = (
    "Lambda.MissingRecordId",
    "One or more record Ids were not returned. Ensure that the Lambda function returns all \
     received record Ids.",
);

/// An id that the answer has more than once.
const DUPLICATED_ID: Problem = (
    "Lambda.DuplicatedRecordId",
    "Multiple records were returned with the same record Id. Ensure that the Lambda function \
     returns a unique record Id for each record.",
);

/// The result of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The document that the function made of it.
    Ok(Bytes),
    /// The function dropped it.
    Dropped,
    /// The function could not process it.
    ProcessingFailed,
    /// The answer is invalid for this record.
    Wrong(Problem),
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    records: Vec<Answered<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered<'a> {
    #[serde(borrow)]
    record_id: Cow<'a, str>,
    #[serde(borrow)]
    result: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
}

/// Returns one verdict for each id, in order. Ids that are not in the request are ignored; the
/// records whose ids are not in the answer are missing.
pub(super) fn judge(answer: &[u8], ids: &[&str]) -> Vec<Verdict> {
    verdicts(answer, ids).unwrap_or_else(|problem| vec![Verdict::Wrong(problem); ids.len()])
}

fn verdicts(answer: &[u8], ids: &[&str]) -> Result<Vec<Verdict>, Problem> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| JSON)?;
    let positions: HashMap<&str, usize> =
        ids.iter().enumerate().map(|(position, id)| (*id, position)).collect();
    let mut verdicts = vec![Verdict::Wrong(MISSING_ID); ids.len()];
    for record in answer.records {
        // Also for an unknown id: an invalid record makes the whole answer invalid.
        let verdict = verdict(&record)?;
        let Some(position) = positions.get(record.record_id.as_ref()) else { continue };
        verdicts[*position] = match verdicts[*position] {
            Verdict::Wrong(MISSING_ID) => verdict,
            _ => Verdict::Wrong(DUPLICATED_ID),
        };
    }
    Ok(verdicts)
}

fn verdict(record: &Answered<'_>) -> Result<Verdict, Problem> {
    let decoded = |data: &str| base64_simd::STANDARD.decode_to_vec(data).map_err(|_| FORMAT);
    let data = record.data.as_deref().map(decoded).transpose()?;
    match record.result.as_ref() {
        "Ok" => Ok(Verdict::Ok(data.ok_or(FORMAT)?.into())),
        "Dropped" => Ok(Verdict::Dropped),
        "ProcessingFailed" => Ok(Verdict::ProcessingFailed),
        _ => Err(FORMAT),
    }
}
