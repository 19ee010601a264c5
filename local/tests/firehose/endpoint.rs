//! The stream's own API: putting records back, limits and faults.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local::firehose::{
    DeliveryStreamOptions, PutCall, PutFault, PutFaults, RECORD_LIMIT_BYTES, Service,
};
use local::runtime_api::{Invoke, InvokeError};
use serde_json::{Value, json};
use testkit::Script;

use crate::script::{answered, batches, data, each, echo, records};
use crate::sink::Sink;
use crate::{base64, objects, options, put, started};

const PUT_RECORD_BATCH: &str = "Firehose_20150804.PutRecordBatch";
const PUT_RECORDS: &str = "Kinesis_20131202.PutRecords";

async fn post(url: &str, target: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(url)
        .header("x-amz-target", target)
        .body(Full::<Bytes>::from(body.to_string()))
        .unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.1");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

fn batch(records: &[&str]) -> Value {
    let records: Vec<Value> = records.iter().map(|data| json!({"Data": base64(data)})).collect();
    json!({"DeliveryStreamName": "music", "Records": records})
}

/// Puts every record back into the stream once, as `{"again":…}`.
#[derive(Clone)]
struct PutsBack {
    endpoint: Arc<OnceLock<String>>,
    then: Script,
}

impl Invoke for PutsBack {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let request: Value = serde_json::from_slice(&payload).unwrap();
        let again: Vec<String> = records(&request)
            .iter()
            .map(data)
            .filter(|data| !data.contains("again"))
            .map(|data| format!("{{\"again\":{data}}}"))
            .collect();
        if !again.is_empty() {
            let again: Vec<&str> = again.iter().map(String::as_str).collect();
            let url = self.endpoint.get().unwrap();
            let (status, answer) = post(url, PUT_RECORD_BATCH, &batch(&again)).await;
            assert_eq!((status, &answer["FailedPutCount"]), (200, &json!(0)));
        }
        self.then.invoke(payload).await
    }
}

#[tokio::test]
async fn records_that_are_put_back_come_again_before_a_flush_ends() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let then = each(|data| {
        if data.contains("again") { answered("Ok", Some(data)) } else { answered("Dropped", None) }
    });
    let function = PutsBack { endpoint: Arc::default(), then: then.clone() };
    // No room at all: putting records back must not wait for it.
    let options = DeliveryStreamOptions { buffered_bytes: 1, ..options(&backup) };
    let stream = started(options, function.clone(), &sink).await;
    function.endpoint.set(stream.endpoint()).unwrap();
    put(&stream, &["1", "2", "3"]).await;
    let report = stream.flush().await.unwrap();
    assert_eq!((report.put, report.reingested), (3, 3));
    assert_eq!((report.dropped, report.ok, report.delivered, report.in_flight), (3, 3, 3, 0));
    assert_eq!(report.unaccounted(), 0);
    assert_eq!(sink.documents(), ["{\"again\":1}", "{\"again\":2}", "{\"again\":3}"]);
    assert_eq!(batches(&then).iter().sum::<usize>(), 6);
    let ids: std::collections::HashSet<String> = then
        .events()
        .iter()
        .flat_map(|request| records(request).to_vec())
        .map(|record| record["recordId"].to_string())
        .collect();
    assert_eq!(ids.len(), 6, "a record that is put back is a new one");
    assert_eq!(objects(backup.path()), [""; 0]);
}

#[tokio::test]
async fn a_kinesis_source_takes_records_of_kinesis_only() {
    let (backup, sink, function) = (tempfile::tempdir().unwrap(), Sink::open().await, echo());
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/plays";
    let source_kinesis_stream_arn = Some(arn.to_owned());
    let options = DeliveryStreamOptions { source_kinesis_stream_arn, ..options(&backup) };
    let stream = started(options, function.clone(), &sink).await;
    let url = stream.endpoint();
    let record = json!({"Data": base64("{}"), "PartitionKey": "key"});
    for stream in [json!({"StreamARN": arn}), json!({"StreamName": "plays"})] {
        let mut body = stream;
        body["Records"] = json!([record]);
        let (status, answer) = post(&url, PUT_RECORDS, &body).await;
        assert_eq!((status, &answer["FailedRecordCount"]), (200, &json!(0)));
        let entry = &answer["Records"][0];
        assert_eq!(entry["ShardId"], "shardId-000000000000");
        assert_eq!(entry["SequenceNumber"].as_str().unwrap().len(), 56);
    }
    stream.flush().await.unwrap();
    let keys: Vec<Value> = records(&function.events()[0])
        .iter()
        .map(|record| record["kinesisRecordMetadata"]["partitionKey"].clone())
        .collect();
    assert_eq!(keys, ["key", "key"]);

    let (status, answer) = post(&url, PUT_RECORD_BATCH, &batch(&["{}"])).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("ResourceNotFoundException")));
    let other = json!({"StreamName": "other", "Records": [record]});
    let (status, answer) = post(&url, PUT_RECORDS, &other).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("ResourceNotFoundException")));
    let no_key = json!({"StreamName": "plays", "Records": [{"Data": ""}]});
    let (status, answer) = post(&url, PUT_RECORDS, &no_key).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("ValidationException")));
}

#[tokio::test]
async fn the_limits_of_a_call_are_those_of_the_service() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let processor_buffer_bytes = 64 << 20;
    let options = DeliveryStreamOptions { processor_buffer_bytes, ..options(&backup) };
    let stream = started(options, echo(), &sink).await;
    let url = stream.endpoint();
    // Generated as base64 directly, because large texts are slow in tests.
    let record = |bytes: usize| {
        let rest = base64(&"x".repeat(bytes % 3));
        json!({"Data": format!("{}{rest}", "eHh4".repeat(bytes / 3))})
    };
    let rest = (4 << 20) - 4 * RECORD_LIMIT_BYTES;
    let call_of = |last| {
        let largest = record(RECORD_LIMIT_BYTES);
        vec![largest.clone(), largest.clone(), largest.clone(), largest, record(last)]
    };
    for (records, expected) in [
        (vec![record(2); 500], None),
        (vec![record(2); 501], Some("ValidationException")),
        (vec![], Some("ValidationException")),
        (vec![record(RECORD_LIMIT_BYTES + 1)], Some("ValidationException")),
        (call_of(rest), None),
        (call_of(rest + 1), Some("InvalidArgumentException")),
    ] {
        let call = json!({"DeliveryStreamName": "music", "Records": records});
        let (status, answer) = post(&url, PUT_RECORD_BATCH, &call).await;
        assert_eq!(status, if expected.is_none() { 200 } else { 400 }, "{answer}");
        assert_eq!(answer["__type"].as_str(), expected);
    }
    // The script would read megabytes; the report is enough.
    assert_eq!(stream.report().reingested, 500 + 5);
}

#[tokio::test]
async fn calls_that_make_no_sense_are_refused() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let stream = started(options(&backup), echo(), &sink).await;
    let url = stream.endpoint();
    let good = batch(&["{}"]);
    for (target, body, expected) in [
        ("Firehose_20150804.DeleteDeliveryStream", good.clone(), "UnknownOperationException"),
        (
            PUT_RECORD_BATCH,
            json!({"DeliveryStreamName": "other", "Records": [{"Data": ""}]}),
            "ResourceNotFoundException",
        ),
        (PUT_RECORDS, json!({"StreamName": "music", "Records": []}), "ResourceNotFoundException"),
        (PUT_RECORD_BATCH, json!({"DeliveryStreamName": "music"}), "ValidationException"),
        (PUT_RECORD_BATCH, json!({"Records": []}), "ValidationException"),
        (PUT_RECORD_BATCH, json!("?"), "SerializationException"),
        (
            PUT_RECORD_BATCH,
            json!({"DeliveryStreamName": "music", "Records": [{"Data": "***"}]}),
            "SerializationException",
        ),
    ] {
        let (status, answer) = post(&url, target, &body).await;
        assert_eq!((status, &answer["__type"]), (400, &json!(expected)), "{body}");
    }
    assert_eq!(stream.report().reingested, 0);
}

#[tokio::test]
async fn calls_and_entries_fail_as_a_test_says() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let put_faults = PutFaults::new(|call: &PutCall| {
        assert_eq!((call.service, call.records), (Service::Firehose, 3));
        match call.number {
            0 => PutFault::Deny,
            1 => PutFault::Throttle,
            2 => PutFault::Fail,
            3 => PutFault::Entries(vec![0, 2]),
            _ => PutFault::None,
        }
    });
    let options = DeliveryStreamOptions { put_faults, ..options(&backup) };
    let stream = started(options, echo(), &sink).await;
    let url = stream.endpoint();
    let body = batch(&["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]);
    for (status, error_type) in [
        (400, "AccessDeniedException"),
        (503, "ServiceUnavailableException"),
        (500, "InternalFailure"),
    ] {
        let (answered, answer) = post(&url, PUT_RECORD_BATCH, &body).await;
        assert_eq!((answered, &answer["__type"]), (status, &json!(error_type)));
    }
    let (status, answer) = post(&url, PUT_RECORD_BATCH, &body).await;
    assert_eq!((status, &answer["FailedPutCount"]), (200, &json!(2)));
    let failed = json!({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."});
    assert_eq!(answer["RequestResponses"][0], failed);
    assert_eq!(answer["RequestResponses"][2], failed);
    assert_eq!(answer["RequestResponses"][1]["RecordId"].as_str().unwrap().len(), 56);
    assert_eq!(stream.flush().await.unwrap().reingested, 1);
    assert_eq!(sink.documents(), ["{\"a\":2}"]);
}
