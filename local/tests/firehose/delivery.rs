//! The effects of OpenSearch's answers.

use std::time::Duration;

use local::firehose::DeliveryStreamOptions;
use serde_json::json;

use crate::script::{answered, each, echo};
use crate::sink::{Reply, Sink};
use crate::{ARRIVAL_MS, base64, lines, objects, options, put, started};

#[tokio::test]
async fn a_document_keeps_its_id_in_every_try() {
    let statuses = [401, 403, 404, 408, 429, 500, 502, 503, 504].map(|status| (status, "busy"));
    let one_too_many = r#"{"errors":false,"items":[{"index":{"status":201}}]}"#;
    let no_item = r#"{"errors":false,"items":[{},{}]}"#;
    let proxy = "<html>a proxy</html>";
    let others = [(200, proxy), (200, one_too_many), (200, no_item), (0, "")];
    for (status, text) in statuses.into_iter().chain(others) {
        let backup = tempfile::tempdir().unwrap();
        let sink = Sink::new(move |_, number| match (number, status) {
            (3.., _) => Reply::Take,
            (_, 0) => Reply::Close,
            _ => Reply::Status(status, text),
        })
        .await;
        let stream = started(options(&backup), echo(), &sink).await;
        put(&stream, &["{\"a\":1}", "{\"a\":2}"]).await;
        let report = stream.flush().await.unwrap();
        assert_eq!((report.delivered, report.delivery_failed), (2, 0));
        assert_eq!((report.delivery_requests, report.delivery_retries), (4, 3));
        let requests = sink.requests();
        assert_eq!(requests.len(), 4);
        assert!(requests.iter().all(|request| *request == requests[0]));
        assert!(requests[0].iter().all(|indexing| indexing.id.ends_with(".0")));
        assert_eq!(sink.documents(), ["{\"a\":1}", "{\"a\":2}"], "none twice");
        assert_eq!(objects(backup.path()), [""; 0]);
    }
}

#[tokio::test]
async fn what_nobody_takes_is_backed_up() {
    let backup = tempfile::tempdir().unwrap();
    let options = DeliveryStreamOptions { retry_duration: Duration::ZERO, ..options(&backup) };
    let endpoint = local::firehose::Endpoint::bind().await.unwrap();
    let nowhere = "http://127.0.0.1:9";
    let stream = local::firehose::DeliveryStream::start(options, endpoint, echo(), nowhere);
    let stream = stream.await.unwrap();
    put(&stream, &["{}"]).await;
    let report = stream.flush().await.unwrap();
    assert_eq!((report.delivered, report.delivery_failed), (0, 1));
    assert_eq!(lines(backup.path())[0]["errorCode"], "OS.ServiceException");
}

#[tokio::test]
async fn only_documents_that_were_deferred_are_sent_again() {
    let backup = tempfile::tempdir().unwrap();
    let sink = Sink::new(|_, number| match number {
        0 => Reply::Items(vec![201, 429, 503, 201]),
        1 => Reply::Items(vec![429, 201]),
        _ => Reply::Take,
    })
    .await;
    let stream = started(options(&backup), echo(), &sink).await;
    put(&stream, &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}", "{\"a\":4}"]).await;
    let report = stream.flush().await.unwrap();
    assert_eq!((report.delivered, report.delivery_failed, report.delivery_retries), (4, 0, 2));
    let sent: Vec<Vec<String>> = sink
        .requests()
        .into_iter()
        .map(|request| request.into_iter().map(|indexing| indexing.document).collect())
        .collect();
    let expected: [&[&str]; 3] = [
        &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}", "{\"a\":4}"],
        &["{\"a\":2}", "{\"a\":3}"],
        &["{\"a\":2}"],
    ];
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_document_of_status_400_is_backed_up_at_once() {
    let backup = tempfile::tempdir().unwrap();
    let sink = Sink::new(|_, _| Reply::Items(vec![201, 400, 201])).await;
    let stream = started(options(&backup), echo(), &sink).await;
    put(&stream, &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]).await;
    let report = stream.flush().await.unwrap();
    assert_eq!((report.delivered, report.delivery_failed, report.delivery_requests), (2, 1, 1));
    assert_eq!((report.ok, report.unaccounted()), (3, 0));
    assert_eq!(sink.documents(), ["{\"a\":1}", "{\"a\":3}"]);

    let sent = &sink.requests()[0][1];
    let line = json!({
        "attemptsMade": 1,
        "arrivalTimestamp": ARRIVAL_MS,
        "errorCode": "400",
        "errorMessage": "{\"type\":\"error_400\"}",
        "attemptEndingTimestamp": ARRIVAL_MS,
        "esDocumentId": sent.id,
        "esIndexName": "events-2024-03-01",
        "esTypeName": "",
        "rawData": base64("{\"a\":2}")
    });
    assert_eq!(lines(backup.path()), [line]);
    let objects = objects(backup.path());
    let prefix = "AmazonOpenSearchService_failed/2024/03/01/12/music-1-2024-03-01-12-34-56-";
    assert_eq!(objects[0].strip_prefix(prefix).unwrap().len(), 36, "{}", objects[0]);
}

#[tokio::test]
async fn what_is_deferred_for_too_long_is_backed_up() {
    let backup = tempfile::tempdir().unwrap();
    let sink = Sink::new(|_, _| Reply::Status(503, "down")).await;
    let options =
        DeliveryStreamOptions { retry_duration: Duration::from_millis(20), ..options(&backup) };
    let stream = started(options, echo(), &sink).await;
    put(&stream, &["{\"a\":1}", "{\"a\":2}"]).await;
    let report = stream.flush().await.unwrap();
    assert_eq!((report.delivered, report.delivery_failed, report.unaccounted()), (0, 2, 0));
    let lines = lines(backup.path());
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["attemptsMade"], json!(report.delivery_requests));
    assert_eq!(lines[0]["attemptsMade"], json!(sink.requests().len()));
    assert_eq!(
        (&lines[1]["errorCode"], &lines[1]["errorMessage"]),
        (&json!("503"), &json!("down"))
    );
}

#[tokio::test]
async fn without_a_retry_duration_there_is_one_try() {
    let backup = tempfile::tempdir().unwrap();
    let sink = Sink::new(|_, _| Reply::Items(vec![201, 429])).await;
    let options = DeliveryStreamOptions { retry_duration: Duration::ZERO, ..options(&backup) };
    let stream = started(options, echo(), &sink).await;
    put(&stream, &["{\"a\":1}", "{\"a\":2}"]).await;
    let report = stream.flush().await.unwrap();
    assert_eq!((report.delivered, report.delivery_failed, report.delivery_requests), (1, 1, 1));
    assert_eq!(lines(backup.path())[0]["errorCode"], "429");
}

#[tokio::test]
async fn a_request_that_will_never_be_taken_is_backed_up_at_once() {
    for status in [301, 400, 413] {
        let backup = tempfile::tempdir().unwrap();
        let sink = Sink::new(move |_, _| Reply::Status(status, "why")).await;
        let stream = started(options(&backup), echo(), &sink).await;
        put(&stream, &["{}"]).await;
        let report = stream.flush().await.unwrap();
        assert_eq!((report.delivery_requests, report.delivery_failed), (1, 1));
        let line = &lines(backup.path())[0];
        assert_eq!(line["errorCode"], status.to_string());
        assert_eq!(line["errorMessage"], "why");
    }
}

#[tokio::test]
async fn a_document_that_is_no_line_of_json_is_backed_up_without_being_sent() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let function = each(|data| match data {
        // Not UTF-8: `{"a":"\xff"}`.
        "bytes" => json!({"result": "Ok", "data": "eyJhIjoi/yJ9"}),
        data => answered("Ok", Some(data)),
    });
    let stream = started(options(&backup), function, &sink).await;
    let deep = format!("{}1{}", "{\"a\":".repeat(1000), "}".repeat(1000));
    let mut good = [" {\"a\":\"\\n\"} ", "{\"a\":1}", "{\"a\":\"é\"}", &deep];
    let bad = [
        "{\"a\":\n2}",
        "[3]",
        "no JSON",
        "",
        "1",
        "{",
        "{}{}",
        "{}\n",
        "{}\r",
        "{\"a\":\"\u{1}\"}",
    ];
    put(&stream, &good).await;
    put(&stream, &bad).await;
    put(&stream, &["bytes"]).await;
    let report = stream.flush().await.unwrap();
    assert_eq!((report.ok, report.delivered, report.delivery_failed), (15, 4, 11));
    good.sort_unstable();
    assert_eq!(sink.documents(), good);
    let lines = lines(backup.path());
    let data: Vec<_> = lines.iter().map(|line| line["rawData"].clone()).collect();
    let bad = bad.map(|data| json!(base64(data))).into_iter().chain([json!("eyJhIjoi/yJ9")]);
    assert_eq!(data, bad.collect::<Vec<_>>());
    assert_eq!(lines[0]["errorCode"], "OS.MalformedData");
    assert_eq!(lines[0]["attemptsMade"], 0);
}
