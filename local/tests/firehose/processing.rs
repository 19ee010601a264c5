//! The requests to the function, and the effects of its answers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use local::firehose::{Clock, DeliveryStreamOptions};
use local::runtime_api::{Function, FunctionOptions, Invoke, InvokeError};
use serde_json::{Value, json};
use testkit::Script;

use crate::script::{answer_each, answered, each, echo, records};
use crate::sink::Sink;
use crate::{ARRIVAL_MS, base64, lines, objects, options, put, started};

fn failed() -> InvokeError {
    InvokeError::Timeout { after: Duration::from_mins(1) }
}

#[tokio::test]
async fn a_request_is_that_of_a_direct_put_stream() {
    let (backup, sink, function) = (tempfile::tempdir().unwrap(), Sink::open().await, echo());
    let stream = started(options(&backup), function.clone(), &sink).await;
    put(&stream, &["{\"a\":1}", "{}"]).await;
    stream.flush().await.unwrap();
    let request = &function.events()[0];
    let arn = "arn:aws:firehose:us-east-1:123456789012:deliverystream/music";
    assert_eq!(request["deliveryStreamArn"], arn);
    assert_eq!(request["region"], "us-east-1");
    assert_eq!(request["sourceKinesisStreamArn"], Value::Null);
    let ids: Vec<&str> =
        records(request).iter().map(|record| record["recordId"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| id.len() == 62), "{ids:?}");
    assert_ne!(ids[0], ids[1]);
    let expected = ["{\"a\":1}", "{}"].into_iter().zip(&ids).map(|(data, id)| {
        json!({"recordId": id, "approximateArrivalTimestamp": ARRIVAL_MS, "data": base64(data)})
    });
    assert_eq!(records(request), expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_request_of_a_kinesis_stream_has_its_metadata() {
    let (backup, sink, function) = (tempfile::tempdir().unwrap(), Sink::open().await, echo());
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/plays".to_owned();
    let options =
        DeliveryStreamOptions { source_kinesis_stream_arn: Some(arn.clone()), ..options(&backup) };
    let stream = started(options, function.clone(), &sink).await;
    stream.put_record_with_key("{}", "user-\"7\"").await.unwrap();
    stream.flush().await.unwrap();
    let request = &function.events()[0];
    assert_eq!(request["sourceKinesisStreamArn"], arn);
    let record = &records(request)[0];
    let sequence_number = record["recordId"].as_str().unwrap().strip_suffix("000000");
    let expected = json!({
        "shardId": "shardId-000000000000",
        "partitionKey": "user-\"7\"",
        "approximateArrivalTimestamp": ARRIVAL_MS,
        "sequenceNumber": sequence_number,
        "subsequenceNumber": ""
    });
    assert_eq!(record["kinesisRecordMetadata"], expected);
}

#[tokio::test]
async fn ok_is_delivered_dropped_is_gone_and_failed_is_backed_up_as_it_was_put() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let function = each(|data| match data {
        "drop" => answered("Dropped", None),
        // With other data, and without.
        "fail" => answered("ProcessingFailed", Some("something else")),
        "fail, too" => answered("ProcessingFailed", None),
        _ => answered("Ok", Some("{\"made\":true}")),
    });
    let stream = started(options(&backup), function, &sink).await;
    put(&stream, &["ok", "drop", "fail", "fail, too"]).await;
    let report = stream.flush().await.unwrap();
    assert_eq!((report.put, report.ok, report.dropped), (4, 1, 1));
    assert_eq!((report.delivered, report.processing_failed, report.invocation_failed), (1, 2, 0));
    assert_eq!((report.invocations, report.failed_invocations), (1, 0));
    assert_eq!((report.in_flight, report.unaccounted()), (0, 0));
    assert_eq!(sink.documents(), ["{\"made\":true}"]);

    let line = |data: &str| {
        json!({
            "attemptsMade": 1,
            "arrivalTimestamp": ARRIVAL_MS,
            "errorCode": "Lambda.ProcessingFailedStatus",
            "errorMessage": "ProcessingFailed status set for record",
            "attemptEndingTimestamp": ARRIVAL_MS,
            "rawData": base64(data),
            "lambdaArn":
                "arn:aws:lambda:us-east-1:123456789012:function:firehose-transform:$LATEST"
        })
    };
    assert_eq!(lines(backup.path()), [line("fail"), line("fail, too")]);
    let objects = objects(backup.path());
    let name = objects[0].strip_prefix("processing-failed/2024/03/01/12/").unwrap();
    let uuid = name.strip_prefix("music-1-2024-03-01-12-34-56-").unwrap();
    assert_eq!(uuid.len(), 36);
}

#[tokio::test]
async fn a_failed_invocation_is_tried_again_with_the_same_records() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let function = Script::new(|request, number| match number {
        0..3 => Err(failed()),
        _ => Ok(answer_each(request, |data| answered("Ok", Some(data)))),
    });
    let stream = started(options(&backup), function.clone(), &sink).await;
    put(&stream, &["{\"a\":1}", "{\"a\":2}"]).await;
    let report = stream.flush().await.unwrap();
    assert_eq!((report.invocations, report.failed_invocations), (4, 3));
    assert_eq!((report.ok, report.delivered, report.invocation_failed), (2, 2, 0));
    let requests = function.events();
    assert!(requests.iter().all(|request| request["records"] == requests[0]["records"]));
    let ids: HashSet<String> =
        requests.iter().map(|request| request["invocationId"].to_string()).collect();
    assert_eq!(ids.len(), 4, "every try has its own id");
}

#[tokio::test]
async fn a_batch_whose_every_try_fails_is_backed_up() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let function = Script::new::<String>(|_, _| Err(failed()));
    let stream = started(options(&backup), function.clone(), &sink).await;
    put(&stream, &["one", "two"]).await;
    let report = stream.flush().await.unwrap();
    assert_eq!((report.invocations, report.failed_invocations), (4, 4));
    assert_eq!((report.invocation_failed, report.processing_failed), (2, 0));
    assert_eq!(report.unaccounted(), 0);
    let lines = lines(backup.path());
    assert_eq!(lines.len(), 2);
    for (line, data) in lines.iter().zip(["one", "two"]) {
        assert_eq!(line["attemptsMade"], 4);
        assert_eq!(line["errorCode"], "Lambda.FunctionError");
        assert_eq!(
            line["errorMessage"],
            "The Lambda function was successfully invoked but it returned an error result."
        );
        assert_eq!(line["rawData"], base64(data));
    }
}

/// A function that always returns this answer.
struct Says(String);

impl Invoke for Says {
    async fn invoke(&self, _: Bytes) -> Result<Bytes, InvokeError> {
        Ok(self.0.clone().into())
    }
}

#[tokio::test]
async fn a_wrong_answer_is_final() {
    let json = "Lambda.JsonProcessingException";
    let format = "Lambda.FunctionError";
    let of = |record: &str| format!(r#"{{"records":[{record}]}}"#);
    let answers = ["", "null", "[]", "{}", r#"{"records":null}"#, r#"{"records":[]} and more"#];
    let answers = answers.map(|answer| (answer.to_owned(), json)).into_iter().chain([
        (of(""), "Lambda.MissingRecordId"),
        (of(r#"{"result":"Ok","data":""}"#), json),
        (of(r#"{"recordId":1,"result":"Ok","data":""}"#), json),
        (of(r#"{"recordId":"1","data":""}"#), json),
        (of(r#"{"recordId":"1","result":"ok","data":""}"#), format),
        (of(r#"{"recordId":"1","result":"Ok"}"#), format),
        (of(r#"{"recordId":"1","result":"Ok","data":"e30"}"#), format),
        (of(r#"{"recordId":"1","result":"Dropped","data":"*"}"#), format),
        (of(r#"{"recordId":"9","result":"Ok","data":"e3 0="}"#), format),
    ]);
    for (answer, code) in answers {
        let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
        let stream = started(options(&backup), Says(answer), &sink).await;
        put(&stream, &["one"]).await;
        let report = stream.flush().await.unwrap();
        assert_eq!((report.invocations, report.failed_invocations), (1, 1), "{code}");
        assert_eq!((report.invocation_failed, report.unaccounted()), (1, 0), "{code}");
        let line = &lines(backup.path())[0];
        assert_eq!((&line["errorCode"], &line["attemptsMade"]), (&json!(code), &json!(1)));
        assert_eq!(line["rawData"], base64("one"));
    }
}

#[tokio::test]
async fn a_record_that_the_answer_misses_or_doubles_fails_alone() {
    for (is_doubled, code) in
        [(false, "Lambda.MissingRecordId"), (true, "Lambda.DuplicatedRecordId")]
    {
        let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
        let function = Script::new(move |request, _| {
            let mut answer = answer_each(request, |data| answered("Ok", Some(data)));
            let records = answer["records"].as_array_mut().unwrap();
            if is_doubled {
                records.extend([records[1].clone(), records[1].clone()]);
            } else {
                records[1]["recordId"] = "of another batch".into();
            }
            // In any order.
            records.reverse();
            Ok(answer)
        });
        let stream = started(options(&backup), function, &sink).await;
        put(&stream, &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]).await;
        let report = stream.flush().await.unwrap();
        assert_eq!((report.ok, report.delivered, report.invocation_failed), (2, 2, 1));
        assert_eq!(report.failed_invocations, 1);
        assert_eq!(sink.documents(), ["{\"a\":1}", "{\"a\":3}"]);
        let lines = lines(backup.path());
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (&lines[0]["errorCode"], &lines[0]["rawData"]),
            (&json!(code), &json!(base64("{\"a\":2}")))
        );
    }
}

#[tokio::test]
async fn a_panic_of_the_script_is_a_failed_invocation() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let function = Script::new::<String>(|request, _| {
        assert_eq!(records(request).len(), 0, "this panic is part of the test");
        Err(failed())
    });
    let stream = started(options(&backup), function, &sink).await;
    put(&stream, &["{}"]).await;
    let report = stream.flush().await.unwrap();
    assert_eq!((report.invocations, report.invocation_failed), (4, 1));
}

#[tokio::test]
async fn a_real_function_is_invoked() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let function = FunctionOptions::new("scripted", env!("CARGO_BIN_EXE_scripted-function"));
    let function = Function::start(function).await.unwrap();
    let stream = started(options(&backup), function.clone(), &sink).await;
    put(&stream, &["{}"]).await;
    let report = stream.flush().await.unwrap();
    // The function returns the request, whose records have no result.
    assert_eq!(lines(backup.path())[0]["errorCode"], "Lambda.JsonProcessingException");
    assert_eq!(report.invocation_failed, 1);
    function.stop().await;
}

#[tokio::test]
async fn the_index_follows_the_arrival() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    // One second before midnight, and after it.
    let seconds = Arc::new(std::sync::atomic::AtomicU64::new(1_709_251_199));
    let clock = Arc::clone(&seconds);
    let clock = Clock::new(move || {
        let seconds = clock.load(std::sync::atomic::Ordering::SeqCst);
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    });
    let stream = started(DeliveryStreamOptions { clock, ..options(&backup) }, echo(), &sink).await;
    put(&stream, &["{\"n\":1}"]).await;
    seconds.fetch_add(2, std::sync::atomic::Ordering::SeqCst);
    put(&stream, &["{\"n\":2}"]).await;
    stream.flush().await.unwrap();
    let indices: Vec<String> =
        sink.requests().remove(0).into_iter().map(|indexing| indexing.index).collect();
    assert_eq!(indices, ["events-2024-02-29", "events-2024-03-01"]);
}
