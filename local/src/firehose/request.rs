//! The transformation request, as Firehose writes it.
//!
//! Source: Amazon Data Firehose developer guide, "Transform source data" and the sample events of
//! AWS's Lambda libraries.

use bytes::Bytes;

use super::DeliveryStreamOptions;
use super::record::Record;
use crate::identifier::uuid;
use crate::runtime_api::{ACCOUNT, REGION, REQUEST_LIMIT_BYTES};

/// What the records of one request may take, in bytes: all but the envelope, of which the ARNs
/// are the largest part (a stream's name has at most 64 characters, Kinesis's 128).
pub(super) const RECORDS_LIMIT_BYTES: usize = REQUEST_LIMIT_BYTES - 1024;

/// The delivery stream's ARN.
pub(super) fn delivery_stream_arn(options: &DeliveryStreamOptions) -> String {
    format!("arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{}", options.name)
}

/// Writes the request with these records. Every try has an invocation id of its own.
pub(super) fn write(options: &DeliveryStreamOptions, records: &[Record]) -> Bytes {
    let from_kinesis = options.source_kinesis_stream_arn.is_some();
    let size: usize = records.iter().map(|record| record_bytes(record, from_kinesis)).sum();
    let mut request = String::with_capacity(size + 1024);
    request.push_str("{\"invocationId\":\"");
    request.push_str(&uuid());
    request.push_str("\",\"deliveryStreamArn\":");
    request.push_str(&quoted(&delivery_stream_arn(options)));
    request.push_str(",\"region\":");
    request.push_str(&quoted(REGION));
    if let Some(arn) = &options.source_kinesis_stream_arn {
        request.push_str(",\"sourceKinesisStreamArn\":");
        request.push_str(&quoted(arn));
    }
    request.push_str(",\"records\":[");
    for (position, record) in records.iter().enumerate() {
        if position > 0 {
            request.push(',');
        }
        write_record(&mut request, record, from_kinesis);
    }
    request.push_str("]}");
    request.into()
}

/// How many bytes a record takes in a request, its comma included.
pub(super) fn record_bytes(record: &Record, from_kinesis: bool) -> usize {
    const FRAME: &str = r#"{"recordId":"000000","approximateArrivalTimestamp":,"data":""},"#;
    let arrival = record.arrival_ms.to_string().len();
    let base64 = record.data.len().div_ceil(3) * 4;
    let bytes = FRAME.len() + record.sequence_number.len() + arrival + base64;
    if from_kinesis { bytes + kinesis_metadata(record).len() } else { bytes }
}

fn write_record(request: &mut String, record: &Record, from_kinesis: bool) {
    request.push_str("{\"recordId\":\"");
    request.push_str(&record.id());
    request.push_str("\",\"approximateArrivalTimestamp\":");
    request.push_str(&record.arrival_ms.to_string());
    request.push_str(",\"data\":\"");
    base64_simd::STANDARD.encode_append(&record.data, request);
    request.push('"');
    if from_kinesis {
        request.push_str(&kinesis_metadata(record));
    }
    request.push('}');
}

fn kinesis_metadata(record: &Record) -> String {
    format!(
        ",\"kinesisRecordMetadata\":{{\"shardId\":\"shardId-000000000000\",\"partitionKey\":{},\
         \"approximateArrivalTimestamp\":{},\"sequenceNumber\":\"{}\",\"subsequenceNumber\":\"\"}}",
        quoted(&record.partition_key),
        record.arrival_ms,
        record.sequence_number
    )
}

/// The text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use tokio::sync::Semaphore;

    use super::*;

    fn record(data: &'static str, partition_key: &str) -> Record {
        let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Record {
            sequence_number: "4".repeat(56),
            arrival_ms: 1_709_296_496_789,
            partition_key: partition_key.to_owned(),
            data: Bytes::from_static(data.as_bytes()),
            room,
        }
    }

    fn check(options: &DeliveryStreamOptions, expected: &Value) {
        let records = [record("{}", "a \"key\""), record("", ""), record("abc", "k")];
        let request = write(options, &records);
        let mut read: Value = serde_json::from_slice(&request).unwrap();
        let id = read["invocationId"].take();
        assert_eq!(id.as_str().unwrap().len(), 36);
        assert_eq!(read.to_string(), expected.to_string());

        let from_kinesis = options.source_kinesis_stream_arn.is_some();
        let sizes: usize = records.iter().map(|record| record_bytes(record, from_kinesis)).sum();
        let envelope = write(options, &[]).len();
        assert_eq!(envelope + sizes - 1, request.len(), "sizes are exact (the last has no comma)");
        assert!(envelope <= 1024);
    }

    #[test]
    fn a_request_is_written_as_firehose_does() {
        let mut options = DeliveryStreamOptions::new("music", "i", "/b");
        let id = format!("{}000000", "4".repeat(56));
        let record = |data| json!({"recordId": id, "approximateArrivalTimestamp": 1_709_296_496_789_u64, "data": data});
        let mut expected = json!({
            "invocationId": null,
            "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/music",
            "region": "us-east-1",
            "records": [record("e30="), record(""), record("YWJj")]
        });
        check(&options, &expected);

        let stream = "arn:aws:kinesis:us-east-1:123456789012:stream/source";
        options.source_kinesis_stream_arn = Some(stream.to_owned());
        expected["sourceKinesisStreamArn"] = stream.into();
        for (position, key) in ["a \"key\"", "", "k"].into_iter().enumerate() {
            expected["records"][position]["kinesisRecordMetadata"] = json!({
                "shardId": "shardId-000000000000",
                "partitionKey": key,
                "approximateArrivalTimestamp": 1_709_296_496_789_u64,
                "sequenceNumber": "4".repeat(56),
                "subsequenceNumber": ""
            });
        }
        check(&options, &expected);
    }

    #[test]
    fn every_try_has_an_invocation_id_of_its_own() {
        let options = DeliveryStreamOptions::new("music", "i", "/b");
        assert_ne!(write(&options, &[]), write(&options, &[]));
    }
}
