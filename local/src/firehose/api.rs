//! The stream's endpoint, to which the function puts records back, with the AWS JSON 1.1 protocol.
//!
//! Sources: the API references of Amazon Data Firehose (`PutRecordBatch`) and of Amazon Kinesis
//! Data Streams (`PutRecords`).

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
use super::state::Shared;
use crate::aws_json::{self, Failure, Version};
use crate::server::read_body;

/// Maximum size of a request, in bytes: more than the base64 of what the services allow.
const BODY_LIMIT_BYTES: usize = 16 << 20;

/// Maximum number of records of a call, for both services. Source: their API references.
const RECORDS_LIMIT: usize = 500;

/// The endpoint of one stream.
#[derive(Debug)]
pub(super) struct Api {
    shared: Arc<Shared>,
    calls: AtomicU64,
}

/// The members of a call of either service.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Call {
    #[serde(alias = "StreamName", alias = "StreamARN")]
    delivery_stream_name: Option<String>,
    records: Option<Vec<Entry>>,
}

/// One record of a call.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    /// Base64.
    data: String,
    #[serde(default)]
    partition_key: String,
}

type Data = (Bytes, String);

impl Api {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, calls: AtomicU64::new(0) }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match self.answered(request).await {
            Ok(body) => aws_json::answer(Version::V1_1, &body),
            Err(failure) => failure.response(Version::V1_1),
        }
    }

    async fn answered(&self, request: Request<Incoming>) -> Result<Value, Failure> {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        let service = match target.filter(|_| request.method() == Method::POST) {
            Some("Firehose_20150804.PutRecordBatch") => Service::Firehose,
            Some("Kinesis_20131202.PutRecords") => Service::Kinesis,
            _ => return Err(Failure::new("UnknownOperationException", "no such operation here")),
        };
        let body = read_body(request.into_body(), BODY_LIMIT_BYTES).await.map_err(|_| {
            Failure::new("SerializationException", "the body broke off or is too large")
        })?;
        let (stream, entries) = read(&body)?;
        self.check(service, &stream, &entries)?;

        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let put_call = PutCall { service, number, records: entries.len() };
        let failing = match self.shared.options.put_faults.of(&put_call) {
            PutFault::None => Vec::new(),
            PutFault::Deny => {
                let message = "the caller is not authorized to perform this action";
                return Err(Failure::new("AccessDeniedException", message));
            }
            PutFault::Fail => return Err(Failure::new("InternalFailure", "")),
            PutFault::Entries(positions) => positions,
            PutFault::Throttle => {
                let (error_type, message) = throttling(service);
                return Err(Failure::new(error_type, message));
            }
        };
        self.put(service, entries, &failing)
    }

    fn check(&self, service: Service, stream: &str, entries: &[Data]) -> Result<(), Failure> {
        let options = &self.shared.options;
        let source = options.source_kinesis_stream_arn.as_deref();
        let is_here = match service {
            // A stream that reads from Kinesis does not accept direct puts.
            Service::Firehose => stream == options.name && source.is_none(),
            Service::Kinesis => source.is_some_and(|arn| {
                arn == stream || arn.split_once('/').is_some_and(|(_, name)| name == stream)
            }),
        };
        if !is_here {
            let message = format!("Stream {stream} under account not found.");
            return Err(Failure::new("ResourceNotFoundException", message));
        }
        // Partition keys count, too.
        let (call_bytes, record_bytes) = match service {
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
        if service == Service::Kinesis && entries.iter().any(|(_, key)| key.is_empty()) {
            return Err(Failure::validation("a partition key is missing"));
        }
        if entries.iter().map(|(data, key)| data.len() + key.len()).sum::<usize>() > call_bytes {
            let message = format!("Records size exceeds {call_bytes} bytes limit");
            return Err(Failure::new("InvalidArgumentException", message));
        }
        Ok(())
    }

    /// Puts all entries except the failing ones, and answers the call.
    fn put(
        &self,
        service: Service,
        entries: Vec<Data>,
        failing: &[usize],
    ) -> Result<Value, Failure> {
        let (code, message) = throttling(service);
        let (mut records, mut answers) = (Vec::new(), Vec::new());
        for (position, (data, key)) in entries.into_iter().enumerate() {
            if failing.contains(&position) {
                answers.push(json!({"ErrorCode": code, "ErrorMessage": message}));
                continue;
            }
            let key = if key.is_empty() { Uuid::new_v4().to_string() } else { key };
            let record = self.shared.record(data, key);
            let id = &record.sequence_number;
            answers.push(match service {
                Service::Firehose => json!({"RecordId": id}),
                Service::Kinesis => {
                    json!({"SequenceNumber": id, "ShardId": "shardId-000000000000"})
                }
            });
            records.push(record);
        }
        let failed = answers.len() - records.len();
        let put = self.shared.put(records, |report| &mut report.reingested);
        put.map_err(|error| Failure::new("ServiceUnavailableException", error.to_string()))?;
        Ok(match service {
            Service::Firehose => {
                json!({"FailedPutCount": failed, "Encrypted": false, "RequestResponses": answers})
            }
            Service::Kinesis => {
                json!({"FailedRecordCount": failed, "EncryptionType": "NONE", "Records": answers})
            }
        })
    }
}

fn read(body: &[u8]) -> Result<(String, Vec<Data>), Failure> {
    let call: Call = serde_json::from_slice(body).map_err(|error| {
        Failure::new("SerializationException", format!("the body cannot be read: {error}"))
    })?;
    let stream = call.delivery_stream_name;
    let stream = stream.ok_or_else(|| Failure::validation("the stream's name is missing"))?;
    let records = call.records.ok_or_else(|| Failure::validation("the records are missing"))?;
    let entries = records.into_iter().map(|record| {
        let data = base64_simd::STANDARD.decode_to_vec(record.data);
        let data =
            data.map_err(|_| Failure::new("SerializationException", "data is not base64"))?;
        Ok((data.into(), record.partition_key))
    });
    Ok((stream, entries.collect::<Result<_, Failure>>()?))
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
