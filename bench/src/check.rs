//! All functions give the same documents.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use local::sample::{self, Size};
use serde::Deserialize;
use serde_json::Value;

use crate::Error;
use crate::compare::difference;
use crate::edges;
use crate::functions::{Function, HELLO, Numbers};
use crate::invoke::Running;
use crate::pinned::Cores;
use crate::request::{Request, record_id};
use crate::runtime_api::Invocation;

/// As many as Firehose's requests hold of small events, and few enough for one answer.
const RECORDS_PER_REQUEST: usize = 500;
const SHOWN_PAYLOAD_CHARACTERS: usize = 2_000;

#[derive(Deserialize)]
struct Answer {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "recordId")]
    id: String,
    result: String,
    data: Option<String>,
}

/// Compares every function's answers with those of the naive one, which must be among them: on
/// realistic events all functions, on `edge_records` hostile ones those that keep numbers.
/// Returns how many answers were compared.
///
/// # Errors
/// The first difference.
pub fn check(
    functions: &[Function],
    cores: Cores,
    seed: u64,
    edge_records: usize,
) -> Result<usize, Error> {
    let realistic: Vec<_> = sample::events_of(Size::Small, seed, 3_000)
        .chain(sample::events_of(Size::Large, seed, 1_000))
        .collect();
    let hostile: Vec<_> = edges::listed().chain(edges::random(seed).take(edge_records)).collect();
    let naive = functions.iter().find(|function| function.name == "naive");
    let naive = naive.ok_or("the check compares with naive")?;
    let mut compared = 0;
    for function in functions {
        if function.name == HELLO || function.name == naive.name {
            continue;
        }
        let mut pair = (Running::start(naive, cores)?, Running::start(function, cores)?);
        compared += compare_all(&mut pair, &realistic, function)?;
        if function.numbers == Numbers::AsWritten {
            compared += compare_all(&mut pair, &hostile, function)?;
        }
    }
    Ok(compared)
}

fn compare_all(
    pair: &mut (Running, Running),
    payloads: &[Vec<u8>],
    function: &Function,
) -> Result<usize, Error> {
    for payloads in payloads.chunks(RECORDS_PER_REQUEST) {
        let request = Request::of("check", payloads.iter().cloned());
        let invocation = Invocation::new(&request.body)?;
        let naive: Answer = serde_json::from_slice(&pair.0.invoke(&invocation)?.answer)?;
        let other: Answer = serde_json::from_slice(&pair.1.invoke(&invocation)?.answer)?;
        if naive.records.len() != payloads.len() || other.records.len() != payloads.len() {
            return Err(format!("{}: not one answer for each record", function.name).into());
        }
        let answers = naive.records.iter().zip(&other.records);
        for ((index, (naive, other)), payload) in answers.enumerate().zip(payloads) {
            if naive.id != record_id(index) || other.id != record_id(index) {
                return Err(format!("{}: not the order of the request", function.name).into());
            }
            if let Some(difference) = compare_one(naive, other, payload, function.numbers)? {
                let payload: String = String::from_utf8_lossy(payload)
                    .chars()
                    .take(SHOWN_PAYLOAD_CHARACTERS)
                    .collect();
                let name = function.name;
                return Err(format!(
                    "naive (left) and {name} (right) differ: {difference}\npayload: {payload}"
                )
                .into());
            }
        }
    }
    Ok(payloads.len())
}

fn compare_one(
    naive: &Record,
    other: &Record,
    payload: &[u8],
    numbers: Numbers,
) -> Result<Option<String>, Error> {
    if naive.result != other.result {
        return Ok(Some(format!("{} and {}", naive.result, other.result)));
    }
    let decode = |record: &Record| STANDARD.decode(record.data.as_deref().unwrap_or_default());
    let (left, right) = (decode(naive)?, decode(other)?);
    Ok(match naive.result.as_str() {
        "Ok" => {
            if right.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
                return Ok(Some("the right one has a line break".to_owned()));
            }
            let (left, right): (Value, Value) =
                (serde_json::from_slice(&left)?, serde_json::from_slice(&right)?);
            difference(&left, &right, numbers)
        }
        "ProcessingFailed" => (right != payload).then(|| "the data is not the record's".to_owned()),
        _ => (!right.is_empty()).then(|| "a dropped record with data".to_owned()),
    })
}
