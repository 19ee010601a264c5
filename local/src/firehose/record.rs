//! What travels through the stream: records, the documents they become, and the request that takes
//! records to the function.
//!
//! Source: Amazon Data Firehose developer guide, "Transform source data" and "Index rotation", and
//! the sample events of AWS's Lambda libraries.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::json;
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
    /// The id under which the function sees the record.
    pub(super) id: String,
    pub(super) arrival_ms: u64,
    pub(super) data: Bytes,
    /// As the function gets it.
    json: String,
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

pub(super) fn index(name: &str, rotation: Rotation, arrival_ms: u64) -> String {
    match rotation {
        Rotation::None => name.to_owned(),
        Rotation::OneDay => format!("{name}{}", utc(arrival_ms, "-%Y-%m-%d")),
    }
}

impl Record {
    /// A record, with its partition key if the source is a Kinesis stream.
    pub(super) fn new(
        sequence_number: String,
        arrival_ms: u64,
        data: Bytes,
        partition_key: Option<String>,
    ) -> Self {
        let id = format!("{sequence_number}000000");
        let mut json = json!({
            "recordId": id,
            "approximateArrivalTimestamp": arrival_ms,
            "data": base64_simd::STANDARD.encode_to_string(&data),
        });
        if let Some(partition_key) = partition_key {
            json["kinesisRecordMetadata"] = json!({
                "shardId": "shardId-000000000000",
                "partitionKey": partition_key,
                "approximateArrivalTimestamp": arrival_ms,
                "sequenceNumber": sequence_number,
                "subsequenceNumber": "",
            });
        }
        Self { sequence_number, id, arrival_ms, data, json: json.to_string() }
    }

    /// Bytes that the record takes in a request, its comma included.
    pub(super) fn request_bytes(&self) -> usize {
        self.json.len() + 1
    }
}

/// The request with these records. Every try has its own invocation id.
pub(super) fn request(options: &DeliveryStreamOptions, records: &[Record]) -> Bytes {
    let name = &options.name;
    let mut request = json!({
        "invocationId": Uuid::new_v4(),
        "deliveryStreamArn": format!("arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{name}"),
        "region": REGION,
    });
    if let Some(arn) = &options.source_kinesis_stream_arn {
        request["sourceKinesisStreamArn"] = json!(arn);
    }
    let mut request = request.to_string();
    request.pop();
    let records: Vec<_> = records.iter().map(|record| record.json.as_str()).collect();
    format!(r#"{request},"records":[{}]}}"#, records.join(",")).into()
}
