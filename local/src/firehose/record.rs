//! What travels through the stream: records, the documents they become, and the request that takes
//! records to the function.
//!
//! Source: Amazon Data Firehose developer guide, "Transform source data" and "Index rotation", and
//! the sample events of AWS's Lambda libraries.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::{DeliveryStreamOptions, Rotation};
use crate::clock::utc;
use crate::runtime_api::{ACCOUNT, REGION, REQUEST_LIMIT_BYTES};

/// What the records of one request may take, in bytes: all but the envelope, of which the ARNs
/// are the largest part (a stream's name has at most 64 characters, Kinesis's 128).
pub(super) const RECORDS_LIMIT_BYTES: usize = REQUEST_LIMIT_BYTES - 1024;

/// A record that was put into the stream.
#[derive(Debug)]
pub(super) struct Record {
    /// 56 digits, as Kinesis and Firehose number records.
    pub(super) sequence_number: String,
    pub(super) arrival_ms: u64,
    pub(super) partition_key: String,
    pub(super) data: Bytes,
}

/// What the function made of a record.
#[derive(Debug)]
pub(super) struct Document {
    /// The id that Firehose generates; the same in every try, so that none doubles the document.
    pub(super) id: String,
    pub(super) index: String,
    pub(super) arrival_ms: u64,
    pub(super) body: Bytes,
}

/// Numbers records in the order of their arrival.
#[derive(Debug)]
pub(super) struct SequenceNumbers {
    /// Distinguishes the records of this stream from those of another.
    prefix: u64,
    next: AtomicU64,
}

impl SequenceNumbers {
    pub(super) fn new() -> Self {
        Self { prefix: fastrand::u64(..), next: AtomicU64::new(0) }
    }

    pub(super) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("4966{:032}{number:020}", self.prefix)
    }
}

/// The index of a document that arrived at this time.
pub(super) fn index(name: &str, rotation: Rotation, arrival_ms: u64) -> String {
    let suffix = match rotation {
        Rotation::None => "",
        Rotation::OneDay => "-%Y-%m-%d",
    };
    format!("{name}{}", utc(arrival_ms, suffix))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestJson<'a> {
    invocation_id: Uuid,
    delivery_stream_arn: String,
    region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_kinesis_stream_arn: Option<&'a str>,
    records: Vec<RecordJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordJson<'a> {
    record_id: String,
    approximate_arrival_timestamp: u64,
    data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kinesis_record_metadata: Option<KinesisJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KinesisJson<'a> {
    shard_id: &'a str,
    partition_key: &'a str,
    approximate_arrival_timestamp: u64,
    sequence_number: &'a str,
    subsequence_number: &'a str,
}

impl Record {
    /// The id under which the function sees the record.
    pub(super) fn id(&self) -> String {
        format!("{}000000", self.sequence_number)
    }

    fn json(&self, from_kinesis: bool, data: String) -> RecordJson<'_> {
        let kinesis = KinesisJson {
            shard_id: "shardId-000000000000",
            partition_key: &self.partition_key,
            approximate_arrival_timestamp: self.arrival_ms,
            sequence_number: &self.sequence_number,
            subsequence_number: "",
        };
        RecordJson {
            record_id: self.id(),
            approximate_arrival_timestamp: self.arrival_ms,
            data,
            kinesis_record_metadata: from_kinesis.then_some(kinesis),
        }
    }

    /// Bytes that the record takes in a request, its comma included.
    pub(super) fn request_bytes(&self, from_kinesis: bool) -> usize {
        let frame = serde_json::to_vec(&self.json(from_kinesis, String::new()));
        frame.map_or(0, |frame| frame.len() + 1) + self.data.len().div_ceil(3) * 4
    }
}

/// The request with these records. Every try has its own invocation id.
pub(super) fn request(
    options: &DeliveryStreamOptions,
    records: &[Record],
) -> serde_json::Result<Bytes> {
    let source = options.source_kinesis_stream_arn.as_deref();
    let records = records.iter().map(|record| {
        record.json(source.is_some(), base64_simd::STANDARD.encode_to_string(&record.data))
    });
    let request = RequestJson {
        invocation_id: Uuid::new_v4(),
        delivery_stream_arn: format!(
            "arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{}",
            options.name
        ),
        region: REGION,
        source_kinesis_stream_arn: source,
        records: records.collect(),
    };
    serde_json::to_vec(&request).map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_have_56_digits_and_grow() {
        let numbers = SequenceNumbers::new();
        let (one, two) = (numbers.next(), numbers.next());
        assert_eq!(one.len(), 56);
        assert!(one.bytes().all(|byte| byte.is_ascii_digit()), "{one}");
        assert!(one < two);
    }

    #[test]
    fn the_size_in_a_request_is_exact() {
        let record = |data: &'static str, key: &str| Record {
            sequence_number: "4".repeat(56),
            arrival_ms: 1_709_296_496_789,
            partition_key: key.to_owned(),
            data: Bytes::from_static(data.as_bytes()),
        };
        let records = [record("{}", "a \"key\""), record("", ""), record("abc", "k")];
        let mut options = DeliveryStreamOptions::new("music", "i", "/b");
        for source in [None, Some("arn:aws:kinesis:us-east-1:123456789012:stream/s".to_owned())] {
            options.source_kinesis_stream_arn = source;
            let from_kinesis = options.source_kinesis_stream_arn.is_some();
            let envelope = request(&options, &[]).unwrap().len();
            assert!(envelope <= 1024);
            let sizes: usize = records.iter().map(|one| one.request_bytes(from_kinesis)).sum();
            // The last record has no comma.
            assert_eq!(request(&options, &records).unwrap().len(), envelope + sizes - 1);
        }
    }
}
