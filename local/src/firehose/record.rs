//! Records, the documents made of them, and the request that passes records to the function.
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

/// Maximum size of the records of one request, in bytes: all but the envelope, which consists
/// mostly of ARNs (a stream's name has at most 64 characters, a Kinesis stream's 128).
pub(super) const RECORDS_LIMIT_BYTES: usize = REQUEST_LIMIT_BYTES - 1024;

/// A record that was put into the stream.
#[derive(Debug)]
pub(super) struct Record {
    /// 56 digits, as in Kinesis and Firehose.
    pub(super) sequence_number: String,
    /// The id of the record in the function's event.
    pub(super) id: String,
    pub(super) arrival_ms: u64,
    pub(super) data: Bytes,
    /// The record in the function's event.
    json: String,
}

/// A document that the function made of a record.
#[derive(Debug)]
pub(super) struct Document {
    /// The id that Firehose generates. It is the same in every try, so that retries do not
    /// duplicate the document.
    pub(super) id: String,
    pub(super) index: String,
    pub(super) arrival_ms: u64,
    pub(super) body: Bytes,
}

/// Generates sequence numbers in the order of arrival.
#[derive(Debug)]
pub(super) struct SequenceNumbers {
    /// Distinguishes the records of this stream from those of others.
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
    /// Creates a record, with its partition key if the source is a Kinesis stream.
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

    /// Size of the record in a request, in bytes, including a comma.
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
