//! The real binary with the queues of an embedded SQS.

#![cfg(test)]

mod support {
    pub(crate) mod stack;
}

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use local::runtime_api::InvokeError;
use local::sqs::embedded::{Fault, Lasting, Operation};
use serde_json::{Value, json};
use testkit::{Call, Endpoint, FUNCTION_NAME, Fixture, Reply, fixtures, metric_line, refusal};

use support::stack::Stack;

const BINARY: &str = env!("CARGO_BIN_EXE_dlq-redrive");

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    join_all(fixtures("dlq-redrive", 8).into_iter().map(check)).await;
}

async fn check(Fixture { name, event, golden }: Fixture<Value>) {
    let request = serde_json::from_slice(&event).unwrap();
    let stack = Stack::new(&[]).await;
    stack.give_up(golden["givenUp"].as_array().unwrap_or(&vec![])).await;
    for message in golden["sentDirectly"].as_array().into_iter().flatten() {
        stack.send(&stack.dlq, message).await;
    }
    let answer = stack.invoke(&request).await;
    if let Some(error_type) = golden["errorType"].as_str() {
        let error = answer.unwrap_err();
        assert_eq!(error.error_type(), error_type, "{name}");
        assert_eq!(error.message(), golden["errorMessage"].as_str().unwrap(), "{name}");
    } else {
        let mut answer = answer.unwrap();
        // These differ from run to run.
        for (member, shown) in [("taskHandle", "<handle>"), ("samples", "<ids>")] {
            if let Some(value) = answer.get_mut(member) {
                *value = json!(shown);
            }
        }
        if let Some(ages) = answer.get_mut("ages").and_then(Value::as_object_mut) {
            assert!(ages.remove("oldestSeconds").unwrap().as_u64().unwrap() < 60, "{name}");
            assert!(ages.remove("youngestSeconds").unwrap().as_u64().unwrap() < 60, "{name}");
        }
        assert_eq!(answer, golden["answer"], "{name}");
    }
    let counts = serde_json::to_value(stack.counts().await).unwrap();
    assert_eq!(counts, golden["deadLettersQueueParking"], "{name}");
}

fn body(text: &str) -> Value {
    json!({"MessageBody": text})
}

#[tokio::test]
async fn a_moved_message_is_unchanged_except_for_count_and_identity() {
    let stack = Stack::new(&[]).await;
    let attributes = json!({
        "sluice.redrives": {"DataType": "Number", "StringValue": "1"},
        "tenant": {"DataType": "String.name", "StringValue": "a"},
        "bytes": {"DataType": "Binary", "BinaryValue": "AAEC"},
    });
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793";
    stack
        .give_up(&[json!({
            "MessageBody": "{\"a\":1}", "MessageAttributes": attributes,
            "MessageSystemAttributes":
                {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}},
        })])
        .await;
    let inspected = stack.invoke(&json!({"action": "inspect"})).await.unwrap();
    let answer = stack.invoke(&json!({"action": "redrive", "mode": "selective"})).await.unwrap();
    assert_eq!((&answer["moved"], &answer["complete"]), (&json!(1), &json!(true)));
    assert_eq!(stack.counts().await, [0, 1, 0]);
    let moved = &stack.receive(&stack.main).await[0];
    assert_eq!(moved["Body"], "{\"a\":1}");
    assert_eq!(moved["Attributes"]["AWSTraceHeader"], trace);
    let mut expected = attributes;
    expected["sluice.redrives"]["StringValue"] = json!("2");
    let first_id = &inspected["samples"][0];
    expected["sluice.message_id"] = json!({"DataType": "String", "StringValue": first_id});
    assert_eq!(moved["MessageAttributes"], expected);
}

#[tokio::test]
async fn a_source_that_is_unavailable_fails_the_invocation() {
    let stack = Stack::new(&[]).await;
    let source = "arn:aws:sqs:eu-west-1:000000000000:no-such-queue";
    for (request, failed) in [
        (json!({"action": "redrive", "mode": "selective", "source": source}), 1),
        (json!({"action": "redrive", "mode": "native", "source": source}), 1),
        (json!({"action": "redrive", "dryRun": true, "source": source}), 1),
        (json!({"action": "inspect", "source": source}), 0),
        (json!({"action": "status", "source": source}), 0),
        (json!({"action": "cancel", "source": source}), 0),
    ] {
        let error = stack.invoke(&request).await.unwrap_err();
        assert_eq!(error.error_type(), "SourceUnavailable", "{request}");
        assert!(error.message().contains(source), "{}", error.message());
        assert_eq!(stack.metrics()["RedriveFailed"], failed, "{request}");
    }
    stack.give_up(&[body("a")]).await;
    stack.sqs.fail(Operation::ReceiveMessage, Fault::Deny, Lasting::UntilCleared);
    let error = stack.invoke(&json!({"action": "redrive", "mode": "selective"})).await.unwrap_err();
    assert_eq!(error.error_type(), "SourceUnavailable");
    assert!(error.message().contains(&stack.dlq), "{}", error.message());
    assert_eq!(stack.metrics()["RedriveFailed"], 1);
}

#[tokio::test]
async fn metrics_count_messages_and_have_the_age_of_the_oldest() {
    let stack = Stack::new(&[("METRICS_NAMESPACE", "Team/Music")]).await;
    stack.give_up(&[body("a"), body("b"), body("c")]).await;
    stack.sqs.fail(Operation::SendMessageBatch, Fault::Entries(vec![1]), Lasting::Requests(1));
    let answer = stack.invoke(&json!({"action": "redrive", "mode": "selective"})).await.unwrap();
    assert_eq!((&answer["moved"], &answer["failed"]), (&json!(2), &json!(1)));
    let metrics = stack.metrics();
    let names = [
        ("Redriven", "Count"),
        ("Parked", "Count"),
        ("RedriveFailed", "Count"),
        ("DlqOldestAgeSeconds", "Seconds"),
        ("SecondsToExpiry", "Seconds"),
    ];
    let values = names.map(|(name, unit)| (name, unit, metrics[name].clone()));
    let expected = metric_line("Team/Music", &[("FunctionName", FUNCTION_NAME)], &values);
    assert_eq!(metrics["_aws"]["CloudWatchMetrics"], expected["_aws"]["CloudWatchMetrics"]);
    assert_eq!(metrics["FunctionName"], FUNCTION_NAME);
    assert_eq!((&metrics["Redriven"], &metrics["RedriveFailed"]), (&json!(2), &json!(1)));
    let age = metrics["DlqOldestAgeSeconds"].as_u64().unwrap();
    assert!(age < 60, "{age}");
    assert_eq!(metrics["SecondsToExpiry"], 1_209_600 - age);
    // A dry run redrives nothing.
    stack.invoke(&json!({"action": "redrive", "dryRun": true})).await.unwrap();
    assert_eq!(stack.metrics()["Redriven"], 0);
}

#[tokio::test]
async fn a_crash_between_send_and_delete_duplicates_and_loses_nothing() {
    // Short, so that the messages that the killed process hides are visible soon.
    let stack = Stack::with("", &[], Duration::from_secs(6)).await;
    let bodies: Vec<_> = (0..25).map(|index| format!("{index:02}")).collect();
    let messages: Vec<_> = bodies.iter().map(|text| body(text)).collect();
    stack.give_up(&messages).await;
    let slow = Fault::Slow(Duration::from_mins(1));
    // The response to the second wave never arrives.
    let payload = json!({"action": "redrive", "mode": "selective"});
    let invocation = async { stack.invoke(&payload).await };
    stack.sqs.fail(Operation::SendMessageBatch, Fault::Slow(Duration::ZERO), Lasting::Requests(1));
    stack.sqs.fail(Operation::SendMessageBatch, slow, Lasting::Requests(1));
    let kill = async {
        while stack.sqs.calls(Operation::SendMessageBatch) < 2
            || stack.client.message_count(&stack.main).await.unwrap() < 20
        {
            tokio::task::yield_now().await;
        }
        stack.function.kill().await;
    };
    let (answer, ()) = tokio::join!(invocation, kill);
    assert!(matches!(answer, Err(InvokeError::Exit { .. })), "{answer:?}");
    assert_eq!(stack.client.message_count(&stack.dlq).await.unwrap(), 15);
    // They are visible by the deadline of the killed invocation.
    while stack.visible(&stack.dlq).await < 15 {
        tokio::task::yield_now().await;
    }
    let answer = stack.invoke(&payload).await.unwrap();
    assert_eq!((&answer["moved"], &answer["complete"]), (&json!(15), &json!(true)));
    assert_eq!(stack.client.message_count(&stack.dlq).await.unwrap(), 0);
    let mut arrived = Vec::new();
    while let messages @ [_, ..] = &stack.take(&stack.main).await[..] {
        arrived.extend(messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned()));
    }
    arrived.sort();
    let twice = &bodies[10..20];
    let mut expected = [&bodies[..], twice].concat();
    expected.sort();
    assert_eq!(arrived, expected);
}

#[tokio::test]
async fn a_fifo_queue_keeps_groups_and_order() {
    let stack = Stack::with(".fifo", &[], Duration::from_mins(1)).await;
    for index in 0..24 {
        let message = json!({
            "MessageBody": format!("{index:02}"),
            "MessageGroupId": format!("g{}", index % 2),
            "MessageDeduplicationId": format!("d{index}"),
        });
        stack.send(&stack.dlq, &message).await;
    }
    let payload = json!({"action": "redrive", "mode": "selective",
        "destination": "arn:aws:sqs:us-east-1:123456789012:music.fifo"});
    let answer = stack.invoke(&payload).await.unwrap();
    assert_eq!((&answer["moved"], &answer["complete"]), (&json!(24), &json!(true)), "{answer}");
    let mut arrived = vec![Vec::new(), Vec::new()];
    for _ in 0..3 {
        for message in stack.take(&stack.main).await {
            let group = message["Attributes"]["MessageGroupId"].as_str().unwrap();
            arrived[usize::from(group == "g1")].push(message["Body"].as_str().unwrap().to_owned());
            let deduplication_id = &message["Attributes"]["MessageDeduplicationId"];
            assert_eq!(deduplication_id.as_str().unwrap().len(), 64);
        }
    }
    for (group, arrived) in arrived.into_iter().enumerate() {
        let expected: Vec<_> = (0..12).map(|index| format!("{:02}", 2 * index + group)).collect();
        assert_eq!(arrived, expected);
    }
}

#[tokio::test]
async fn a_running_task_is_listed_blocks_another_and_is_cancelled() {
    let stack = Stack::new(&[]).await;
    let messages: Vec<_> = (0..50).map(|index| body(&index.to_string())).collect();
    stack.give_up(&messages).await;
    let slowly = json!({"action": "redrive", "ratePerSecond": 1});
    let started = stack.invoke(&slowly).await.unwrap();
    assert_eq!((&started["mode"], &started["complete"]), (&json!("native"), &json!(false)));
    let handle = started["taskHandle"].as_str().unwrap();
    let refused = stack.invoke(&slowly).await.unwrap_err();
    assert_eq!(refused.error_type(), "MoveTaskRefused");
    assert!(refused.message().contains("There is already a task running"), "{refused}");
    assert!(refused.message().contains("`cancel`"), "{refused}");
    let status = stack.invoke(&json!({"action": "status"})).await.unwrap();
    let [task] = &status["tasks"].as_array().unwrap()[..] else { panic!("{status}") };
    assert_eq!((&task["Status"], &task["TaskHandle"]), (&json!("RUNNING"), &json!(handle)));
    assert_eq!(task["SourceArn"], "arn:aws:sqs:us-east-1:123456789012:music-dlq");
    assert_eq!(task["MaxNumberOfMessagesPerSecond"], 1);
    let cancelled = stack.invoke(&json!({"action": "cancel"})).await.unwrap();
    assert_eq!(
        (&cancelled["action"], &cancelled["taskHandle"]),
        (&json!("cancel"), &json!(handle))
    );
    let again = stack.invoke(&json!({"action": "cancel"})).await.unwrap_err();
    assert_eq!(again.error_type(), "NoRunningTask");
}

#[tokio::test]
async fn a_real_sqs_behaves_as_the_embedded_one() {
    let stack = Stack::real().await;
    let attributes = json!({
        "sluice.reason": {"DataType": "String", "StringValue": "timeout"},
        "bytes": {"DataType": "Binary", "BinaryValue": "AAEC"},
    });
    let numbered = |index: usize| match index % 2 {
        0 => json!({"MessageBody": format!("{index:02}"), "MessageAttributes": attributes}),
        _ => body(&format!("{index:02}")),
    };
    stack.give_up(&(0..30).map(numbered).collect::<Vec<_>>()).await;
    let inspected = stack.invoke(&json!({"action": "inspect"})).await.unwrap();
    assert_eq!(inspected["reasons"], json!({"timeout": 15, "unknown": 15}));
    let main_arn = stack.client.queue_attribute(&stack.main, "QueueArn").await.unwrap();
    assert_eq!(inspected["sources"], json!({main_arn.as_str(): 30}));
    let filter = json!({"reason": ["timeout"]});
    let dry = json!({"action": "redrive", "filter": filter, "dryRun": true});
    let answer = stack.invoke(&dry).await.unwrap();
    assert_eq!((&answer["moved"], &answer["skipped"]), (&json!(15), &json!(15)));
    assert_eq!(stack.counts().await, [30, 0, 0]);
    let answer = stack.invoke(&json!({"action": "redrive", "filter": filter})).await.unwrap();
    assert_eq!((&answer["moved"], &answer["complete"]), (&json!(15), &json!(true)));
    assert_eq!(stack.counts().await, [15, 15, 0]);
    let moved = &stack.receive(&stack.main).await[0];
    let mut expected = attributes;
    expected["sluice.redrives"] = json!({"DataType": "Number", "StringValue": "1"});
    expected["sluice.message_id"] = moved["MessageAttributes"]["sluice.message_id"].clone();
    assert!(expected["sluice.message_id"]["StringValue"].is_string());
    assert_eq!(moved["MessageAttributes"], expected);
    let natively = json!({"action": "redrive", "destination": main_arn});
    let answer = stack.invoke(&natively).await.unwrap();
    assert_eq!((&answer["mode"], &answer["complete"]), (&json!("native"), &json!(true)));
    assert_eq!(stack.visible(&stack.dlq).await, 0);
}

#[tokio::test]
async fn nothing_is_moved_if_opensearch_is_not_healthy() {
    for (status, healthy) in [("green", true), ("yellow", true), ("red", false)] {
        for mode in ["selective", "native"] {
            let health = move |call: &Call| {
                assert_eq!((&call.method, &*call.path), (&Method::GET, "/_cluster/health"));
                assert_eq!(call.query, "");
                Reply::json(200, &json!({"status": status}))
            };
            let opensearch = Endpoint::start(health).await;
            let variables =
                [("REQUIRE_HEALTHY_ENDPOINT", &*opensearch.url), ("OPENSEARCH_AUTH", "none")];
            let stack = Stack::new(&variables).await;
            stack.give_up(&[body("a")]).await;
            let answer = stack.invoke(&json!({"action": "redrive", "mode": mode})).await.unwrap();
            assert_eq!(answer["complete"], healthy, "{status} {mode}");
            let stopped = if healthy { Value::Null } else { json!("unhealthy_endpoint") };
            assert_eq!(answer["stopped"], stopped, "{status} {mode}");
            let expected = if healthy { [0, 1, 0] } else { [1, 0, 0] };
            assert_eq!(stack.counts().await, expected, "{status} {mode}");
        }
    }
    // Nothing listens there.
    let gone = [("REQUIRE_HEALTHY_ENDPOINT", "http://127.0.0.1:9"), ("OPENSEARCH_AUTH", "none")];
    let stack = Stack::new(&gone).await;
    stack.give_up(&[body("a")]).await;
    let answer = stack.invoke(&json!({"action": "redrive"})).await.unwrap();
    assert_eq!(answer["stopped"], "unhealthy_endpoint");
}

#[tokio::test]
async fn an_invalid_setting_stops_the_start_and_is_named() {
    // Other variables: see the tests of `Config`.
    for (variable, value) in [("DLQ_URL", "music-dlq"), ("DEADLINE_MARGIN_MS", "2s")] {
        let message = refusal(BINARY, &[(variable, value)]).await;
        let start = format!("{variable} is {value:?}, but must be ");
        assert!(message.starts_with(&start), "{message}");
    }
}

#[tokio::test]
async fn no_log_line_holds_a_message() {
    const MARKER: &str = "PayloadMarker";
    let stack = Stack::new(&[("LOG_LEVEL", "trace")]).await;
    let attributes = json!({"note": {"DataType": "String", "StringValue": MARKER}});
    stack.give_up(&[json!({"MessageBody": MARKER, "MessageAttributes": attributes})]).await;
    for fault in [Fault::Deny, Fault::Entries(vec![0])] {
        stack.sqs.fail(Operation::SendMessageBatch, fault, Lasting::Requests(1));
        let payload = json!({"action": "redrive", "mode": "selective"});
        assert_eq!(stack.invoke(&payload).await.unwrap()["failed"], 1);
    }
    let logs = stack.function.logs();
    let lines: Vec<_> =
        logs.iter().filter(|line| line.text.contains("failed to move messages")).collect();
    assert_eq!(lines.len(), 2, "{logs:?}");
    for (line, code) in lines.iter().zip(["AccessDenied", "InternalError"]) {
        let line: Value = serde_json::from_str(&line.text).unwrap();
        assert_eq!((&line["step"], &line["code"]), (&json!("send"), &json!(code)));
        assert_eq!(line["count"], 1);
    }
    assert!(logs.iter().all(|line| !line.text.contains(MARKER)), "{logs:?}");
}
