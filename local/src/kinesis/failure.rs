//! Records that the mapping gives up, and the object that it writes to S3 for them.
//!
//! Source: AWS Lambda developer guide, "Retain discarded batch records for a Kinesis Data Streams event
//! source in Lambda".

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::event::Record;
use crate::clock::utc;
use crate::mapping::payload;

/// Why records were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `MaximumRetryAttempts`
    RetryAttemptsExhausted,
    /// `MaximumRecordAgeInSeconds`. The documentation shows only the other condition; this is its
    /// counterpart.
    RecordAgeExceeded,
}

/// Records of one shard that were given up together.
#[derive(Clone, Debug)]
pub struct Discarded {
    /// The reason.
    pub condition: Condition,
    /// The shard's id.
    pub shard_id: String,
    /// The records, oldest first; at least one.
    pub records: Vec<Arc<Record>>,
    /// Number of invocations with these records.
    pub attempts: u32,
}

/// An object in the destination for discarded records.
#[derive(Debug)]
pub(super) struct FailureObject {
    pub(super) key: String,
    /// The invocation record; in S3 it contains the records, in the member `payload`.
    pub(super) body: Bytes,
}

impl Discarded {
    /// The S3 object of these records at `now_ms`, from the mapping with this id. `random` is the
    /// end of its key, and the request's id.
    pub(super) fn object(
        &self,
        (mapping_id, random): (Uuid, Uuid),
        function_arn: &str,
        stream_arn: &str,
        now_ms: u64,
    ) -> FailureObject {
        let Self { condition, shard_id, records, attempts } = self;
        let time = |ms| utc(ms, "%Y-%m-%dT%H:%M:%S%.3fZ");
        let (first, last) = (records.first(), records.last());
        let number = |record: Option<&Arc<Record>>| {
            record.map(|record| record.sequence_number.clone()).unwrap_or_default()
        };
        let arrival = |record: Option<&Arc<Record>>| {
            time(record.map(|record| record.arrived_ms).unwrap_or_default())
        };
        let event = String::from_utf8_lossy(&payload(records)).into_owned();
        let mut body = json!({
            "requestContext": {
                "requestId": random.to_string(),
                "functionArn": function_arn,
                "condition": format!("{condition:?}"),
                "approximateInvokeCount": attempts,
            },
            "version": "1.0",
            "timestamp": time(now_ms),
            "KinesisBatchInfo": {
                "shardId": shard_id,
                "startSequenceNumber": number(first),
                "endSequenceNumber": number(last),
                "approximateArrivalOfFirstRecord": arrival(first),
                "approximateArrivalOfLastRecord": arrival(last),
                "batchSize": records.len(),
                "streamArn": stream_arn,
            },
            "payload": event,
        });
        if *attempts > 0 {
            body["responseContext"] = json!({
                "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
            });
        }
        let day = utc(now_ms, "%Y/%m/%d/%Y-%m-%dT%H.%M.%S");
        let key = format!("aws/lambda/{mapping_id}/{shard_id}/{day}-{random}");
        FailureObject { key, body: Value::to_string(&body).into() }
    }
}
