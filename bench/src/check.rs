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

/// The answer to small records is several times as long; it stays far below 6 MB.
const MAX_BATCH_BYTES: usize = 200_000;
const SHOWN_PAYLOAD_BYTES: usize = 1_000;

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

/// What the comparison found.
#[derive(Debug, Default)]
pub struct Found {
    /// How many answers were compared.
    pub answers: usize,
    /// How many of them are documents.
    pub documents: usize,
    /// What differs, with the payload.
    pub differences: Vec<String>,
}

/// Compares every function's answers with those of the naive one, which must be among them: on
/// realistic events all functions, on hostile ones, of which `random` are random, those that keep
/// numbers.
///
/// # Errors
/// When a function fails, or does not answer all records in their order.
pub fn check(
    functions: &[Function],
    cores: Cores,
    seed: u64,
    random: usize,
) -> Result<Found, Error> {
    let realistic: Vec<_> = sample::events_of(Size::Small, seed, 3_000)
        .chain(sample::events_of(Size::Large, seed, 1_000))
        .collect();
    let hostile: Vec<_> = edges::listed().chain(edges::random(seed).take(random)).collect();
    let naive = functions.iter().find(|function| function.name == "naive");
    let naive = naive.ok_or("the check compares with naive")?;
    let mut found = Found::default();
    for function in functions {
        if [HELLO, naive.name].contains(&function.name) {
            continue;
        }
        let mut pair = (Running::start(naive, cores)?, Running::start(function, cores)?);
        compare_all(&mut pair, &realistic, function, &mut found)?;
        if function.numbers == Numbers::AsWritten {
            compare_all(&mut pair, &hostile, function, &mut found)?;
        }
    }
    Ok(found)
}

fn compare_all(
    pair: &mut (Running, Running),
    payloads: &[Vec<u8>],
    function: &Function,
    found: &mut Found,
) -> Result<(), Error> {
    for payloads in batches(payloads) {
        let request = Request::of("check", payloads.iter().cloned());
        let invocation = Invocation::new(&request.body)?;
        let naive = answers(&mut pair.0, &invocation, payloads.len())?;
        let other = answers(&mut pair.1, &invocation, payloads.len())?;
        for ((naive, other), payload) in naive.iter().zip(&other).zip(payloads) {
            found.answers += 1;
            found.documents += usize::from(naive.result == "Ok");
            if let Some(difference) = compare_one(naive, other, payload, function.numbers)? {
                let shown = payload.len().min(SHOWN_PAYLOAD_BYTES);
                found.differences.push(format!(
                    "naive (left) and {} (right): {difference}\n  payload: {}",
                    function.name,
                    String::from_utf8_lossy(&payload[..shown])
                ));
            }
        }
    }
    Ok(())
}

/// As many payloads at a time as an answer has room for.
fn batches(payloads: &[Vec<u8>]) -> impl Iterator<Item = &[Vec<u8>]> {
    let mut bytes = 0;
    payloads.chunk_by(move |_, next| {
        bytes += next.len();
        let same = bytes < MAX_BATCH_BYTES;
        if !same {
            bytes = next.len();
        }
        same
    })
}

fn answers(
    function: &mut Running,
    invocation: &Invocation,
    expected: usize,
) -> Result<Vec<Record>, Error> {
    let Answer { records } = serde_json::from_slice(&function.invoke(invocation)?.answer)?;
    let in_order = records.iter().enumerate().all(|(index, record)| record.id == record_id(index));
    if records.len() != expected || !in_order {
        return Err(format!("{}: not one answer for each record in order", function.name).into());
    }
    Ok(records)
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
            let (mut left, mut right) = (read(&left)?, read(&right)?);
            if contains(payload, "__sluice_reingests") {
                // The naive one derives ids from the payload as it is.
                (left["event"]["id"], right["event"]["id"]) = (Value::Null, Value::Null);
            }
            difference(&left, &right, numbers)
        }
        "ProcessingFailed" => (right != payload).then(|| "the data is not the record's".to_owned()),
        _ => (!right.is_empty()).then(|| "a dropped record with data".to_owned()),
    })
}

/// A document may have one level more than `serde_json` reads by itself.
fn read(document: &[u8]) -> Result<Value, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    deserializer.disable_recursion_limit();
    let value = Value::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

fn contains(payload: &[u8], text: &str) -> bool {
    payload.windows(text.len()).any(|window| window == text.as_bytes())
}
