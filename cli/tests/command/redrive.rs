//! `sluice redrive` and `sluice inspect` with queues on this machine.

use std::time::Duration;

use local::sqs::embedded::{Fault, Lasting, Operation};
use local::sqs::{Choice, Sqs};
use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::support::{Queues, finish, interrupt, sluice, unavailable_url};

#[tokio::test]
async fn without_yes_nothing_is_moved() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(12).await;
    let answer = json!({
        "action": "redrive", "mode": "selective", "scanned": 12, "matched": 12, "moved": 12,
        "parked": 0, "skipped": 0, "failed": 0, "complete": true, "dryRun": true,
        "reasons": {"timeout": 6, "unknown": 6},
    });
    for mode in ["auto", "native", "selective"] {
        let finished = queues.run(&["redrive", &queues.dlq, "--mode", mode, "--json"]).await;
        assert_eq!((finished.code, finished.json()), (0, answer.clone()), "{mode}: {finished:?}");
        assert!(
            finished.stderr.contains("Dry run: nothing was moved. --yes moves them"),
            "{finished:?}"
        );
        let is_native = finished.stderr.contains("SQS moves them itself");
        assert_eq!(is_native, mode != "selective", "{finished:?}");
        assert_eq!(queues.counts().await, [12, 0, 0]);
    }
    let finished = queues.run(&["redrive", "music-dlq"]).await;
    let expected = format!(
        "{}\n\nScanned            12  messages\n                    6    timeout\n                    \
         6    unknown\nTo move            12  nothing was moved\n",
        queues.dlq
    );
    assert_eq!((finished.code, finished.stdout), (0, expected));
    assert_eq!(queues.counts().await, [12, 0, 0]);
}

#[tokio::test]
async fn sqs_itself_moves_all_messages_by_default() {
    let (sqs, queues) = Queues::embedded().await;
    queues.give_up(25).await;
    let finished = queues.run(&["redrive", "music-dlq", "--yes", "--json"]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let answer = finished.json();
    assert_eq!(answer["mode"], "native");
    assert_eq!((&answer["moved"], &answer["complete"]), (&json!(25), &json!(true)));
    assert_eq!(sqs.calls(Operation::StartMessageMoveTask), 1);
    assert_eq!(sqs.calls(Operation::SendMessageBatch), 0);
    assert_eq!(queues.counts().await, [0, 25, 0]);
}

#[tokio::test]
async fn a_function_takes_messages_in_the_place_of_a_queue() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(4).await;
    // It fails for one message, and does not receive another.
    let lambda = Endpoint::start(|call: &Call| {
        let body = call.json()["Records"][0]["body"].as_str().unwrap().to_owned();
        if body.contains("\"n\":1") {
            let error = json!({"errorType": "NotPosted", "errorMessage": "no"});
            return Reply::json(200, &error).with_header("x-amz-function-error", "Unhandled");
        }
        let failed: &[Value] =
            if body.contains("\"n\":2") { &[json!({"itemIdentifier": "m"})] } else { &[] };
        Reply::json(200, &json!({"batchItemFailures": failed}))
    })
    .await;
    let arguments = ["redrive", "music-dlq", "--invoke", "sluice-dev-alert-notifier", "--json"];
    let run = async |arguments: &[&str]| {
        let mut command = sluice(arguments);
        command.env("AWS_ENDPOINT_URL_SQS", queues.client.url());
        command.env("AWS_ENDPOINT_URL_LAMBDA", &lambda.url);
        finish(command.spawn().unwrap()).await
    };
    let dry = run(&arguments).await;
    assert_eq!((dry.code, &dry.json()["moved"]), (0, &json!(4)), "{dry:?}");
    assert_eq!(lambda.take_calls().len(), 0);
    let finished = run(&[&arguments[..], &["--yes"]].concat()).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    let answer = finished.json();
    assert_eq!((&answer["moved"], &answer["failed"]), (&json!(2), &json!(2)), "{answer}");
    for reason in ["NotPosted: no", "BatchItemFailures: the function did not take it"] {
        assert!(finished.stderr.contains(reason), "{finished:?}");
    }
    let path = "/2015-03-31/functions/sluice-dev-alert-notifier/invocations";
    let calls = lambda.take_calls();
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|call| call.path == path), "{calls:?}");
    assert_eq!(queues.counts().await, [2, 0, 0]);
}

#[tokio::test]
async fn matching_messages_are_moved_and_all_others_stay() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(20).await;
    for (conditions, moved) in [
        (&["--body", "/n=4"][..], 1),
        (&["--text", "\"n\":6"], 1),
        (&["--reason", "timeout", "--reason", "other", "--max-messages", "3"], 3),
        (&["--attribute", "sluice.reason=timeout", "--body", "/kind=odd", "--max-age", "1h"], 7),
        (&["--min-age", "1h"], 0),
        (&["--source-arn", "arn:aws:sqs:us-east-1:000000000000:other"], 0),
    ] {
        let before = queues.counts().await;
        let arguments = [&["redrive", "music-dlq", "--yes", "--json"], conditions].concat();
        let finished = queues.run(&arguments).await;
        assert_eq!(finished.code, 0, "{finished:?}");
        let answer = finished.json();
        assert_eq!(answer["moved"], moved, "{conditions:?}");
        assert_eq!(answer["mode"], "selective");
        assert_eq!(queues.counts().await, [before[0] - moved, before[1] + moved, 0]);
    }
    let finished = queues.run(&["redrive", "music-dlq", "--text", "\"n\"", "--yes"]).await;
    assert!(
        finished.stdout.contains("\nMoved               8  to their destination\n"),
        "{finished:?}"
    );
    assert_eq!(queues.counts().await, [0, 20, 0]);
}

#[tokio::test]
async fn a_destination_and_a_parking_queue() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(4).await;
    let parking_arn = queues.dlq_arn.replace("music-dlq", "parking");
    let to = ["redrive", &queues.dlq_arn, "--destination", &parking_arn];
    let finished = queues.run(&[&to[..], &["--body", "/n=0", "--yes", "--json"]].concat()).await;
    assert_eq!((finished.code, &finished.json()["moved"]), (0, &json!(1)), "{finished:?}");
    assert_eq!(queues.counts().await, [3, 0, 1]);
    let park = ["redrive", &queues.dlq, "--max-redrives", "0", "--parking", "parking"];
    let finished = queues.run(&park).await;
    assert!(
        finished.stdout.contains("To park             3  redriven too often\n"),
        "{finished:?}"
    );
    let finished = queues.run(&[&park[..], &["--yes", "--json"]].concat()).await;
    assert_eq!((finished.code, &finished.json()["parked"]), (0, &json!(3)), "{finished:?}");
    assert_eq!(queues.counts().await, [0, 0, 4]);
    // Messages that were sent to the queue directly have no source.
    let finished = queues.run(&["redrive", "parking"]).await;
    let expected = "Skipped             4  redriven too often, or without a source";
    assert!(finished.stdout.contains(expected), "{finished:?}");
    assert!(finished.stderr.contains("there is nothing to move"), "{finished:?}");
}

#[tokio::test]
async fn a_queue_is_named_by_its_url_arn_or_name() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(14).await;
    for queue in [&*queues.dlq, &queues.dlq_arn, "music-dlq"] {
        let finished = queues.run(&["inspect", queue, "--reason", "timeout", "--json"]).await;
        assert_eq!(finished.code, 0, "{finished:?}");
        let mut answer = finished.json();
        let source_arn = queues.dlq_arn.replace("music-dlq", "music");
        assert_eq!(answer["samples"].as_array().unwrap().len(), 7);
        let ages = answer["ages"].take();
        assert_eq!(ages["hour"], 7);
        assert_eq!(
            answer,
            json!({
                "action": "inspect", "scanned": 14, "reasons": {"timeout": 7},
                "sources": {source_arn: 7}, "ages": null, "samples": answer["samples"],
                "complete": true,
            })
        );
        assert_eq!(queues.counts().await, [14, 0, 0]);
    }
    let finished = queues.run(&["inspect", "music-dlq"]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let start = "\n\nScanned            14  messages\nMatched            14  by reason\n";
    assert!(finished.stdout.contains(start), "{finished:?}");
    assert!(
        finished.stdout.contains("                   14    up to an hour ago\n"),
        "{finished:?}"
    );
    assert_eq!(
        finished.stdout.lines().skip_while(|line| *line != "Samples").count(),
        11,
        "{finished:?}"
    );
}

#[tokio::test]
async fn ctrl_c_makes_messages_visible_again_and_reports_what_was_moved() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(60).await;
    let arguments = ["redrive", "music-dlq", "--rate", "5", "--mode", "selective"];
    let command = queues.start(&[&arguments[..], &["--yes", "--json"]].concat());
    // Waits for the first message.
    assert!(!queues.wait_for(&queues.main).await.is_empty());
    interrupt(&command).await;
    let finished = finish(command).await;
    assert_eq!(finished.code, 130, "{finished:?}");
    let answer = finished.json();
    assert_eq!(answer["stopped"], "interrupted");
    assert_eq!(answer["complete"], false);
    let moved = answer["moved"].as_u64().unwrap();
    assert!((1..60).contains(&moved), "{moved}");
    let messages = if moved == 1 { "message was" } else { "messages were" };
    let expected = format!("interrupted: {moved} {messages} moved; the others stay in the queue");
    assert!(finished.stderr.contains(&expected), "{finished:?}");
    assert!(finished.stderr.contains("Stopping: received messages are moved or"), "{finished:?}");
    // The message that the test received returns to the dead-letter queue.
    let [dlq, main, _] = queues.counts().await;
    assert_eq!(dlq + main, 60);
    // Running it again continues.
    let finished = queues.run(&["redrive", "music-dlq", "--mode", "selective", "--yes"]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(queues.counts().await, [0, 60, 0]);
}

#[tokio::test]
async fn a_second_ctrl_c_ends_it_at_once_and_loses_nothing() {
    let (sqs, queues) = Queues::embedded().await;
    queues.give_up(5).await;
    let hangs = Fault::Slow(Duration::from_mins(10));
    sqs.fail(Operation::SendMessageBatch, hangs, Lasting::UntilCleared);
    let arguments = ["redrive", "music-dlq", "--mode", "selective", "--yes"];
    let mut command = queues.start(&arguments);
    assert_eq!(queues.wait_for(&queues.main).await.len(), 5);
    let mut lines = BufReader::new(command.stderr.take().unwrap()).lines();
    interrupt(&command).await;
    while !lines.next_line().await.unwrap().unwrap().starts_with("Stopping: ") {}
    interrupt(&command).await;
    let last = lines.next_line().await.unwrap().unwrap();
    assert!(last.starts_with("interrupted: stopped at once: no message is lost"), "{last}");
    let output = command.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(130), &b""[..]));
    // The messages were sent and not deleted.
    assert_eq!(queues.client.message_count(&queues.main).await.unwrap(), 5);
    assert_eq!(queues.client.message_count(&queues.dlq).await.unwrap(), 5);
}

#[tokio::test]
async fn a_canary_that_returns_stops_the_run() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(30).await;
    let arguments = ["redrive", "music-dlq", "--canary", "1", "--canary-wait", "5s"];
    let command = queues.start(&[&arguments[..], &["--yes", "--json"]].concat());
    assert_eq!(queues.wait_for(&queues.main).await.len(), 1);
    // The second receive moves it to the dead-letter queue.
    assert_eq!(queues.receive(&queues.main).await.len(), 0);
    let finished = finish(command).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    let answer = finished.json();
    assert_eq!((&answer["stopped"], &answer["moved"]), (&json!("canary"), &json!(1)));
    assert!(
        finished.stderr.contains("error: a canary message is back in the queue"),
        "{finished:?}"
    );
    assert_eq!(queues.counts().await, [30, 0, 0]);
}

#[tokio::test]
async fn messages_that_fail_are_reported_and_stay() {
    let (sqs, queues) = Queues::embedded().await;
    queues.give_up(10).await;
    let fails = Fault::Entries(vec![2, 7]);
    sqs.fail(Operation::SendMessageBatch, fails, Lasting::Requests(1));
    let selective = ["redrive", "music-dlq", "--mode", "selective", "--yes"];
    let finished = queues.run(&selective).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(
        finished.stdout.contains("Moved               8  to their destination\n"),
        "{finished:?}"
    );
    assert!(
        finished.stdout.contains("Failed              2  not lost: see below\n"),
        "{finished:?}"
    );
    assert!(
        finished.stderr.contains("2 messages were not sent: still in the queue (first: "),
        "{finished:?}"
    );
    assert!(finished.stderr.contains("error: 2 messages were not moved"), "{finished:?}");
    assert_eq!(queues.counts().await, [2, 8, 0]);

    sqs.fail(Operation::ReceiveMessage, Fault::Deny, Lasting::UntilCleared);
    let finished = queues.run(&selective).await;
    assert_eq!((finished.code, &*finished.stdout), (1, ""), "{finished:?}");
    assert!(finished.stderr.contains("error: failed to read the queue "), "{finished:?}");
    assert!(finished.stderr.contains(": AccessDenied"), "{finished:?}");
    assert!(finished.stderr.contains("functions/dlq-redrive/README.md"), "{finished:?}");
    sqs.clear_faults();
    sqs.fail(Operation::ReceiveMessage, Fault::Throttle, Lasting::UntilCleared);
    let finished = queues.run(&[&selective[..], &["--json"]].concat()).await;
    assert_eq!(
        (finished.code, &finished.json()["stopped"]),
        (1, &json!("receive_failed")),
        "{finished:?}"
    );
    sqs.clear_faults();
    assert_eq!(queues.counts().await, [2, 8, 0]);
}

#[tokio::test]
async fn nothing_is_moved_while_opensearch_is_unavailable() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(2).await;
    let url = unavailable_url();
    let finished = queues.run(&["redrive", "music-dlq", "--opensearch", &url, "--yes"]).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.stderr.contains("OpenSearch is not green or yellow"), "{finished:?}");
    assert!(!finished.stderr.contains("secret"), "{finished:?}");
    assert_eq!(queues.counts().await, [2, 0, 0]);
}

#[tokio::test]
async fn a_move_task_is_shown_and_cancelled() {
    let (_sqs, queues) = Queues::embedded().await;
    let finished = queues.run(&["redrive", "music-dlq", "--status"]).await;
    assert!(finished.stdout.ends_with("The queue has no move tasks.\n"), "{finished:?}");
    let finished = queues.run(&["redrive", "music-dlq", "--cancel"]).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.stderr.contains(&format!("no move task of {} is running", queues.dlq_arn)));

    queues.give_up(500).await;
    let command = queues.start(&["redrive", "music-dlq", "--rate", "5", "--yes"]);
    // Waits for the first message, which returns to the dead-letter queue.
    assert!(!queues.wait_for(&queues.main).await.is_empty());
    interrupt(&command).await;
    let finished = finish(command).await;
    assert_eq!(finished.code, 130, "{finished:?}");
    assert!(
        finished.stderr.contains("interrupted: SQS continues the move task: --status"),
        "{finished:?}"
    );
    let finished = queues.run(&["redrive", "music-dlq", "--cancel"]).await;
    assert!(finished.stdout.contains("  by SQS before the task was cancelled\n"), "{finished:?}");
    while queues.visible(&queues.dlq).await < 500 {
        queues.receive(&queues.main).await;
    }

    let finished = queues.run(&["redrive", "music-dlq", "--rate", "1", "--yes"]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.stdout.contains("  by SQS so far\nTask        "), "{finished:?}");
    assert!(
        finished.stderr.contains("SQS continues the move task: --status shows"),
        "{finished:?}"
    );
    let finished = queues.run(&["redrive", "music-dlq", "--status", "--json"]).await;
    let answer = finished.json();
    assert_eq!((&answer["action"], finished.code), (&json!("status"), 0));
    assert_eq!(answer["tasks"][0]["Status"], "RUNNING");
    assert_eq!(answer["tasks"][0]["MaxNumberOfMessagesPerSecond"], 1);
    let finished = queues.run(&["redrive", "music-dlq", "--yes"]).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.stderr.contains("--status shows it, --cancel ends it"), "{finished:?}");
    let finished = queues.run(&["redrive", "music-dlq", "--cancel", "--json"]).await;
    let moved = finished.json()["moved"].as_u64().unwrap();
    assert!((1..500).contains(&moved), "{finished:?}");
    let finished = queues.run(&["redrive", "music-dlq", "--status"]).await;
    assert!(finished.stdout.contains("CANCELLED"), "{finished:?}");
    assert_eq!(queues.counts().await, [500 - moved, moved, 0]);
}

#[tokio::test]
async fn a_real_sqs() {
    let sqs = Sqs::start(Choice::Auto, |line| eprintln!("{line}")).await.unwrap();
    let queues = Queues::create(sqs.url()).await;
    queues.give_up(20).await;
    let finished = queues.run(&["inspect", "music-dlq", "--json"]).await;
    assert_eq!(finished.json()["reasons"], json!({"timeout": 10, "unknown": 10}), "{finished:?}");
    let finished = queues.run(&["redrive", "music-dlq", "--reason", "timeout", "--json"]).await;
    assert_eq!((&finished.json()["moved"], finished.code), (&json!(10), 0), "{finished:?}");
    assert_eq!(queues.counts().await, [20, 0, 0]);
    let finished = queues.run(&["redrive", "music-dlq", "--reason", "timeout", "--yes"]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(queues.counts().await, [10, 10, 0]);
    let finished = queues.run(&["redrive", &queues.dlq, "--yes", "--json"]).await;
    let answer = finished.json();
    assert_eq!((&answer["mode"], &answer["moved"]), (&json!("native"), &json!(10)), "{finished:?}");
    assert_eq!(queues.counts().await, [0, 20, 0]);
    sqs.stop().await;
}
