//! Records of Kinesis with readings, alone and in aggregates of the Kinesis Producer Library.

use std::cell::RefCell;
use std::rc::Rc;

use base64_simd::STANDARD;
use md5::{Digest, Md5};
use sensor_points::{App, Config, Queue, Store, StoreError};
use serde_json::json;
use shared::aws::Answer;
use shared::sqs::{Failure, MAX_ENTRIES, MAX_MESSAGE_BYTES, Quarantined, is_text};
use testkit::{LAMBDA, Output, numbers};

use crate::invocation::invoke;

/// The lines that were written, and the number of messages in quarantine; clones are the same.
#[derive(Clone, Debug, Default)]
struct Ports(Rc<RefCell<Written>>);

/// Lines without their times, and the number of messages in quarantine.
#[derive(Debug, Default, PartialEq, Eq)]
struct Written {
    lines: Vec<String>,
    refused: usize,
}

impl Store for Ports {
    async fn write(&self, lines: &[u8]) -> Result<Answer, StoreError> {
        let text = std::str::from_utf8(lines).unwrap().strip_suffix('\n').unwrap();
        let lines = text.split('\n').map(|line| {
            assert!(!line.contains(char::is_control), "{line:?}");
            let (point, time) = line.rsplit_once(' ').unwrap();
            assert!(time.parse::<i64>().unwrap() >= 0);
            let mut spaces =
                point.match_indices(' ').filter(|(at, _)| !point[..*at].ends_with('\\'));
            let (space, _) = spaces.next().unwrap();
            assert!(spaces.next().is_none() && point[space + 1..].contains('='), "{line:?}");
            point.to_owned()
        });
        self.0.borrow_mut().lines.extend(lines);
        Ok(Answer { status: 204, body: "".into() })
    }
}

impl Queue for Ports {
    async fn quarantine(&self, entries: &[Quarantined]) -> Vec<Option<Failure>> {
        assert!((1..=MAX_ENTRIES).contains(&entries.len()));
        for entry in entries {
            assert!(is_text(&entry.body) && entry.bytes() <= MAX_MESSAGE_BYTES);
        }
        self.0.borrow_mut().refused += entries.len();
        vec![None; entries.len()]
    }
}

/// Writes the readings of records with this data.
fn write(records: &[&[u8]]) -> Written {
    let own = [
        ("TSDB_WRITE_URL", "http://127.0.0.1:8086/write?db=d"),
        ("TSDB_AUTH", "none"),
        ("QUARANTINE_QUEUE_URL", "http://127.0.0.1:9324/1/quarantine"),
    ];
    let config = Config::from_environment(&[&LAMBDA, &own[..]].concat().into_iter().collect());
    let (ports, output) = (Ports::default(), Output::default());
    let mut app = App::new(config.unwrap(), ports.clone(), ports.clone(), output.clone());
    let record = |(number, data): (usize, &&[u8])| {
        json!({"eventSource": "aws:kinesis", "eventSourceARN": "arn:s", "kinesis": {
            "sequenceNumber": number.to_string(), "data": STANDARD.encode_to_string(data),
            "approximateArrivalTimestamp": 1_709_296_498.0,
        }})
    };
    let records: Vec<_> = records.iter().enumerate().map(record).collect();
    let answer = invoke(&mut app, json!({"Records": records}).to_string().as_bytes()).unwrap();
    assert_eq!(answer, br#"{"batchItemFailures":[]}"#);
    let metrics = numbers(&output.take_line());
    let written = ports.0.take();
    let readings = ["PointsWritten", "ReadingsRefused", "ReadingsDropped"];
    assert_eq!(metrics["ReadingsIn"], readings.map(|name| metrics[name]).iter().sum::<u64>());
    assert_eq!(metrics["PointsWritten"], written.lines.len() as u64);
    written
}

/// A protobuf message as an aggregate.
fn aggregate(message: &[u8]) -> Vec<u8> {
    [&b"\xF3\x89\x9A\xC2"[..], message, &Md5::digest(message)[..]].concat()
}

/// A protobuf field that contains bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 127 {
        field.push(low_bits(length) | 0x80);
        length >>= 7;
    }
    field.push(low_bits(length));
    [&field, bytes].concat()
}

fn low_bits(length: usize) -> u8 {
    length.to_le_bytes()[0] & 0x7F
}

/// All readings of a record become points or are in quarantine, for any record and any content of
/// an aggregate. Records in an aggregate have the same result as single records.
pub fn kinesis_records(data: &[u8]) {
    write(&[data]);
    write(&[&aggregate(data)]);
    let lines: Vec<_> = data.split(|byte| *byte == b'\n').take(100).collect();
    let records: Vec<u8> = lines.iter().flat_map(|line| field(3, &field(3, line))).collect();
    let (alone, together) = (write(&lines), write(&[&aggregate(&records)]));
    assert_eq!(together.lines, alone.lines);
}
