//! The stream's endpoint, where the function puts records back: the AWS JSON 1.1 protocol.
//!
//! Sources: the API references of Amazon Data Firehose (`PutRecord`, `PutRecordBatch`) and of
//! Amazon Kinesis Data Streams (`PutRecord`, `PutRecords`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::RECORD_LIMIT_BYTES;
use super::options::{PutCall, PutFault, Service};
use super::state::{Entrance, Shared};
use crate::aws_json::{self, Failure, Version};
use crate::server::read_body;

/// Largest request that is read, in bytes: more than base64 makes of what the services allow.
const BODY_LIMIT_BYTES: usize = 16 << 20;

/// Maximum records of a call, of both services. Source: their API references.
const RECORDS_LIMIT: usize = 500;

/// The only shard.
const SHARD: &str = "shardId-000000000000";

/// The endpoint of one stream.
#[derive(Debug)]
pub(super) struct Api {
    shared: Arc<Shared>,
    calls: AtomicU64,
}

/// The operations of the endpoint.
#[derive(Debug, Clone, Copy)]
struct Operation {
    service: Service,
    /// `PutRecordBatch` and `PutRecords`, rather than `PutRecord`.
    is_batch: bool,
}

/// A call of any operation.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Call {
    #[serde(alias = "StreamName", alias = "StreamARN")]
    delivery_stream_name: Option<String>,
    records: Option<Vec<Entry>>,
    record: Option<Entry>,
    data: Option<String>,
    partition_key: Option<String>,
}

/// One record of a call.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    data: String,
    partition_key: Option<String>,
}

/// Data and partition key of a record.
type Data = (Bytes, Option<String>);

/// What became of an entry: the id it got, or its error's code and message.
type Taken = Result<String, (&'static str, &'static str)>;

impl Api {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, calls: AtomicU64::new(0) }
    }

    /// Answers one request.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        match self.answered(request).await {
            Ok(body) => aws_json::answer(Version::V1_1, &body),
            Err(failure) => failure.response(Version::V1_1),
        }
    }

    async fn answered(&self, request: Request<Incoming>) -> Result<Value, Failure> {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        let operation = target.and_then(operation).filter(|_| request.method() == Method::POST);
        let operation = operation
            .ok_or_else(|| Failure::new("UnknownOperationException", "no such operation here"))?;
        let body = read_body(request.into_body(), BODY_LIMIT_BYTES).await.map_err(|_| {
            Failure::new("SerializationException", "the body broke off or is too large")
        })?;
        let (stream, entries) = read(&body)?;
        self.check(operation, &stream, &entries)?;

        let service = operation.service;
        let throttled = || {
            let (error_type, message) = throttling(service);
            Err(Failure::new(error_type, message))
        };
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let put_call = PutCall { service, number, records: entries.len() };
        let failing = match self.shared.options.put_faults.of(&put_call) {
            PutFault::None => Vec::new(),
            PutFault::Deny => {
                let message = "the caller is not authorized to perform this action";
                return Err(Failure::new("AccessDeniedException", message));
            }
            PutFault::Fail => return Err(Failure::new("InternalFailure", "")),
            PutFault::Entries(positions) if operation.is_batch => positions,
            PutFault::Throttle | PutFault::Entries(_) => return throttled(),
        };
        let taken = self.put(service, entries, &failing)?;
        if taken.iter().any(Result::is_err) && !operation.is_batch {
            return throttled();
        }
        Ok(operation.answer(&taken))
    }

    fn check(&self, operation: Operation, stream: &str, entries: &[Data]) -> Result<(), Failure> {
        let options = &self.shared.options;
        let source = options.source_kinesis_stream_arn.as_deref();
        let is_here = match operation.service {
            Service::Firehose => stream == options.name,
            Service::Kinesis => source.is_some_and(|arn| {
                arn == stream || arn.split_once('/').is_some_and(|(_, name)| name == stream)
            }),
        };
        if !is_here {
            let message = format!("Stream {stream} under account not found.");
            return Err(Failure::new("ResourceNotFoundException", message));
        }
        if operation.service == Service::Firehose && source.is_some() {
            let message = "This operation is not permitted on KinesisStreamAsSource delivery \
                           stream type.";
            return Err(Failure::new("InvalidArgumentException", message));
        }
        // Partition keys count, too.
        let (call_bytes, record_bytes) = match operation.service {
            Service::Firehose => (4 << 20, RECORD_LIMIT_BYTES),
            Service::Kinesis => (5 << 20, 1 << 20),
        };
        if entries.is_empty() || entries.len() > RECORDS_LIMIT {
            return Err(Failure::validation("'records' must have 1 to 500 members"));
        }
        if entries.iter().any(|(data, _)| data.len() > record_bytes) {
            let message = format!("a record's data exceeds {record_bytes} bytes");
            return Err(Failure::validation(&message));
        }
        let key_bytes = |key: &Option<String>| key.as_ref().map_or(0, String::len);
        if operation.service == Service::Kinesis
            && entries.iter().any(|(_, key)| key_bytes(key) == 0)
        {
            return Err(Failure::validation("a partition key is missing"));
        }
        let bytes = entries.iter().map(|(data, key)| data.len() + key_bytes(key));
        if bytes.sum::<usize>() > call_bytes {
            let message = format!("Records size exceeds {call_bytes} bytes limit");
            return Err(Failure::new("InvalidArgumentException", message));
        }
        Ok(())
    }

    /// Puts what does not fail: by a fault, or because the stream is full.
    fn put(
        &self,
        service: Service,
        entries: Vec<Data>,
        failing: &[usize],
    ) -> Result<Vec<Taken>, Failure> {
        let mut records = Vec::new();
        let mut taken = Vec::new();
        for (position, (data, key)) in entries.into_iter().enumerate() {
            let fails = failing.contains(&position);
            let room = if fails { None } else { self.shared.endpoint_room(data.len()) };
            taken.push(match room {
                Some(room) => {
                    let key = key.unwrap_or_else(|| Uuid::new_v4().to_string());
                    let record = self.shared.record(data, key, room);
                    let id = record.sequence_number.clone();
                    records.push(record);
                    Ok(id)
                }
                None => Err(throttling(service)),
            });
        }
        let put = self.shared.put(records, Entrance::Endpoint);
        put.map_err(|error| Failure::new("ServiceUnavailableException", error.to_string()))?;
        Ok(taken)
    }
}

fn operation(target: &str) -> Option<Operation> {
    let (service, is_batch) = match target {
        "Firehose_20150804.PutRecord" => (Service::Firehose, false),
        "Firehose_20150804.PutRecordBatch" => (Service::Firehose, true),
        "Kinesis_20131202.PutRecord" => (Service::Kinesis, false),
        "Kinesis_20131202.PutRecords" => (Service::Kinesis, true),
        _ => return None,
    };
    Some(Operation { service, is_batch })
}

/// The stream's name or ARN, and the records, of a request's body.
fn read(body: &[u8]) -> Result<(String, Vec<Data>), Failure> {
    let call: Call = serde_json::from_slice(body).map_err(|error| {
        Failure::new("SerializationException", format!("the body cannot be read: {error}"))
    })?;
    let stream = call.delivery_stream_name;
    let stream = stream.ok_or_else(|| Failure::validation("the stream's name is missing"))?;
    let partition_key = call.partition_key;
    let single = call.data.map(|data| Entry { data, partition_key }).or(call.record);
    let records = call.records.or(single.map(|record| vec![record]));
    let records = records.ok_or_else(|| Failure::validation("the records are missing"))?;
    let entries = records.into_iter().map(|record| {
        let data = base64_simd::STANDARD.decode_to_vec(record.data);
        let data =
            data.map_err(|_| Failure::new("SerializationException", "data is not base64"))?;
        Ok((data.into(), record.partition_key))
    });
    Ok((stream, entries.collect::<Result<_, Failure>>()?))
}

impl Operation {
    /// The answer to a call that was taken as a whole.
    fn answer(self, entries: &[Taken]) -> Value {
        let failed = entries.iter().filter(|entry| entry.is_err()).count();
        let entry = |taken: &Taken| match (self.service, taken) {
            (Service::Firehose, Ok(id)) => json!({"RecordId": id}),
            (Service::Kinesis, Ok(id)) => json!({"SequenceNumber": id, "ShardId": SHARD}),
            (_, Err((code, message))) => json!({"ErrorCode": code, "ErrorMessage": message}),
        };
        let mut entries: Vec<Value> = entries.iter().map(entry).collect();
        match (self.service, self.is_batch) {
            (Service::Firehose, true) => {
                json!({"FailedPutCount": failed, "Encrypted": false, "RequestResponses": entries})
            }
            (Service::Kinesis, true) => {
                json!({"FailedRecordCount": failed, "EncryptionType": "NONE", "Records": entries})
            }
            (_, false) => entries.pop().unwrap_or_default(),
        }
    }
}

fn throttling(service: Service) -> (&'static str, &'static str) {
    match service {
        Service::Firehose => ("ServiceUnavailableException", "Slow down."),
        Service::Kinesis => (
            "ProvisionedThroughputExceededException",
            "Rate exceeded for shard shardId-000000000000.",
        ),
    }
}
