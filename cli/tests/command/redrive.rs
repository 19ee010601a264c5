//! `sluice redrive` and `sluice inspect` on queues of a SQS on this machine.

use std::net::TcpListener;
use std::time::Duration;

use local::sqs::embedded::{Fault, Lasting, Operation};
use local::sqs::{Choice, Sqs};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::support::{Queues, Said, sluice};

async fn interrupt(command: &Child) {
    let id = command.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
}

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
        let said = queues.say(&["redrive", &queues.dlq, "--mode", mode, "--json"]).await;
        assert_eq!((said.code, said.json()), (0, answer.clone()), "{mode}: {said:?}");
        assert!(said.err.contains("Dry run: nothing was moved. --yes moves them"), "{said:?}");
        let is_native = said.err.contains("SQS moves them itself");
        assert_eq!(is_native, mode != "selective", "{said:?}");
        assert_eq!(queues.counts().await, [12, 0, 0]);
    }
    let said = queues.say(&["redrive", "music-dlq"]).await;
    let expected = format!(
        "{}\n\nLooked at          12  messages\n                    6    timeout\n                    \
         6    unknown\nTo move            12  nothing was moved\n",
        queues.dlq
    );
    assert_eq!((said.code, said.out), (0, expected));
    assert_eq!(queues.counts().await, [12, 0, 0]);
}

#[tokio::test]
async fn sqs_itself_moves_all_where_nothing_else_is_asked() {
    let (sqs, queues) = Queues::embedded().await;
    queues.give_up(25).await;
    let said = queues.say(&["redrive", "music-dlq", "--yes", "--json"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let answer = said.json();
    assert_eq!(answer["mode"], "native");
    assert_eq!((&answer["moved"], &answer["complete"]), (&json!(25), &json!(true)));
    assert_eq!(sqs.calls(Operation::StartMessageMoveTask), 1);
    assert_eq!(sqs.calls(Operation::SendMessageBatch), 0);
    assert_eq!(queues.counts().await, [0, 25, 0]);
}

#[tokio::test]
async fn messages_that_are_meant_are_moved_and_all_others_stay() {
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
        let said = queues.say(&arguments).await;
        assert_eq!(said.code, 0, "{said:?}");
        let answer = said.json();
        assert_eq!(answer["moved"], moved, "{conditions:?}");
        assert_eq!(answer["mode"], "selective");
        assert_eq!(queues.counts().await, [before[0] - moved, before[1] + moved, 0]);
    }
    let said = queues.say(&["redrive", "music-dlq", "--text", "\"n\"", "--yes"]).await;
    assert!(said.out.contains("\nMoved               8  in their destination\n"), "{said:?}");
    assert_eq!(queues.counts().await, [0, 20, 0]);
}

#[tokio::test]
async fn a_destination_and_parking_are_named_as_any_queue() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(4).await;
    let parking_arn = queues.dlq_arn.replace("music-dlq", "parking");
    let to = ["redrive", &queues.dlq_arn, "--destination", &parking_arn];
    let said = queues.say(&[&to[..], &["--body", "/n=0", "--yes", "--json"]].concat()).await;
    assert_eq!((said.code, &said.json()["moved"]), (0, &json!(1)), "{said:?}");
    assert_eq!(queues.counts().await, [3, 0, 1]);
    let park = ["redrive", &queues.dlq, "--max-redrives", "0", "--parking", "parking"];
    let said = queues.say(&park).await;
    assert!(said.out.contains("To park             3  redriven too often\n"), "{said:?}");
    let said = queues.say(&[&park[..], &["--yes", "--json"]].concat()).await;
    assert_eq!((said.code, &said.json()["parked"]), (0, &json!(3)), "{said:?}");
    assert_eq!(queues.counts().await, [0, 0, 4]);
    // What was sent directly has no origin.
    let said = queues.say(&["redrive", "parking"]).await;
    let expected = "Left                4  redriven too often, or nobody knows where to";
    assert!(said.out.contains(expected), "{said:?}");
    assert!(said.err.contains("there is nothing to move"), "{said:?}");
}

#[tokio::test]
async fn an_inspection_is_the_same_by_url_arn_and_name() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(14).await;
    for queue in [&*queues.dlq, &queues.dlq_arn, "music-dlq"] {
        let said = queues.say(&["inspect", queue, "--reason", "timeout", "--json"]).await;
        assert_eq!(said.code, 0, "{said:?}");
        let mut answer = said.json();
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
    let said = queues.say(&["inspect", "music-dlq"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let start = "\n\nLooked at          14  messages\nMeant              14  by their reason\n";
    assert!(said.out.contains(start), "{said:?}");
    assert!(said.out.contains("                   14    up to an hour ago\n"), "{said:?}");
    assert_eq!(said.out.lines().skip_while(|line| *line != "Samples").count(), 11, "{said:?}");
}

#[tokio::test]
async fn ctrl_c_puts_back_what_is_in_hand_and_tells_what_was_moved() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(60).await;
    let arguments = ["redrive", "music-dlq", "--rate", "5", "--mode", "selective"];
    let command = queues.sluice(&[&arguments[..], &["--yes", "--json"]].concat()).spawn().unwrap();
    // Waits until a message has arrived.
    assert!(!queues.wait_for(&queues.main).await.is_empty());
    interrupt(&command).await;
    let said = Said::of(command.wait_with_output().await.unwrap());
    assert_eq!(said.code, 130, "{said:?}");
    let answer = said.json();
    assert_eq!(answer["stopped"], "interrupted");
    assert_eq!(answer["complete"], false);
    let moved = answer["moved"].as_u64().unwrap();
    assert!((1..60).contains(&moved), "{moved}");
    let told = format!("interrupted: {moved} messages were moved; all others are where they were");
    assert!(said.err.contains(&told), "{said:?}");
    assert!(said.err.contains("Ending: what is in hand is finished or put back"), "{said:?}");
    // The received one is in the dead-letter queue again, or about to be.
    let [dlq, main, _] = queues.counts().await;
    assert_eq!(dlq + main, 60);
    // Running it again goes on.
    let said = queues.say(&["redrive", "music-dlq", "--mode", "selective", "--yes"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(queues.counts().await, [0, 60, 0]);
}

#[tokio::test]
async fn a_second_ctrl_c_ends_it_at_once_and_loses_nothing() {
    let (sqs, queues) = Queues::embedded().await;
    queues.give_up(5).await;
    let hangs = Fault::Slow(Duration::from_mins(10));
    sqs.fail(Operation::SendMessageBatch, hangs, Lasting::UntilCleared);
    let arguments = ["redrive", "music-dlq", "--mode", "selective", "--yes"];
    let mut command = queues.sluice(&arguments).spawn().unwrap();
    assert_eq!(queues.wait_for(&queues.main).await.len(), 5);
    let mut lines = BufReader::new(command.stderr.take().unwrap()).lines();
    interrupt(&command).await;
    while !lines.next_line().await.unwrap().unwrap().starts_with("Ending: ") {}
    interrupt(&command).await;
    let last = lines.next_line().await.unwrap().unwrap();
    assert!(last.starts_with("interrupted: ended at once: no message is lost"), "{last}");
    let output = command.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(130), &b""[..]));
    // They are sent, and were not deleted.
    assert_eq!(queues.client.message_count(&queues.main).await.unwrap(), 5);
    assert_eq!(queues.client.message_count(&queues.dlq).await.unwrap(), 5);
}

#[tokio::test]
async fn a_canary_that_is_back_stops_it() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(30).await;
    let arguments = ["redrive", "music-dlq", "--canary", "1", "--canary-wait", "5s"];
    let command = queues.sluice(&[&arguments[..], &["--yes", "--json"]].concat()).spawn().unwrap();
    assert_eq!(queues.wait_for(&queues.main).await.len(), 1);
    // The second receive gives it up.
    assert_eq!(queues.receive(&queues.main).await.len(), 0);
    let said = Said::of(command.wait_with_output().await.unwrap());
    assert_eq!(said.code, 1, "{said:?}");
    let answer = said.json();
    assert_eq!((&answer["stopped"], &answer["moved"]), (&json!("canary"), &json!(1)));
    assert!(said.err.contains("error: a canary is back in the queue"), "{said:?}");
    assert_eq!(queues.counts().await, [30, 0, 0]);
}

#[tokio::test]
async fn what_fails_is_told_and_stays() {
    let (sqs, queues) = Queues::embedded().await;
    queues.give_up(10).await;
    let fails = Fault::Entries(vec![2, 7]);
    sqs.fail(Operation::SendMessageBatch, fails, Lasting::Requests(1));
    let selective = ["redrive", "music-dlq", "--mode", "selective", "--yes"];
    let said = queues.say(&selective).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("Moved               8  in their destination\n"), "{said:?}");
    assert!(said.out.contains("Failed              2  not lost: see below\n"), "{said:?}");
    assert!(said.err.contains("2 messages could not be sent, and stay (the first is "), "{said:?}");
    assert!(said.err.contains("error: 2 messages could not be moved"), "{said:?}");
    assert_eq!(queues.counts().await, [2, 8, 0]);

    sqs.fail(Operation::ReceiveMessage, Fault::Deny, Lasting::UntilCleared);
    let said = queues.say(&selective).await;
    assert_eq!((said.code, &*said.out), (1, ""), "{said:?}");
    assert!(said.err.contains("error: failed to read the queue "), "{said:?}");
    assert!(said.err.contains(": AccessDenied"), "{said:?}");
    assert!(said.err.contains("functions/dlq-redrive/README.md"), "{said:?}");
    sqs.clear_faults();
    sqs.fail(Operation::ReceiveMessage, Fault::Throttle, Lasting::UntilCleared);
    let said = queues.say(&[&selective[..], &["--json"]].concat()).await;
    assert_eq!((said.code, &said.json()["stopped"]), (1, &json!("receive_failed")), "{said:?}");
    sqs.clear_faults();
    assert_eq!(queues.counts().await, [2, 8, 0]);
}

#[tokio::test]
async fn nothing_is_moved_while_opensearch_is_away() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(2).await;
    // A port that was free a moment ago, and is free again.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://ada:secret@127.0.0.1:{port}");
    let said = queues.say(&["redrive", "music-dlq", "--opensearch", &url, "--yes"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("OpenSearch is not green or yellow"), "{said:?}");
    assert!(!said.err.contains("secret"), "{said:?}");
    assert_eq!(queues.counts().await, [2, 0, 0]);
}

#[tokio::test]
async fn a_move_task_is_shown_and_cancelled() {
    let (_sqs, queues) = Queues::embedded().await;
    let said = queues.say(&["redrive", "music-dlq", "--status"]).await;
    assert!(said.out.ends_with("SQS knows of no move task of this queue.\n"), "{said:?}");
    let said = queues.say(&["redrive", "music-dlq", "--cancel"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains(&format!("no move task of {} is running", queues.dlq_arn)));

    queues.give_up(500).await;
    let command = queues.sluice(&["redrive", "music-dlq", "--rate", "5", "--yes"]).spawn().unwrap();
    // The task is under way: a message has arrived, which this gives up again.
    assert!(!queues.wait_for(&queues.main).await.is_empty());
    interrupt(&command).await;
    let said = Said::of(command.wait_with_output().await.unwrap());
    assert_eq!(said.code, 130, "{said:?}");
    assert!(said.err.contains("interrupted: SQS goes on by itself: --status"), "{said:?}");
    let said = queues.say(&["redrive", "music-dlq", "--cancel"]).await;
    assert!(said.out.contains("  by SQS, until the task was cancelled\n"), "{said:?}");
    while queues.visible(&queues.dlq).await < 500 {
        queues.receive(&queues.main).await;
    }

    let said = queues.say(&["redrive", "music-dlq", "--rate", "1", "--yes"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("  by SQS, up to now\nTask        "), "{said:?}");
    assert!(said.err.contains("SQS goes on by itself: --status shows"), "{said:?}");
    let said = queues.say(&["redrive", "music-dlq", "--status", "--json"]).await;
    let answer = said.json();
    assert_eq!((&answer["action"], said.code), (&json!("status"), 0));
    assert_eq!(answer["tasks"][0]["Status"], "RUNNING");
    assert_eq!(answer["tasks"][0]["MaxNumberOfMessagesPerSecond"], 1);
    let said = queues.say(&["redrive", "music-dlq", "--yes"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("--status shows it, --cancel ends it"), "{said:?}");
    let said = queues.say(&["redrive", "music-dlq", "--cancel", "--json"]).await;
    let moved = said.json()["moved"].as_u64().unwrap();
    assert!((1..500).contains(&moved), "{said:?}");
    let said = queues.say(&["redrive", "music-dlq", "--status"]).await;
    assert!(said.out.contains("CANCELLED"), "{said:?}");
    assert_eq!(queues.counts().await, [500 - moved, moved, 0]);
}

#[tokio::test]
async fn wrong_use_is_told_before_anything_is_done() {
    let (sqs, queues) = Queues::embedded().await;
    queues.give_up(1).await;
    let received = sqs.calls(Operation::ReceiveMessage);
    for (arguments, expected) in [
        (&["redrive", "music dlq"][..], "\"music dlq\" is no URL, no ARN and no name of a queue"),
        (&["redrive", "arn:aws:s3:::music"], "is no URL and no ARN of a queue"),
        (&["redrive", "music-dlq", "--destination", &queues.dlq], "--destination: must not be the"),
        (&["redrive", "music-dlq", "--mode", "native", "--text", "a"], "cannot be had in the mode"),
        (&["redrive", "music-dlq", "--mode", "native", "--rate", "501"], "--rate: must be at most"),
        (&["redrive", "music-dlq", "--min-age", "2d", "--max-age", "1d"], "--min-age: must not be"),
        (&["redrive", "music-dlq", "--max-age", "1"], "expected a number with a unit"),
        (&["redrive", "music-dlq", "--rate", "0"], "--rate"),
        (&["redrive", "music-dlq", "--parking", "parking"], "--max-redrives"),
        (&["redrive", "music-dlq", "--status", "--yes"], "cannot be used with"),
        (&["redrive", "music-dlq", "--opensearch", "ada:secret@host"], "--opensearch is not a URL"),
        (&["inspect"], "QUEUE"),
    ] {
        let said = queues.say(arguments).await;
        assert_eq!((said.code, &*said.out), (2, ""), "{arguments:?}: {said:?}");
        assert!(said.err.contains(expected), "{arguments:?}: {said:?}");
        assert!(!said.err.contains("secret"), "{said:?}");
    }
    assert_eq!(sqs.calls(Operation::ReceiveMessage), received);
    let said = queues.say(&["inspect", "no-such-queue"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("Are the region, the account and the name right?"), "{said:?}");
}

#[tokio::test]
async fn without_credentials_it_tells_how_to_get_them() {
    let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq";
    for command in ["inspect", "redrive"] {
        let said = Said::of(sluice(&[command, url]).output().await.unwrap());
        assert_eq!((said.code, &*said.out), (1, ""), "{said:?}");
        assert!(said.err.contains("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"));
        let remedy = "eval \"$(aws configure export-credentials --format env)\"";
        assert!(said.err.contains(remedy), "{said:?}");
    }
}

#[tokio::test]
async fn a_real_sqs_is_worked_on_as_the_embedded_one() {
    let sqs = Sqs::start(Choice::Auto, |line| eprintln!("{line}")).await.unwrap();
    let queues = Queues::create(sqs.url()).await;
    queues.give_up(20).await;
    let said = queues.say(&["inspect", "music-dlq", "--json"]).await;
    assert_eq!(said.json()["reasons"], json!({"timeout": 10, "unknown": 10}), "{said:?}");
    let said = queues.say(&["redrive", "music-dlq", "--reason", "timeout", "--json"]).await;
    assert_eq!((&said.json()["moved"], said.code), (&json!(10), 0), "{said:?}");
    assert_eq!(queues.counts().await, [20, 0, 0]);
    let said = queues.say(&["redrive", "music-dlq", "--reason", "timeout", "--yes"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(queues.counts().await, [10, 10, 0]);
    let said = queues.say(&["redrive", &queues.dlq, "--yes", "--json"]).await;
    let answer = said.json();
    assert_eq!((&answer["mode"], &answer["moved"]), (&json!("native"), &json!(10)), "{said:?}");
    assert_eq!(queues.counts().await, [0, 20, 0]);
    sqs.stop().await;
}
