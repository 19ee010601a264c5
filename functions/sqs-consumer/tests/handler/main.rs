//! The handler with a scripted OpenSearch and a scripted SQS, on a paused clock.

#![cfg(test)]

mod payloads;

#[path = "../support"]
mod support {
    pub(crate) mod app;
    pub(crate) mod event;
}

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Value, json};

use support::app::{Bulk, Call, Done, Handler, NOW_MS};
use support::event::{event, message, play};

const MINUTE: Duration = Duration::from_mins(1);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn bulk(ids: &[&str]) -> Done {
    Done::Bulk(ids.iter().map(|&id| id.to_owned()).collect())
}

/// The receipt handles of the messages whose visibility was changed.
fn visibility_changed(done: &[Done]) -> Vec<&str> {
    let handles = done.iter().filter_map(|done| match done {
        Done::Visibility(_, changes) => Some(changes),
        _ => None,
    });
    handles.flatten().map(|(handle, _)| &**handle).collect()
}

#[tokio::test(start_paused = true)]
async fn a_good_batch_is_one_request_and_nothing_else() {
    let mut handler = Handler::new(&[]);
    let event = event(&[message("m0", &play("a")), message("m1", &play("b"))]);
    for _ in 0..2 {
        let (come_again, _) = handler.handle(&event, MINUTE).await.unwrap();
        assert_eq!(come_again, [""; 0]);
        assert_eq!(handler.done(), [bulk(&["a", "b"])]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_message_arrived_when_it_was_sent() {
    let mut handler = Handler::new(&[]);
    let event = event(&[message("m0", r#"{"event_id":"a"}"#)]);
    handler.handle(&event, MINUTE).await.unwrap();
    let bodies = handler.bodies();
    let [action, document] = &*bodies[0].lines().collect::<Vec<_>>() else { panic!("{bodies:?}") };
    let action: Value = serde_json::from_str(action).unwrap();
    assert_eq!(action, json!({"create": {"_index": "music-events-2024.03.01", "_id": "a"}}));
    let document: Value = serde_json::from_str(document).unwrap();
    assert_eq!(document["@timestamp"], "2024-03-01T12:34:58.120Z");
    assert_eq!(document["event"]["timestamp_source"], "arrival");
    assert_eq!(document["event"]["ingested"], "2024-03-01T12:35:00.000Z");
}

#[tokio::test(start_paused = true)]
async fn an_event_without_messages_is_answered_with_an_empty_list() {
    let mut handler = Handler::new(&[]);
    let (come_again, _) = handler.handle(b"{\"Records\":[]}", MINUTE).await.unwrap();
    assert_eq!(come_again, [""; 0]);
    assert_eq!(handler.done(), []);
    let (metrics, dimensions) = handler.metrics();
    assert_eq!(dimensions, json!([["FunctionName"]]));
    assert_eq!(metrics["MessagesIn"], 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_of_sqs_fails_the_invocation() {
    let mut handler = Handler::new(&[]);
    let mut records = [message("m0", &play("a")), message("m1", &play("b"))];
    records[1].as_object_mut().unwrap().remove("eventSourceARN");
    for event in [event(&records), b"{\"records\":[]}".to_vec(), b"oops".to_vec()] {
        let error = handler.handle(&event, MINUTE).await.unwrap_err();
        assert!(error.to_string().starts_with("not an SQS event: "), "{error}");
        assert_eq!(handler.done(), [], "nothing is half done");
        assert_eq!(handler.metrics().0["MessagesIn"], 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_where_opensearch_gives_none() {
    let mut handler = Handler::new(&[]).opensearch(&[Bulk::Hang]);
    let event = event(&[message("m0", &play("a"))]);
    let (come_again, took) = handler.handle(&event, MINUTE).await.unwrap();
    assert_eq!(come_again, ["m0"]);
    // Half of the margin of 2 s is left.
    assert_eq!(took, seconds(59));
    assert_eq!(visibility_changed(&handler.done()), ["handle-m0"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_where_sqs_gives_none() {
    let mut handler = Handler::new(&[]).sqs(&[Call::Hang]);
    let (come_again, took) =
        handler.handle(&event(&[message("m0", "oops")]), MINUTE).await.unwrap();
    assert_eq!((come_again, took), (vec!["m0".to_owned()], seconds(59)));
    let mut handler = Handler::new(&[]).opensearch(&[Bulk::Status(429)]).sqs(&[Call::Hang]);
    let (come_again, took) =
        handler.handle(&event(&[message("m0", &play("a"))]), MINUTE).await.unwrap();
    // Half of the rest.
    assert_eq!((come_again, took), (vec!["m0".to_owned()], Duration::from_millis(59_500)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_started_in_the_margin() {
    let one_each = [("BULK_MAX_DOCS", "1")];
    let event = event(&[message("m0", &play("a")), message("m1", &play("b"))]);
    for (first_takes, requests) in [
        (Duration::from_millis(57_999), vec![bulk(&["a"]), bulk(&["b"])]),
        (seconds(58), vec![bulk(&["a"])]),
    ] {
        let mut handler = Handler::new(&one_each).opensearch(&[Bulk::Write(first_takes)]);
        let (come_again, _) = handler.handle(&event, MINUTE).await.unwrap();
        let done = handler.done();
        assert_eq!(done[..requests.len()], requests);
        let expected: &[_] = if requests.len() == 2 { &[] } else { &["m1"] };
        assert_eq!(come_again, expected);
        let expected: &[_] = if requests.len() == 2 { &[] } else { &["handle-m1"] };
        assert_eq!(visibility_changed(&done), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn without_time_all_messages_come_again() {
    for left in [Duration::ZERO, Duration::from_millis(1_999)] {
        let mut handler = Handler::new(&[]);
        let event = event(&[message("m0", &play("a")), message("m1", "oops")]);
        let (come_again, took) = handler.handle(&event, left).await.unwrap();
        assert_eq!((come_again, took), (vec!["m0".to_owned(), "m1".to_owned()], Duration::ZERO));
        assert!(handler.done().iter().all(|done| matches!(done, Done::Visibility(..))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_margin_of_nothing_leaves_time_for_the_answer() {
    let mut handler = Handler::new(&[("DEADLINE_MARGIN_MS", "0")]).opensearch(&[Bulk::Hang]);
    let event = event(&[message("m0", &play("a"))]);
    let (come_again, took) = handler.handle(&event, MINUTE).await.unwrap();
    assert_eq!((come_again, took), (vec!["m0".to_owned()], Duration::from_millis(59_900)));
}

#[tokio::test(start_paused = true)]
async fn messages_stay_away_for_a_while_that_doubles_and_ends_with_twelve_hours() {
    let received = |id: &str, count: u32, since_ms: u64| {
        let mut message = message(id, &play(id));
        message["attributes"]["ApproximateReceiveCount"] = json!(count.to_string());
        let first = (NOW_MS - since_ms).to_string();
        message["attributes"]["ApproximateFirstReceiveTimestamp"] = json!(first);
        message
    };
    let twelve_hours_ms = 43_200_000;
    let mut messages: Vec<_> = (0..200).map(|_| received("once", 1, 1_000)).collect();
    messages.extend((0..200).map(|_| received("often", 4, 1_000)));
    // The last request takes 10 s: the remaining time at the start of the invocation is over.
    messages.push(received("over", 9, twelve_hours_ms - 10_500));
    messages.push(received("nearly", 9, twelve_hours_ms - 13_500));
    let mut handler = Handler::new(&[("BULK_MAX_DOCS", "402")])
        .opensearch(&[Bulk::Status(503), Bulk::Write(seconds(10))]);
    messages.push(message("slow", &play("slow")));
    let (come_again, _) = handler.handle(&event(&messages), MINUTE).await.unwrap();
    assert_eq!(come_again.len(), 402);
    let mut longest = std::collections::BTreeMap::new();
    let mut calls = 0;
    for done in handler.done() {
        let Done::Visibility(queue, changes) = done else { continue };
        assert_eq!(queue, "music");
        assert!(changes.len() <= 10);
        calls += 1;
        for (handle, seconds) in changes {
            let longest = longest.entry(handle).or_insert(0);
            *longest = seconds.max(*longest);
        }
    }
    assert_eq!(calls, 41);
    assert!((25..=30).contains(&longest["handle-once"]), "{longest:?}");
    assert!((200..=240).contains(&longest["handle-often"]), "{longest:?}");
    assert!(longest["handle-nearly"] <= 3, "{longest:?}");
    assert!(!longest.contains_key("handle-over"), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_visibility_changed_is_not_told() {
    let mut bare = message("m0", &play("a"));
    bare.as_object_mut().unwrap().remove("receiptHandle");
    let mut no_attributes = message("m1", &play("b"));
    no_attributes.as_object_mut().unwrap().remove("attributes");
    let mut handler = Handler::new(&[]).opensearch(&[Bulk::Status(429)]);
    let event = event(&[bare, no_attributes]);
    let (come_again, _) = handler.handle(&event, MINUTE).await.unwrap();
    assert_eq!(come_again, ["m0", "m1"]);
    assert_eq!(visibility_changed(&handler.done()), ["handle-m1"]);
}

#[tokio::test(start_paused = true)]
async fn each_queue_is_told_of_its_own_messages() {
    let of = |id: &str, queue: &str| {
        let mut message = message(id, &play(id));
        message["eventSourceARN"] = json!(format!("arn:aws:sqs:eu-west-1:1:{queue}"));
        message
    };
    let mut handler = Handler::new(&[]).opensearch(&[Bulk::Status(429)]);
    let event = event(&[of("m0", "one"), of("m1", "two"), of("m2", "two")]);
    handler.handle(&event, MINUTE).await.unwrap();
    let logged: Vec<_> = handler
        .done()
        .into_iter()
        .filter_map(|done| match done {
            Done::Visibility(queue, changes) => Some((queue, changes.len())),
            _ => None,
        })
        .collect();
    assert_eq!(logged, [("one".to_owned(), 1), ("two".to_owned(), 2)]);
}

#[tokio::test(start_paused = true)]
async fn one_id_twice_is_named_wherever_one_of_them_comes_again() {
    let one_each = [("BULK_MAX_DOCS", "1")];
    let script = [Bulk::Write(Duration::ZERO), Bulk::Status(429)];
    let mut handler = Handler::new(&one_each).opensearch(&script);
    let event = event(&[message("m0", &play("a")), message("m0", &play("b"))]);
    let (come_again, _) = handler.handle(&event, MINUTE).await.unwrap();
    assert_eq!(come_again, ["m0"]);
    let (metrics, _) = handler.metrics();
    let of = |name: &str| metrics[name];
    assert_eq!((of("MessagesIn"), of("MessagesDone"), of("MessagesRetried")), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn metrics_and_answer_agree() {
    let one_each = [("BULK_MAX_DOCS", "1")];
    let statuses = [Bulk::Write(Duration::ZERO), Bulk::Status(429), Bulk::Status(413)];
    let mut handler = Handler::new(&one_each).opensearch(&statuses);
    let bodies = [&*play("a"), &play("b"), &play("c"), "oops", &play("d")];
    let messages: Vec<_> =
        bodies.iter().enumerate().map(|(at, body)| message(&format!("m{at}"), body)).collect();
    let (come_again, _) = handler.handle(&event(&messages), MINUTE).await.unwrap();
    assert_eq!(come_again, ["m1"]);
    let (mut metrics, dimensions) = handler.metrics();
    assert_eq!(dimensions, json!([["FunctionName", "QueueName"]]));
    let bytes: usize = handler.bodies().iter().map(String::len).sum();
    assert_eq!(metrics.remove("BulkBytes"), Some(bytes as u64));
    let expected = [
        ("BulkRequests", 4),
        ("DocumentsDuplicate", 0),
        ("DocumentsIndexed", 2),
        ("DocumentsRefused", 2),
        ("MessagesDone", 2),
        ("MessagesIn", 5),
        ("MessagesQuarantined", 2),
        ("MessagesRetried", 1),
    ];
    assert_eq!(metrics, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[tokio::test(start_paused = true)]
async fn an_invocation_that_panics_harms_no_other() {
    let mut handler = Handler::new(&[]).opensearch(&[Bulk::Panic]);
    let event = event(&[message("m0", &play("a"))]);
    let panicked = AssertUnwindSafe(handler.handle(&event, MINUTE)).catch_unwind().await;
    assert!(panicked.is_err());
    let (come_again, _) = handler.handle(&event, MINUTE).await.unwrap();
    assert_eq!(come_again, [""; 0]);
    assert_eq!(handler.done(), [bulk(&["a"]), bulk(&["a"])]);
}

#[tokio::test(start_paused = true)]
async fn metrics_of_documents_count_what_is_new_in_the_index() {
    let rules = r#"[{"metric":"Plays","when":{"event.action":["play"]}},{"metric":"Documents"}]"#;
    let mut handler = Handler::new(&[("METRIC_RULES", rules)]).opensearch(&[
        Bulk::Items(|id| match id {
            "a" => ("a", 201),
            // A pipeline chose another id.
            "b" => ("elsewhere", 201),
            "c" => ("c", 409),
            id => (id, 429),
        }),
        Bulk::Items(|id| (id, if id == "d" { 201 } else { 409 })),
    ]);
    let mut messages = vec![message("m0", "oops"), message("m1", r#"{"event_id":"a"}"#)];
    messages.extend(["b", "c", "d"].map(|id| message(id, &play(id))));
    let event = event(&messages);
    // A retry counts nothing twice, even if the whole batch is redelivered.
    for (come_again, counts) in [
        (&["d"][..], json!([["Plays", 1], ["Documents", 2]])),
        (&[], json!([["Plays", 1], ["Documents", 1]])),
        (&[], json!([["Plays", 3], ["Documents", 4]])),
    ] {
        assert_eq!(handler.handle(&event, MINUTE).await.unwrap().0, come_again);
        let [own, lines @ ..] = &handler.lines()[..] else { panic!() };
        assert_eq!(own["MessagesIn"], 5);
        let count = |line: &Value| {
            let metric = &line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"];
            json!([metric, line[metric.as_str().unwrap()]])
        };
        assert_eq!(lines.iter().map(count).collect::<Value>(), counts);
    }
}
