//! `sluice replay` to queues and streams, and its documentation.

use base64_simd::STANDARD;
use local::sqs;
use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::scene::{FAILED, NOON_MS, Scene, event, failed};
use super::support::{Queues, finish, interrupt};

#[tokio::test]
async fn the_loader_is_asked_for_each_object() {
    let (_sqs, queues) = Queues::embedded().await;
    let scene = Scene::failed().await.with("AWS_ENDPOINT_URL_SQS", queues.client.url());
    let arguments = [FAILED, "--to", "loader", "--queue", "music", "--reason", "oom"];
    let plan = scene.run(&arguments).await;
    let expected =
        format!("To send             3  to the queue {}, as load requests\n", queues.main);
    assert!(plan.stdout.contains(&expected), "{plan:?}");
    assert_eq!(queues.counts().await, [0, 0, 0]);
    scene.sends(&arguments, 0, &json!({"objects": 3, "sent": 3})).await;
    let mut bodies: Vec<Value> = queues.take(&queues.main).await.iter().map(body).collect();
    bodies.sort_by_key(|body| body["key"].to_string());
    let request = &bodies[0];
    assert_eq!(request["key"], "processing-failed/2024/03/01/12/one");
    assert_eq!((&request["sluice"], &request["bucket"]), (&json!("load"), &json!("backup")));
    assert_eq!(request["reason"], json!(["oom"]));
    assert!(request["etag"].as_str().unwrap().starts_with('"'), "{request}");
    assert_eq!(bodies.len(), 3);
    scene.sends(&arguments, 0, &json!({"objects": 3, "finished_before": 3})).await;
}

/// The body of a message, as JSON.
fn body(message: &Value) -> Value {
    serde_json::from_str(message["Body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn failed_events_become_messages() {
    let (sqs, queues) = Queues::embedded().await;
    let scene = Scene::failed().await.with("AWS_ENDPOINT_URL_SQS", queues.client.url());
    let binary = failed("timeout", NOON_MS, b"\x1f\x8b\x08");
    scene.s3.put("backup", "processing-failed/4", binary, NOON_MS);
    let arguments = [FAILED, "--to", "queue", "--queue", &queues.main];
    let entries = sqs::embedded::Fault::Entries(vec![0]);
    sqs.fail(
        sqs::embedded::Operation::SendMessageBatch,
        entries,
        sqs::embedded::Lasting::Requests(1),
    );
    let refused = json!({"not_text": 1});
    let expected = json!({"objects": 4, "sent": 3, "documents_skipped": 1, "refused": refused});
    let finished = scene.sends(&arguments, 1, &expected).await;
    assert!(finished.stderr.contains("1 records were not sent; they are where they were"));
    let mut bodies: Vec<_> = queues.take(&queues.main).await.iter().map(body).collect();
    bodies.sort_by_key(|body| body["id"].to_string());
    let expected = ["a", "b", "c"].map(|id| serde_json::from_str::<Value>(&event(id)).unwrap());
    assert_eq!(bodies, expected);
    assert_eq!(scene.opensearch.bulk_requests(), 0);
    let expected = json!({"objects": 4, "finished_before": 4, "refused": {"not_text": 1}});
    let finished = scene.sends(&arguments, 1, &expected).await;
    assert!(finished.stderr.contains("1 records were not sent; they are where they were"));
}

#[tokio::test]
async fn a_refused_record_is_counted_once_however_often_a_replay_goes_on() {
    let (sqs, queues) = Queues::embedded().await;
    let scene = Scene::new().await.with("AWS_ENDPOINT_URL_SQS", queues.client.url());
    let record = |data: &[u8]| failed("x", NOON_MS, data);
    let lines = [&b"\x1f"[..], b"1", b"\x1f", b"2", b"\x1f", b"3"].map(record);
    scene.s3.put("backup", "processing-failed/1", lines.concat(), NOON_MS);
    let arguments = [FAILED, "--to", "queue", "--queue", &queues.main];
    let entries = sqs::embedded::Fault::Entries(vec![1, 2]);
    sqs.fail(
        sqs::embedded::Operation::SendMessageBatch,
        entries,
        sqs::embedded::Lasting::Requests(1),
    );
    sqs.fail(
        sqs::embedded::Operation::SendMessageBatch,
        sqs::embedded::Fault::Deny,
        sqs::embedded::Lasting::Requests(1),
    );
    // The second record is the first one that is not sent.
    let expected = json!({"objects": 1, "sent": 1, "refused": {"not_text": 2}});
    let finished = scene.sends(&arguments, 1, &expected).await;
    let text = format!("error: failed to send to the queue {}: AccessDenied", queues.main);
    assert!(finished.stderr.contains(&text), "{finished:?}");
    let expected = json!({"objects": 1, "sent": 2, "refused": {"not_text": 3}});
    scene.sends(&arguments, 1, &expected).await;
    let expected = json!({"objects": 1, "finished_before": 1, "refused": {"not_text": 3}});
    scene.sends(&arguments, 1, &expected).await;
}

#[tokio::test]
async fn ctrl_c_ends_after_the_call_under_way() {
    let (_sqs, queues) = Queues::embedded().await;
    let scene = Scene::new().await.with("AWS_ENDPOINT_URL_SQS", queues.client.url());
    let lines: Vec<_> = (0..25).map(|n| failed("x", NOON_MS, event(&n.to_string()))).collect();
    scene.s3.put("backup", "processing-failed/1", lines.concat(), NOON_MS);
    let arguments = [FAILED, "--to", "queue", "--queue", "music"];
    let slowly = ["--rate", "1", "--yes", "--json"];
    let mut command = scene.start(&[&arguments[..], &slowly].concat());
    assert!(!queues.wait_for(&queues.main).await.is_empty());
    interrupt(&command).await;
    let mut lines = BufReader::new(command.stderr.take().unwrap()).lines();
    let mut last = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        last = line;
    }
    assert_eq!(last, "the ledger holds what is done: run the same command again to go on");
    let finished = finish(command).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    let sent = finished.json()["sent"].as_u64().unwrap();
    assert!((1..25).contains(&sent), "{finished:?}");
    scene.sends(&arguments, 0, &json!({"objects": 1, "sent": 25 - sent})).await;
    assert_eq!(queues.visible(&queues.main).await, 25);
}

#[tokio::test]
async fn failed_events_are_put_back_into_a_stream() {
    let answer = |call: &Call| {
        let records = call.json()["Records"].as_array().unwrap().len();
        // The first of several fails.
        let entry = |at: usize| match (at, records) {
            (0, 2..) => json!({"ErrorCode": "Throttled", "ErrorMessage": "later"}),
            _ => json!({"RecordId": "r", "SequenceNumber": "1", "ShardId": "s"}),
        };
        let entries: Vec<_> = (0..records).map(entry).collect();
        let failed = usize::from(records > 1);
        Reply::json(
            200,
            &json!({"FailedPutCount": failed, "FailedRecordCount": failed,
            "RequestResponses": entries, "Records": entries}),
        )
    };
    let streams = Endpoint::start(answer).await;
    let scene = Scene::failed()
        .await
        .with("AWS_ENDPOINT_URL_FIREHOSE", &streams.url)
        .with("AWS_ENDPOINT_URL_KINESIS", &streams.url);
    let expected = json!({"objects": 3, "sent": 3, "documents_skipped": 1});
    for (option, operation, member) in [
        ("--delivery-stream", "PutRecordBatch", "DeliveryStreamName"),
        ("--stream", "PutRecords", "StreamName"),
    ] {
        scene.sends(&[FAILED, "--to", "stream", option, "events"], 0, &expected).await;
        let calls = streams.take_calls();
        let sent = calls.iter().map(|call| {
            assert!(call.operation.ends_with(operation), "{call:?}");
            let members = call.json();
            assert_eq!(members[member], "events");
            let data = |record: &Value| {
                let data = STANDARD.decode_to_vec(record["Data"].as_str().unwrap()).unwrap();
                String::from_utf8(data).unwrap()
            };
            members["Records"].as_array().unwrap().iter().map(data).collect::<Vec<_>>()
        });
        let sent: Vec<_> = sent.collect();
        // Failed records are sent again, and no others.
        let expected = [vec![event("a"), event("b")], vec![event("a")], vec![event("c")]];
        assert_eq!(sent, expected);
    }
}

#[tokio::test]
async fn a_stream_that_takes_nothing_fails_the_replay() {
    let streams = Endpoint::start(|_: &Call| Reply::aws_error(400, "AccessDeniedException")).await;
    let scene = Scene::failed().await.with("AWS_ENDPOINT_URL_FIREHOSE", &streams.url);
    let arguments = [FAILED, "--delivery-stream", "events"];
    let finished = scene.sends(&arguments, 1, &json!({"objects": 3})).await;
    let expected = "error: the service does not take the records: Denied";
    assert!(finished.stderr.contains(expected), "{finished:?}");
    assert_eq!(streams.take_calls().len(), 1);
}

#[tokio::test]
async fn the_commands_in_the_documentation() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.client.create_queue("sluice-dev-objects", &[]).await.unwrap();
    let scene = Scene::failed().await.with("AWS_ENDPOINT_URL_SQS", queues.client.url());
    let kept = failed("invalid_json", NOON_MS, event("k"));
    scene.s3.put("backup", "object-loader-failed/2024/03/01/12/kept.json", kept, NOON_MS);
    let operations = include_str!("../../../docs/operations.md");
    for (command, expected) in [
        ("replay s3://backup/processing-failed/", "To send             4  to http://"),
        ("replay s3://backup/processing-failed/ --reason timeout --yes", "Indexed             2  "),
        ("replay s3://backup/object-loader-failed/ --yes", "Indexed             1  "),
        (
            "replay s3://backup/object-loader-failed/ --to loader --queue sluice-dev-objects --yes",
            "Sent                1  the queue ",
        ),
    ] {
        assert!(operations.contains(&format!("cargo sluice {command}\n")), "{command}");
        let arguments: Vec<_> = command.split(' ').skip(1).collect();
        let finished = scene.run(&arguments).await;
        assert_eq!(finished.code, 0, "{finished:?}");
        assert!(finished.stdout.contains(expected), "{finished:?}");
    }
}
