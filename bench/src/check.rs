//! Checks that all functions produce the same documents, in their answers or in OpenSearch.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use local::sample::{self, Size};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Error;
use crate::bulk_api::{BulkApi, Keeps};
use crate::compare::difference;
use crate::edges::{self, ARRIVALS};
use crate::functions::{Function, HELLO, PASSTHROUGH};
use crate::invoke::Running;
use crate::pinned::Cores;
use crate::request::{Request, record_id};
use crate::runtime_api::Invocation;

/// The answer to small records is several times as large as the request; with this limit it stays
/// far below 6 MB.
const MAX_BATCH_BYTES: usize = 200_000;
const SHOWN_DIFFERENCES: usize = 10;
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

/// The result of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Number of answers or documents that were compared.
    pub(crate) compared: usize,
    /// Number of answers that contain documents.
    documents: usize,
    /// The differences.
    pub(crate) differences: Vec<String>,
}

impl Found {
    /// Prints the result; fails if there are differences.
    pub(crate) fn report(&self, what: &str) -> Result<(), Error> {
        for difference in self.differences.iter().take(SHOWN_DIFFERENCES) {
            eprintln!("{difference}");
        }
        let Self { compared, documents, differences } = self;
        if !differences.is_empty() {
            return Err(format!("{} of {compared} {what} differ", differences.len()).into());
        }
        let documents = match documents {
            0 => String::new(),
            documents => format!(", {documents} of them documents"),
        };
        println!("{compared} {what} are the same{documents}\n");
        Ok(())
    }
}

/// Compares the answers of all functions with those of the naive one, which must be among them.
/// Realistic events are compared for all functions; hostile ones, `random` of which are random,
/// only for those that preserve numbers.
pub(crate) fn transformers(
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
    let others = [HELLO, PASSTHROUGH, naive.name];
    for function in functions.iter().filter(|it| !others.contains(&it.name)) {
        let mut pair = [Running::start(naive, cores)?, Running::start(function, cores)?];
        compare_all(&mut pair, &realistic, function, &mut found)?;
        if !function.is_script() {
            compare_all(&mut pair, &hostile, function, &mut found)?;
        }
    }
    Ok(found)
}

fn compare_all(
    [naive, other]: &mut [Running; 2],
    payloads: &[Vec<u8>],
    function: &Function,
    found: &mut Found,
) -> Result<(), Error> {
    let mut arrivals = ARRIVALS.iter().copied().cycle();
    for payloads in batches(payloads) {
        let arriving = arrivals.by_ref().zip(payloads.iter().cloned());
        let request = Request::arriving("check", usize::MAX, arriving);
        let invocation = Invocation::new(&request.body)?;
        let naive = answers(naive, &invocation, payloads.len())?;
        let other = answers(other, &invocation, payloads.len())?;
        for ((naive, other), payload) in naive.iter().zip(&other).zip(payloads) {
            found.compared += 1;
            found.documents += usize::from(naive.result == "Ok");
            if let Some(difference) = compare_one(naive, other, payload, function.is_script())? {
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

/// Groups the payloads into batches whose answers are not too large.
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
    as_doubles: bool,
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
            // The naive function derives ids from the unchanged payload.
            let put_back = String::from_utf8_lossy(payload).contains("__sluice_");
            // The clock advanced between the two.
            let now = [&left, &right].iter().all(|it| it["event"]["timestamp_source"] == "now");
            for document in [&mut left, &mut right] {
                if put_back {
                    document["event"]["id"].take();
                }
                if now {
                    document["@timestamp"].take();
                    document["analytics"]["hour"].take();
                    document["analytics"]["weekday"].take();
                }
            }
            difference(&left, &right, as_doubles)
        }
        "ProcessingFailed" => (right != payload).then(|| "the data is not the record's".to_owned()),
        _ => (!right.is_empty()).then(|| "a dropped record with data".to_owned()),
    })
}

/// A document may have one level more than `serde_json` accepts by default.
fn read(document: &[u8]) -> Result<Value, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    deserializer.disable_recursion_limit();
    let value = Value::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Compares the documents that all functions write for these batches with those of the naive one,
/// which must be among them; all messages must succeed.
pub(crate) fn consumers(
    functions: &[Function],
    naive_name: &'static str,
    batches: &[Request],
    cores: Cores,
) -> Result<Found, Error> {
    let opensearch = BulkApi::start(Keeps::Requests)?;
    let written = |function: &Function, batch: &Request| {
        let function = opensearch.written_by(function);
        let invoked = Running::start(&function, cores)?.invoke(&Invocation::new(&batch.body)?)?;
        let answer: Value = serde_json::from_slice(&invoked.answer)?;
        let documents = opensearch.take()?;
        if answer["batchItemFailures"] != json!([]) || documents.len() != batch.records {
            let (name, written, of) = (function.name, documents.len(), batch.records);
            return Err(format!("{name}: {written} of {of} documents, {answer}").into());
        }
        Ok::<_, Error>(documents)
    };
    let (naive, others): (Vec<_>, Vec<_>) =
        functions.iter().partition(|function| function.name == naive_name);
    let naive = naive.first().ok_or_else(|| format!("the check compares with {naive_name}"))?;
    let mut found = Found::default();
    for batch in batches {
        let expected = written(naive, batch)?;
        for function in &others {
            let documents = written(function, batch)?;
            found.compared += documents.len();
            for ((naive_action, naive), (action, document)) in expected.iter().zip(&documents) {
                let differing = if naive_action == action {
                    difference(naive, document, function.is_script())
                } else {
                    Some(format!("{naive_action:?} and {action:?}"))
                };
                let name = function.name;
                let shown =
                    differing.map(|it| format!("{naive_name} (left) and {name} (right): {it}"));
                found.differences.extend(shown);
            }
        }
    }
    Ok(found)
}
