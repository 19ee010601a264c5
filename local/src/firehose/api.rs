//! The stream's endpoint: where the function puts records back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;

use super::aws_json::{Call, Entry, Operation, Taken, VERSION, answer};
use super::state::{Entrance, Shared};
use super::{PutCall, PutFault, RECORD_LIMIT_BYTES, Service};
use crate::aws_json::Failure;
use crate::identifier::uuid;
use crate::server::read_body;

/// Largest request that is read, in bytes: more than base64 makes of what the services allow.
const BODY_LIMIT_BYTES: usize = 16 << 20;

/// What the services allow in one call of their batch operation. Source: their API references.
struct Limits {
    records: usize,
    call_bytes: usize,
    record_bytes: usize,
}

impl Limits {
    fn of(service: Service) -> Self {
        match service {
            Service::Firehose => {
                Self { records: 500, call_bytes: 4 << 20, record_bytes: RECORD_LIMIT_BYTES }
            }
            // Partition keys count, too.
            Service::Kinesis => Self { records: 500, call_bytes: 5 << 20, record_bytes: 1 << 20 },
        }
    }
}

/// The endpoint of one stream.
#[derive(Debug)]
pub(super) struct Api {
    shared: Arc<Shared>,
    calls: AtomicU64,
}

impl Api {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, calls: AtomicU64::new(0) }
    }

    /// Answers one request.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let answered = self.answered(request).await;
        answered.unwrap_or_else(|failure| failure.response(VERSION))
    }

    async fn answered(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Failure> {
        let target = request.headers().get("x-amz-target");
        let operation = target
            .and_then(|target| target.to_str().ok())
            .and_then(Operation::from_target)
            .filter(|_| request.method() == Method::POST)
            .ok_or_else(|| Failure::new("UnknownOperationException", "no such operation here"))?;
        let body = read_body(request.into_body(), BODY_LIMIT_BYTES).await.map_err(|_| {
            Failure::new("SerializationException", "the body broke off or is too large")
        })?;
        let call = Call::read(operation, &body)?;
        self.check(operation, &call)?;

        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let records = call.entries.len();
        let put_call = PutCall { service: operation.service, number, records };
        let failing = match self.shared.options.put_faults.of(&put_call) {
            PutFault::None => Vec::new(),
            PutFault::Deny => {
                let message = "the caller is not authorized to perform this action";
                return Err(Failure::new("AccessDeniedException", message));
            }
            PutFault::Throttle => return Err(throttled(operation.service)),
            PutFault::Fail => return Err(Failure::new("InternalFailure", "")),
            PutFault::Entries(_) if !operation.is_batch => {
                return Err(throttled(operation.service));
            }
            PutFault::Entries(positions) => positions,
        };
        let taken = self.put(operation.service, call.entries, &failing)?;
        if let ([Err(_)], false) = (&taken[..], operation.is_batch) {
            return Err(throttled(operation.service));
        }
        Ok(answer(operation, &taken))
    }

    fn check(&self, operation: Operation, call: &Call) -> Result<(), Failure> {
        let options = &self.shared.options;
        let source = options.source_kinesis_stream_arn.as_deref();
        let is_here = match operation.service {
            Service::Firehose => call.stream == options.name,
            Service::Kinesis => source.is_some_and(|arn| {
                arn == call.stream
                    || arn.split_once('/').is_some_and(|(_, name)| name == call.stream)
            }),
        };
        if !is_here {
            let message = format!("Stream {} under account not found.", call.stream);
            return Err(Failure::new("ResourceNotFoundException", message));
        }
        if operation.service == Service::Firehose && source.is_some() {
            let message = "This operation is not permitted on KinesisStreamAsSource delivery \
                           stream type.";
            return Err(Failure::new("InvalidArgumentException", message));
        }
        let limits = Limits::of(operation.service);
        if call.entries.is_empty() || call.entries.len() > limits.records {
            return Err(Failure::validation("'records' must have 1 to 500 members"));
        }
        if call.entries.iter().any(|entry| entry.data.len() > limits.record_bytes) {
            let message = format!("a record's data exceeds {} bytes", limits.record_bytes);
            return Err(Failure::validation(&message));
        }
        if operation.service == Service::Kinesis
            && call
                .entries
                .iter()
                .any(|entry| entry.partition_key.as_deref().is_none_or(str::is_empty))
        {
            return Err(Failure::validation("a partition key is missing"));
        }
        let key_bytes = |entry: &Entry| entry.partition_key.as_ref().map_or(0, String::len);
        let bytes = |entry: &Entry| entry.data.len() + key_bytes(entry);
        if call.entries.iter().map(bytes).sum::<usize>() > limits.call_bytes {
            let message = format!("Records size exceeds {} bytes limit", limits.call_bytes);
            return Err(Failure::new("InvalidArgumentException", message));
        }
        Ok(())
    }

    /// Puts what does not fail: by a fault, or because the stream is full.
    fn put(
        &self,
        service: Service,
        entries: Vec<Entry>,
        failing: &[usize],
    ) -> Result<Vec<Taken>, Failure> {
        let mut records = Vec::new();
        let mut taken = Vec::new();
        for (position, Entry { data, partition_key }) in entries.into_iter().enumerate() {
            let room = (!failing.contains(&position))
                .then(|| self.shared.endpoint_room(data.len()))
                .flatten();
            taken.push(match room {
                Some(room) => {
                    let key = partition_key.unwrap_or_else(uuid);
                    let record = self.shared.record(data, key, room);
                    let id = record.sequence_number.clone();
                    records.push(record);
                    Ok(id)
                }
                None => Err(throttling(service)),
            });
        }
        self.shared
            .put(records, Entrance::Endpoint)
            .map_err(|error| Failure::new("ServiceUnavailableException", error.to_string()))?;
        Ok(taken)
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

fn throttled(service: Service) -> Failure {
    let (error_type, message) = throttling(service);
    Failure::new(error_type, message)
}
