//! Requests of Firehose, and the records in them.

use std::sync::{Arc, Mutex};

use aws_lambda_events::firehose::KinesisFirehoseEvent;
use base64_simd::STANDARD;
use firehose_transform::App;
use firehose_transform::config::Config;
use firehose_transform::reingest::{CallError, MAX_RECORD_BYTES, PutRecord, Source, Target};
use serde_json::{Value, json};
use shared::contents::Contents;
use testkit::{LAMBDA, Output};

use crate::invocation::{NOW_MS, invoke};
use crate::opinion::Opinion;
use crate::packing::gzip;

const BUDGET: usize = 100_000;

const GZIP: &[u8] = &[0x1f, 0x8b];

/// A source that accepts every record; clones are the same.
#[derive(Clone, Debug, Default)]
struct Accepting(Arc<Mutex<Vec<Vec<u8>>>>);

impl Source for Accepting {
    async fn put(&self, _: &Target, records: &[PutRecord]) -> Result<Vec<bool>, CallError> {
        assert!(records.iter().all(|record| record.payload.len() <= MAX_RECORD_BYTES));
        self.0.lock().unwrap().extend(records.iter().map(|record| record.payload.clone()));
        Ok(vec![true; records.len()])
    }
}

/// The answer to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answered {
    id: String,
    result: String,
    document: Option<Vec<u8>>,
}

/// The answers to the records of a request, and the records that were put back; `None` if the
/// request is refused.
fn transform(request: &[u8], split: &str) -> Option<(Vec<Answered>, Vec<Vec<u8>>)> {
    let own = [("SPLIT", split), ("RESPONSE_BUDGET_BYTES", &BUDGET.to_string())];
    let config = Config::from_environment(&[&LAMBDA, &own[..]].concat().into_iter().collect());
    let source = Accepting::default();
    let mut app = App::new(config.unwrap(), source.clone(), Output::default());
    let answer = invoke(&mut app, request).ok()?;
    assert!(answer.len() <= BUDGET, "{} bytes", answer.len());
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let answered = answer["records"].as_array().unwrap().iter().map(Answered::of).collect();
    let put_back = source.0.lock().unwrap().clone();
    Some((answered, put_back))
}

impl Answered {
    fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let (id, result) = (text("recordId").unwrap(), text("result").unwrap());
        let data = text("data").or(text("kafkaRecordValue"));
        // Failed data is returned unchanged.
        let document = data.map(|data| STANDARD.decode_to_vec(&data).unwrap_or(data.into_bytes()));
        match &*result {
            "Ok" => {
                let document = document.as_ref().unwrap();
                Opinion::of_valid(document);
                let line = document.strip_suffix(b"\n").unwrap_or(document);
                assert!(!line.contains(&b'\n'));
            }
            "Dropped" | "ProcessingFailed" => {}
            other => panic!("{other}"),
        }
        Self { id, result, document }
    }
}

/// Each record is answered once, in order, with a document that is JSON or without one, within the
/// budget. A request that `aws_lambda_events` can parse is accepted, if each record has an id and
/// there are no `\\u` escapes.
pub fn firehose_requests(request: &[u8]) {
    for split in ["off", "on"] {
        let answered = transform(request, split);
        // Bytes that are not UTF-8 may be in other members of a request, which is answered, too.
        if std::str::from_utf8(request).is_ok() && Opinion::of(request) == Opinion::Invalid {
            assert_eq!(answered, None, "serde_json finds it invalid");
        }
        let is_plain = !request.windows(2).any(|escape| escape == br"\u");
        let Some(ids) = ids(request).filter(|_| is_plain) else { continue };
        // Not even the ids fit.
        if ids.iter().map(|id| id.len() * 6 + 50).sum::<usize>() > BUDGET {
            continue;
        }
        let (answered, _) = answered.expect("aws_lambda_events reads it");
        assert_eq!(answered.into_iter().map(|answer| answer.id).collect::<Vec<_>>(), ids);
    }
}

/// The ids of the records, as `aws_lambda_events` parses the request.
fn ids(request: &[u8]) -> Option<Vec<String>> {
    let mut value = Opinion::of(request).value().filter(Value::is_object)?;
    for record in value["records"].as_array_mut()? {
        // The crate panics for a fraction of a millisecond.
        *record.as_object_mut()?.get_mut("approximateArrivalTimestamp")? = NOW_MS.into();
        record["kinesisRecordMetadata"].take();
    }
    let event: KinesisFirehoseEvent = serde_json::from_value(value).ok()?;
    event.records.into_iter().map(|record| record.record_id).collect()
}

/// The number of events in a record.
fn count(record: &[u8]) -> usize {
    let mut contents = Contents::default();
    contents.open(|text| text.extend_from_slice(record)).unwrap();
    contents.look_again();
    contents.count()
}

fn request(records: &[&[u8]]) -> Vec<u8> {
    let record = |(at, data): (usize, &&[u8])| {
        json!({"recordId": at.to_string(), "approximateArrivalTimestamp": NOW_MS - 1_880,
            "data": STANDARD.encode_to_string(data)})
    };
    let records: Vec<_> = records.iter().enumerate().map(record).collect();
    let arn = "arn:aws:firehose:us-east-1:123456789012:deliverystream/events";
    json!({"deliveryStreamArn": arn, "records": records}).to_string().into_bytes()
}

/// A record does not affect others, and its result is the same if it is compressed. Of several
/// events in it, one is in the answer, and each other one is put back as a record of one event.
pub fn firehose_records(record: &[u8]) {
    const OTHER: &[u8] = b"{\"id\":\"other\"}";
    for split in ["off", "on"] {
        let (answered, put_back) = transform(&request(&[record, OTHER]), split).unwrap();
        let [first, other] = &answered[..] else { panic!("{answered:?}") };
        assert_eq!(other.result, "Ok");
        if split == "off" {
            // Only records that do not fit into the answer are put back.
            assert!(put_back.is_empty() || put_back.len() == 1 && first.result == "Dropped");
            continue;
        }
        for payload in put_back.iter().take(20) {
            let (_, more) = transform(&request(&[payload]), split).unwrap();
            // Alone, a malformed line or element may be an event and the rest.
            let is_one = more.is_empty() || count(payload) == more.len() + 1;
            assert!(payload.len() > BUDGET / 2 || is_one, "{}", payload.escape_ascii());
        }
        if first.result == "Ok" && !record.starts_with(GZIP) {
            assert_eq!(put_back.len() + 1, count(record), "{put_back:?}");
        }
        if !record.starts_with(GZIP) && !record.is_empty() {
            let (packed, of_packed) = transform(&request(&[&gzip(record)]), split).unwrap();
            // Failed data is returned unchanged.
            if first.result != "ProcessingFailed" {
                assert_eq!(packed[0], *first);
            }
            assert_eq!((&packed[0].result, of_packed), (&first.result, put_back));
        }
    }
}
