//! In the steady state a message costs no allocation, and a large batch requires little memory in
//! addition to itself: buffers are reused between messages and between invocations.

#![cfg(test)]

mod support {
    pub(crate) mod event;
}

use std::io;
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use serde_json::{Value, json};
use shared::event::Timestamp;
use shared::opensearch::{Answer, Error, Search};
use shared::runtime::{Function, Invocation};
use shared::s3::GetError;
use shared::sqs::{Failure, Quarantined};
use sqs_consumer::App;
use sqs_consumer::Config;
use sqs_consumer::{Queues, VisibilityChange};
use testkit::LAMBDA;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use support::event::{event, message, play};

/// Documents of one bulk request; every batch is a multiple of it.
const DOCUMENTS: usize = 500;

/// Returns the same answer to all requests, without allocating.
#[derive(Debug)]
struct Index(Answer);

impl Search for Index {
    async fn bulk(&self, _: &[u8]) -> Result<Answer, Error> {
        Ok(self.0.clone())
    }
}

#[derive(Debug)]
struct NoQueues;

impl Queues for NoQueues {
    async fn payload(&self, _: &str, _: &str) -> Result<Bytes, GetError> {
        panic!("no message points to S3")
    }

    async fn quarantine(&self, _: &[Quarantined]) -> Vec<Option<Failure>> {
        panic!("nothing is refused")
    }

    async fn change_visibility(&self, _: &str, _: &[VisibilityChange]) -> Vec<Failure> {
        panic!("nothing is redelivered")
    }
}

type Consumer = App<Index, NoQueues, io::Sink>;

fn consumer() -> Consumer {
    let item = json!({"create": {"_index": "music-events", "_id": "e", "status": 201}});
    let answer = json!({"took": 1, "errors": false, "items": vec![item; DOCUMENTS]});
    consumer_of(200, answer.to_string())
}

/// One whose OpenSearch answers this.
fn consumer_of(status: u16, body: String) -> Consumer {
    let documents = DOCUMENTS.to_string();
    let rules = r#"[{"metric":"Plays","when":{"event.action":["play"]},"by":{"Country":{
        "path":"interaction.country","values":["KR"]}}},{"metric":"Sum","sum":"extra.note"}]"#;
    let own = [
        ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9200"),
        ("BULK_MAX_DOCS", &documents),
        ("METRIC_RULES", rules),
    ];
    let environment = [&LAMBDA, &own[..]].concat().into_iter().collect();
    let config = Config::from_environment(&environment).unwrap();
    let index = Index(Answer { status, body: body.into() });
    App::new(config, index, NoQueues, fastrand::Rng::with_seed(1), io::sink())
}

/// An event with this number of messages with this body.
fn batch(messages: usize, body: &str) -> Vec<u8> {
    let messages: Vec<Value> = (0..messages).map(|at| message(&format!("m{at}"), body)).collect();
    event(&messages)
}

fn handle(consumer: &mut Consumer, runtime: &Runtime, event: &[u8]) -> AllocationInfo {
    handle_to(consumer, runtime, event, r#"{"batchItemFailures":[]}"#)
}

/// The same, with this answer.
fn handle_to(
    consumer: &mut Consumer,
    runtime: &Runtime,
    event: &[u8],
    expected: &str,
) -> AllocationInfo {
    measure(|| {
        let deadline = Instant::now() + Duration::from_hours(1);
        let now = Timestamp::YEAR_2000;
        let invocation =
            Invocation { body: event, request_id: "request", function_arn: "", now, deadline };
        let mut answer = Vec::new();
        runtime.block_on(consumer.handle(invocation, &mut answer)).unwrap();
        assert_eq!(answer, expected.as_bytes());
    })
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// An event with the id `e`, of at least this number of bytes.
fn long_play(bytes: usize) -> String {
    let play = play("e");
    let rest = play.strip_suffix('}').unwrap();
    format!("{rest},\"note\":\"\\\"{}\"}}", "x".repeat(bytes - rest.len()))
}

#[test]
fn a_message_costs_no_allocation() {
    let many = format!("[{0},{0},{0},{0},{0}]", long_play(200));
    let sns = json!({"Type": "Notification", "Message": long_play(200)}).to_string();
    // Their ids are those of the documents in the answer of the index.
    let log_event = json!({"id": "l", "timestamp": 1, "message": long_play(200)});
    let logs = json!({"messageType": "DATA_MESSAGE", "logGroup": "/app", "logStream": "s",
        "logEvents": vec![log_event; 5]});
    let logs_inside_sns = json!({"Type": "Notification", "Message": logs.to_string()}).to_string();
    for (kind, body, events) in [
        ("one event", long_play(500), 1),
        ("an array", many, 5),
        ("lines", format!("{0}\n{0}", long_play(200)), 2),
        ("an event inside SNS", sns, 1),
        ("log events", logs.to_string(), 5),
        ("log events inside SNS", logs_inside_sns, 5),
    ] {
        let (mut consumer, runtime) = (consumer(), runtime());
        let (once, twice) = (batch(1_000, &body), batch(2_000, &body));
        handle(&mut consumer, &runtime, &twice);
        let once = handle(&mut consumer, &runtime, &once).count_total;
        let twice = handle(&mut consumer, &runtime, &twice).count_total;
        let requests = 1_000 * events / DOCUMENTS as u64;
        // The list of fates of each request, and lists that double.
        let allowed = requests * 4 + 8;
        assert!(twice - once <= allowed, "{kind}: {once} and {twice} allocations");
    }
}

#[test]
fn ten_thousand_messages_need_less_than_three_times_their_size() {
    let event = batch(10_000, &long_play(500));
    assert!(event.len() > 5_000_000, "{}", event.len());
    let peak = handle(&mut consumer(), &runtime(), &event).bytes_max;
    // The event itself is one of the three.
    assert!(peak < 2 * event.len() as u64, "{peak} bytes beside {}", event.len());
    // The list of messages, one request and its answer.
    assert!(peak < 4_000_000, "{peak}");
}

#[test]
fn a_large_error_of_opensearch_takes_little_memory() {
    let list = format!("[{}0]", "0,".repeat(4_000_000));
    let error = format!(
        r#"{{"root_cause":{list},"type":"parse_exception","reason":"r","caused_by":{{"x":{list}}}}}"#
    );
    let answer = format!(r#"{{"error":{error},"status":400}}"#);
    // Without a quarantine the message is redelivered.
    let expected = r#"{"batchItemFailures":[{"itemIdentifier":"m0"}]}"#;
    let (mut consumer, event) = (consumer_of(400, answer), batch(1, &long_play(200)));
    let peak = handle_to(&mut consumer, &runtime(), &event, expected).bytes_max;
    assert!(peak < 1_000_000, "{peak}");
}
