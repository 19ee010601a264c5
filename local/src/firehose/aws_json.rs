//! The wire of the AWS JSON 1.1 protocol: requests of both services, their answers and errors.
//!
//! Sources: the API references of Amazon Data Firehose (`PutRecord`, `PutRecordBatch`) and of
//! Amazon Kinesis Data Streams (`PutRecord`, `PutRecords`).

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Service;
use crate::aws_json::{self, Failure, Version};

/// The version of the protocol that both services speak.
pub(super) const VERSION: Version = Version::V1_1;

/// The operations of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) service: Service,
    /// `PutRecordBatch` and `PutRecords`, rather than `PutRecord`.
    pub(super) is_batch: bool,
}

impl Operation {
    pub(super) fn from_target(target: &str) -> Option<Self> {
        let operation = |service, is_batch| Some(Self { service, is_batch });
        match target {
            "Firehose_20150804.PutRecord" => operation(Service::Firehose, false),
            "Firehose_20150804.PutRecordBatch" => operation(Service::Firehose, true),
            "Kinesis_20131202.PutRecord" => operation(Service::Kinesis, false),
            "Kinesis_20131202.PutRecords" => operation(Service::Kinesis, true),
            _ => None,
        }
    }
}

/// A call of any operation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// The name or ARN of the stream that is called.
    pub(super) stream: String,
    pub(super) entries: Vec<Entry>,
}

/// One record of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) data: Bytes,
    pub(super) partition_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    delivery_stream_name: Option<String>,
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    records: Option<Vec<BodyRecord>>,
    record: Option<BodyRecord>,
    data: Option<String>,
    partition_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BodyRecord {
    data: String,
    partition_key: Option<String>,
}

impl Call {
    /// Reads a request's body.
    pub(super) fn read(operation: Operation, body: &[u8]) -> Result<Self, Failure> {
        let body: Body = serde_json::from_slice(body).map_err(|error| {
            Failure::new("SerializationException", format!("the body cannot be read: {error}"))
        })?;
        let (stream, records) = match (operation.service, operation.is_batch) {
            (Service::Firehose, true) => (body.delivery_stream_name, body.records),
            (Service::Firehose, false) => {
                (body.delivery_stream_name, body.record.map(|record| vec![record]))
            }
            (Service::Kinesis, true) => (body.stream_arn.or(body.stream_name), body.records),
            (Service::Kinesis, false) => {
                let partition_key = body.partition_key;
                let record = body.data.map(|data| vec![BodyRecord { data, partition_key }]);
                (body.stream_arn.or(body.stream_name), record)
            }
        };
        let stream = stream.ok_or_else(|| Failure::validation("the stream's name is missing"))?;
        let records = records.ok_or_else(|| Failure::validation("the records are missing"))?;
        let entries = records.into_iter().map(|record| {
            let data = base64_simd::STANDARD
                .decode_to_vec(record.data.as_bytes())
                .map_err(|_| Failure::new("SerializationException", "data is not base64"))?;
            Ok(Entry { data: data.into(), partition_key: record.partition_key })
        });
        Ok(Self { stream, entries: entries.collect::<Result<_, Failure>>()? })
    }
}

/// What became of an entry: the id it got, or its error's code and message.
pub(super) type Taken = Result<String, (&'static str, &'static str)>;

/// The answer to a call that was taken as a whole.
pub(super) fn answer(operation: Operation, entries: &[Taken]) -> Response<Full<Bytes>> {
    let failed = entries.iter().filter(|entry| entry.is_err()).count();
    let entry = |taken: &Taken| match (operation.service, taken) {
        (Service::Firehose, Ok(id)) => json!({"RecordId": id}),
        (Service::Kinesis, Ok(id)) => {
            json!({"SequenceNumber": id, "ShardId": "shardId-000000000000"})
        }
        (_, Err((code, message))) => json!({"ErrorCode": code, "ErrorMessage": message}),
    };
    let mut entries: Vec<Value> = entries.iter().map(entry).collect();
    let body = match (operation.service, operation.is_batch) {
        (Service::Firehose, true) => {
            json!({"FailedPutCount": failed, "Encrypted": false, "RequestResponses": entries})
        }
        (Service::Kinesis, true) => {
            json!({"FailedRecordCount": failed, "EncryptionType": "NONE", "Records": entries})
        }
        (_, false) => entries.pop().unwrap_or_default(),
    };
    aws_json::answer(VERSION, &body)
}
