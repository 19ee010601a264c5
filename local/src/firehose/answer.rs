//! The function's answer, judged as Firehose does.
//!
//! Sources: Amazon Data Firehose developer guide, "Required parameters for data transformation"
//! and the error codes of "Monitor Amazon Data Firehose using CloudWatch Logs". As observed in the
//! service, only a failed invocation is tried again: an answer is final, however wrong. One of a
//! wrong shape fails all records of the batch; a missing or doubled id fails the records it
//! belongs to.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;

use super::record::Record;

/// What becomes of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has become this document.
    Ok(Bytes),
    /// It was dropped on purpose.
    Dropped,
    /// The function could not process it.
    ProcessingFailed,
    /// The answer was wrong about it.
    Wrong(Problem),
}

/// What is wrong with an answer: an error code of Firehose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// Not JSON of the right shape.
    Json,
    /// A result that is none of the three, or data that is missing or not base64.
    Format,
    /// An id that the request has and the answer has not.
    MissingId,
    /// An id that the answer has more than once.
    DuplicatedId,
}

impl Problem {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Json => "Lambda.JsonProcessingException",
            Self::Format => "Lambda.FunctionError",
            Self::MissingId => "Lambda.MissingRecordId",
            Self::DuplicatedId => "Lambda.DuplicatedRecordId",
        }
    }

    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Json => {
                "There was an error parsing returned records from the Lambda function. Ensure that \
                 the returned records follow the status model required by Amazon Data Firehose."
            }
            Self::Format => {
                "Check your function and make sure the output is in required format. In addition \
                 to that, make sure the processed records contain valid result status of Dropped, \
                 Ok, or ProcessingFailed"
            }
            Self::MissingId => {
                "One or more record Ids were not returned. Ensure that the Lambda function returns \
                 all received record Ids."
            }
            Self::DuplicatedId => {
                "Multiple records were returned with the same record Id. Ensure that the Lambda \
                 function returns a unique record Id for each record."
            }
        }
    }
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

/// One verdict for each record, in the records' order. An id that is not the request's is no
/// record's, and the record that it should have named is missing.
pub(super) fn judge(answer: &[u8], records: &[Record]) -> Vec<Verdict> {
    let ids: Vec<String> = records.iter().map(Record::id).collect();
    judge_ids(answer, &ids).unwrap_or_else(|problem| vec![Verdict::Wrong(problem); ids.len()])
}

fn judge_ids(answer: &[u8], ids: &[String]) -> Result<Vec<Verdict>, Problem> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| Problem::Json)?;
    let positions: HashMap<&str, usize> =
        ids.iter().enumerate().map(|(position, id)| (id.as_str(), position)).collect();
    let mut verdicts = vec![Verdict::Wrong(Problem::MissingId); ids.len()];
    for record in answer.records {
        // Also of a record that nobody asked for: the function's format is wrong then, too.
        let verdict = verdict(&record)?;
        let Some(position) = positions.get(record.record_id.as_ref()) else { continue };
        verdicts[*position] = match verdicts[*position] {
            Verdict::Wrong(Problem::MissingId) => verdict,
            _ => Verdict::Wrong(Problem::DuplicatedId),
        };
    }
    Ok(verdicts)
}

fn verdict(record: &Answered<'_>) -> Result<Verdict, Problem> {
    let data = record.data.as_deref().map(|data| {
        base64_simd::STANDARD.decode_to_vec(data.as_bytes()).map_err(|_| Problem::Format)
    });
    let data = data.transpose()?;
    match record.result.as_ref() {
        "Ok" => Ok(Verdict::Ok(data.ok_or(Problem::Format)?.into())),
        "Dropped" => Ok(Verdict::Dropped),
        "ProcessingFailed" => Ok(Verdict::ProcessingFailed),
        _ => Err(Problem::Format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(answer: &str) -> Result<Vec<Verdict>, Problem> {
        judge_ids(answer.as_bytes(), &["1".to_owned(), "2".to_owned(), "3".to_owned()])
    }

    fn ok(data: &'static str) -> Verdict {
        Verdict::Ok(Bytes::from_static(data.as_bytes()))
    }

    #[test]
    fn every_record_gets_what_the_answer_says_of_its_id() {
        let answer = r#"{"records":[
            {"recordId":"3","result":"ProcessingFailed"},
            {"recordId":"1","result":"Ok","data":"e30=","metadata":{"partitionKeys":{}}},
            {"recordId":"2","result":"Dropped","data":null}]}"#;
        let expected = vec![ok("{}"), Verdict::Dropped, Verdict::ProcessingFailed];
        assert_eq!(judged(answer), Ok(expected));
    }

    #[test]
    fn a_missing_id_fails_its_record_only() {
        let answer = r#"{"records":[
            {"recordId":"1","result":"Ok","data":"e30="},
            {"recordId":"9","result":"Ok","data":"e30="},
            {"recordId":"3","result":"Dropped"}]}"#;
        let missing = Verdict::Wrong(Problem::MissingId);
        assert_eq!(judged(answer), Ok(vec![ok("{}"), missing.clone(), Verdict::Dropped]));
        assert_eq!(judged(r#"{"records":[]}"#), Ok(vec![missing; 3]));
    }

    #[test]
    fn a_doubled_id_fails_its_record_only() {
        let answer = r#"{"records":[
            {"recordId":"1","result":"Ok","data":"e30="},
            {"recordId":"2","result":"Dropped"},
            {"recordId":"1","result":"Ok","data":"e30="},
            {"recordId":"1","result":"Ok","data":"e30="},
            {"recordId":"3","result":"Dropped"}]}"#;
        let duplicated = Verdict::Wrong(Problem::DuplicatedId);
        assert_eq!(judged(answer), Ok(vec![duplicated, Verdict::Dropped, Verdict::Dropped]));
    }

    #[test]
    fn an_answer_of_a_wrong_shape_fails_all() {
        for answer in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"records":null}"#,
            r#"{"records":[{"result":"Ok","data":""}]}"#,
            r#"{"records":[{"recordId":1,"result":"Ok","data":""}]}"#,
            r#"{"records":[{"recordId":"1","data":""}]}"#,
            r#"{"records":[]} and more"#,
        ] {
            assert_eq!(judged(answer), Err(Problem::Json), "{answer}");
        }
        for answer in [
            r#"{"records":[{"recordId":"1","result":"ok","data":""}]}"#,
            r#"{"records":[{"recordId":"1","result":"Ok"}]}"#,
            r#"{"records":[{"recordId":"1","result":"Ok","data":"e30"}]}"#,
            r#"{"records":[{"recordId":"1","result":"Dropped","data":"*"}]}"#,
            r#"{"records":[{"recordId":"9","result":"Ok","data":"e3 0="}]}"#,
        ] {
            assert_eq!(judged(answer), Err(Problem::Format), "{answer}");
        }
    }
}
