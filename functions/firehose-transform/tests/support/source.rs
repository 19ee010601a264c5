//! A scripted source of records: `PutRecordBatch` of Firehose and `PutRecords` of Kinesis.
//!
//! Source: the API references of Amazon Data Firehose and Amazon Kinesis Data Streams.

use base64_simd::STANDARD;
use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply};
use tokio::sync::oneshot;

/// A call that puts records back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Put {
    /// `x-amz-target`: the operation.
    pub(crate) target: String,
    /// `DeliveryStreamName` or `StreamARN`.
    pub(crate) stream: String,
    /// The records' data.
    pub(crate) payloads: Vec<Vec<u8>>,
    /// Their partition keys, for Kinesis.
    pub(crate) partition_keys: Vec<String>,
}

/// The reaction of the source to a call.
#[derive(Default)]
pub(crate) enum Act {
    /// It accepts all records.
    #[default]
    Accept,
    /// It accepts all records except those with these indexes.
    Except(Vec<usize>),
    /// It fails the call with this status and error code.
    Error(u16, &'static str),
    /// It responds with status 200 and this text.
    Text(&'static str),
    /// It does not respond.
    Never,
    /// It accepts all records after this signal.
    AcceptAfter(oneshot::Receiver<()>),
}

/// A source that reacts like this, call by call, and then accepts all records.
pub(crate) async fn source(acts: impl IntoIterator<Item = Act>) -> Endpoint {
    Endpoint::replying(acts, reply).await
}

/// The reply to a call.
fn reply(call: &Call, act: Act) -> Reply {
    let count = call.json()["Records"].as_array().unwrap().len();
    let (taken, list, failures) = match &*call.operation {
        "PutRecordBatch" => ("RecordId", "RequestResponses", "FailedPutCount"),
        "PutRecords" => ("SequenceNumber", "Records", "FailedRecordCount"),
        other => panic!("{other}"),
    };
    let answer = |failed: &[usize]| {
        let entry = |at: usize| {
            if failed.contains(&at) {
                json!({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."})
            } else {
                json!({taken: at.to_string(), "ShardId": "shardId-000000000000"})
            }
        };
        let entries: Vec<_> = (0..count).map(entry).collect();
        Reply::json(200, &json!({failures: failed.len(), list: entries}))
    };
    match act {
        Act::Accept => answer(&[]),
        Act::Except(failed) => answer(&failed),
        Act::Error(status, code) => Reply::aws_error(status, code),
        Act::Text(text) => Reply::new(200, "application/x-amz-json-1.1", text),
        Act::Never => Reply::Never,
        Act::AcceptAfter(released) => answer(&[]).after(released),
    }
}

/// The calls so far.
pub(crate) fn puts(endpoint: &Endpoint) -> Vec<Put> {
    let put = |call: Call| {
        let body = call.json();
        let stream = body.get("DeliveryStreamName").unwrap_or(&body["StreamARN"]);
        let records = body["Records"].as_array().unwrap();
        let payload = |record: &Value| STANDARD.decode_to_vec(record["Data"].as_str().unwrap());
        let key = |record: &Value| record["PartitionKey"].as_str().map(str::to_owned);
        Put {
            target: call.headers["x-amz-target"].to_str().unwrap().to_owned(),
            stream: stream.as_str().unwrap().to_owned(),
            payloads: records.iter().map(|record| payload(record).unwrap()).collect(),
            partition_keys: records.iter().filter_map(key).collect(),
        }
    };
    endpoint.calls().into_iter().map(put).collect()
}

/// The payloads of each call so far.
pub(crate) fn calls(endpoint: &Endpoint) -> Vec<Vec<Vec<u8>>> {
    puts(endpoint).into_iter().map(|put| put.payloads).collect()
}
