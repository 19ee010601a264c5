//! The mapping in real time, with a function that follows a script.

use std::sync::Arc;
use std::time::Duration;

use local::kinesis::{EventSourceMapping, EventSourceMappingOptions, OnFailure, SharedStream};
use local::runtime_api::InvokeError;
use local::s3;
use serde_json::{Value, json};
use testkit::Script;

use super::data;

fn options() -> EventSourceMappingOptions {
    EventSourceMappingOptions {
        poll_interval: Duration::from_millis(1),
        ..EventSourceMappingOptions::default()
    }
}

fn failed() -> InvokeError {
    InvokeError::Function { error_type: "InvalidEvent".to_owned(), message: "as told".to_owned() }
}

#[tokio::test]
async fn every_record_is_handed_on_through_a_failure_a_partial_answer_a_split_and_a_lost_place() {
    let stream = SharedStream::new("s", 2);
    for number in 0..20 {
        stream.put(&number.to_string(), format!("before {number}"));
    }
    let function = Script::new(|event, number| match number {
        0 => Err(failed()),
        1 => panic!("as told"),
        2 => Ok(json!({"batchItemFailures": [
            {"itemIdentifier": event["Records"][1]["kinesis"]["sequenceNumber"]},
        ]})),
        3 => Ok(json!({"batchItemFailures": [{"itemIdentifier": ""}]})),
        _ => Ok(Value::Null),
    });
    let mapping = EventSourceMapping::start(options(), stream.clone(), function.clone(), None);
    let report = mapping.until_up_to_date().await;
    assert_eq!((report.done, report.read), (20, 20));
    assert_eq!((report.failed_invocations, report.partial_answers), (3, 1));
    stream.split_evenly(0).unwrap();
    for number in 20..30 {
        stream.put(&number.to_string(), format!("after {number}"));
    }
    mapping.until_up_to_date().await;
    mapping.lose_place(1, 0);
    mapping.until_up_to_date().await;
    let report = mapping.stop().await;
    let again = stream.with(|stream| stream.shards()[1].records().len()) as u64;
    assert_eq!((report.done, report.read), (30 + again, 30 + again));
    assert_eq!((report.in_hand, report.discarded, report.left), (0, 0, 0));
    assert_eq!(report.done_ms.len(), 30, "each once");
    assert!(report.done_ms.iter().all(|(arrived_ms, done_ms)| arrived_ms <= done_ms));
    assert_eq!(report.invocation_durations.len() as u64, report.invocations);
    let mut found: Vec<_> = function.events().iter().flat_map(data).collect();
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 30);
}

#[tokio::test]
async fn what_is_given_up_is_left_as_an_object_with_its_records() {
    let stream = SharedStream::new("s", 1);
    let s3 = Arc::new(s3::Embedded::start().await.unwrap());
    let on_failure = OnFailure { s3: Arc::clone(&s3), bucket: "backup".to_owned() };
    let puts = ["one", "two"].map(|text| stream.put("a", text));
    let options = EventSourceMappingOptions { maximum_retry_attempts: Some(0), ..options() };
    let function = Script::new::<String>(|_, _| Err(failed()));
    let mapping =
        EventSourceMapping::start(options, stream.clone(), function.clone(), Some(on_failure));
    let report = mapping.until_up_to_date().await;
    assert_eq!((report.failed_invocations, report.done), (1, 0));
    assert_eq!(mapping.until(|report| report.discarded == 2).await.in_hand, 0);
    mapping.stop().await;
    let objects = s3.objects("backup");
    let [(key, body)] = &objects.iter().collect::<Vec<_>>()[..] else { panic!("{objects:?}") };
    let mut body: Value = serde_json::from_slice(body).unwrap();
    let segments: Vec<_> = key.split('/').collect();
    let ["aws", "lambda", mapping_id, "shardId-000000000000", _, _, _, name] = segments[..] else {
        panic!("{key}")
    };
    assert_eq!(mapping_id.len(), 36, "a UUID");
    let timestamp = body["timestamp"].take();
    // 2024-03-01T12:35:00.123Z, and 2024-03-01T12.35.00 with a UUID in the key.
    let time = timestamp.as_str().unwrap()[..19].replace(':', ".");
    let request_id = body["requestContext"]["requestId"].take();
    assert_eq!(name, format!("{time}-{}", request_id.as_str().unwrap()));
    assert_eq!(key[key.len() - name.len() - 11..][..10], time[..10].replace('-', "/"));
    let payload: Value = serde_json::from_str(body["payload"].take().as_str().unwrap()).unwrap();
    assert_eq!(payload, function.events()[0]);
    let info = &mut body["KinesisBatchInfo"];
    for name in ["approximateArrivalOfFirstRecord", "approximateArrivalOfLastRecord"] {
        assert!(info[name].take().as_str().unwrap() <= timestamp.as_str().unwrap());
    }
    let expected = json!({
        "requestContext": {
            "requestId": null,
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:function",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 1,
        },
        "responseContext": {
            "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": null,
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000000",
            "startSequenceNumber": puts[0].sequence_number,
            "endSequenceNumber": puts[1].sequence_number,
            "approximateArrivalOfFirstRecord": null,
            "approximateArrivalOfLastRecord": null,
            "batchSize": 2,
            "streamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
        },
        "payload": null,
    });
    assert_eq!(body, expected);
}
