//! In the steady state a record needs no allocation: later records and invocations reuse the buffers.

#![cfg(test)]

mod support {
    pub(crate) mod request;
}

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use firehose_transform::App;
use firehose_transform::config::Config;
use firehose_transform::reingest::{CallError, PutRecord, Source, Target};
use local::sample::{self, Size};
use shared::event::Timestamp;
use shared::runtime::{Function, Invocation};
use testkit::LAMBDA;
use tokio::time::Instant;

use support::request::{self, direct_put, record_id};

/// Number of records of each kind; the second request has twice as many.
const RECORDS: usize = 128;

/// Maximum number of growing lists in an invocation: each allocates one more time for twice as many
/// entries. One allocation in forty records would be more.
const GROWING_LISTS: u64 = 2;

/// Payloads of one kind, and the result of each.
struct Kind {
    name: String,
    result: &'static str,
    payloads: Vec<Vec<u8>>,
}

impl Kind {
    fn new(name: &str, result: &'static str, payloads: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { name: name.to_owned(), result, payloads: payloads.into_iter().collect() }
    }

    /// The same document in each record.
    fn document(name: &str, text: impl Into<Vec<u8>>) -> Self {
        Self::new(name, "Ok", [text.into()])
    }

    fn refused(name: &str, payload: impl Into<Vec<u8>>) -> Self {
        Self::new(name, "ProcessingFailed", [payload.into()])
    }

    fn request(&self, records: usize) -> Vec<u8> {
        let payloads: Vec<_> = self.payloads.iter().cycle().take(records).collect();
        direct_put(&payloads)
    }
}

fn kinds() -> Vec<Kind> {
    let timestamps = TIMESTAMPS.iter().map(|time| {
        let text = format!(r#"{{"ts":{time},"type":"play"}}"#);
        Kind::document(&format!("timestamp {time}"), text)
    });
    let sized = [("small", Size::Small), ("large", Size::Large)].map(|(name, size)| {
        let events = sample::events_of(size, 3, RECORDS);
        Kind::new(&format!("{name} events of the sample"), "Ok", events)
    });
    sized.into_iter().chain(documents()).chain(timestamps).chain(others()).collect()
}

fn documents() -> impl Iterator<Item = Kind> {
    let members = |count: usize| {
        (0..count).map(|at| format!(r#""k{at}":{at}"#)).collect::<Vec<_>>().join(",")
    };
    [
        ("an empty object", "{}".to_owned()),
        (
            "escapes in names",
            r#"{"\u0069d":"a","tr\u0061ck":{"t\u0069tle":"b"},"\n":1}"#.to_owned(),
        ),
        ("escapes in texts", r#"{"artist":"\ud83c\udfb5 \u00e9\n","x":["\"\\"]}"#.to_owned()),
        ("escapes in the id", r#"{"event_id":"a\u002db\\c"}"#.to_owned()),
        ("escapes in the action", r#"{"type":"pl\u0061y"}"#.to_owned()),
        ("an id that is a number", r#"{"id":12345}"#.to_owned()),
        ("unknown members", r#"{"x":1,"y":{"z":[{"a":null},[],{}]},"user":{"w":true}}"#.to_owned()),
        ("many unknown members", format!(r#"{{{},"in":{{{}}}}}"#, members(300), members(300))),
        ("a long extra", format!(r#"{{"x":"{}"}}"#, "x".repeat(16_500))),
        ("a long path", format!(r#"{{"{}":{{"b":1}}}}"#, "a".repeat(600))),
        ("many levels", format!(r#"{{"x":{}{}}}"#, "[".repeat(120), "]".repeat(120))),
        (
            "duplicates",
            r#"{"type":1,"x":1,"track":{"title":"a","title":"b","y":1,"y":2},"type":"play",
                "x":{"z":1,"z":2,"\u007a":3},"track":{"id":"t"}}"#
                .to_owned(),
        ),
        ("line breaks", "{\n  \"type\": \"play\",\r\n\t\"x\": [\n1,\n2\n]\n}\n".to_owned()),
        ("a count of reingests", r#"{"__sluice_reingests":2,"type":"play"}"#.to_owned()),
        ("what looks like an envelope", r#"{"Type":"x","Message":"y","detail":{}}"#.to_owned()),
        (
            "a notification of SNS",
            r#"{"Type":"Notification","MessageId":"m","Message":"{\"type\":\"play\"}"}"#.to_owned(),
        ),
        (
            "an event of EventBridge",
            r#"{"detail-type":"t","id":"e","time":"2024-03-01T12:34:56Z","resources":["a"],
                "detail":"{\"type\":\"play\"}"}"#
                .to_owned(),
        ),
        (
            "a CloudEvent",
            r#"{"specversion":"1.0","id":"c","source":"s","type":"t","data_base64":"e30="}"#
                .to_owned(),
        ),
        (
            "a message of CloudWatch Logs",
            r#"{"messageType":"DATA_MESSAGE","logGroup":"/app","logStream":"s","owner":"1","logEvents":[{"id":"1","timestamp":1709296496789,"message":"played\n"}]}"#
                .to_owned(),
        ),
        ("an event in a string", r#""{\"type\":\"play\"}""#.to_owned()),
        (
            "analytics",
            r#"{"listened_ms":120000,"song":{"duration_ms":215000.5,"title":"a"}}"#.to_owned(),
        ),
    ]
    .into_iter()
    .map(|(name, text)| Kind::document(name, text))
}

/// Every format of a time, and some that are not valid, for which the record's arrival counts.
const TIMESTAMPS: &[&str] = &[
    r#""2024-03-01T12:34:56.789Z""#,
    r#""2024-03-01t12:34:56z""#,
    r#""2024-03-01 12:34:56,5""#,
    r#""2024-03-01T12:34""#,
    r#""2024-03-01""#,
    r#""2024-03-01T12:34:56.123456789+05:30""#,
    r#""2024-03-01T12:34:56+0900""#,
    r#""2024-03-01T12:34:56\u002b09:00""#,
    r#""2024-02-29T23:59:60Z""#,
    r#""1709296496""#,
    r#""1709296496789""#,
    r#""1709296496.789""#,
    r#""2024-03-01 12:34:56 UTC""#,
    r#""2024-03-01T12:34:56Z[UTC]""#,
    r#""Fri, 01 Mar 2024 12:34:56 GMT""#,
    r#""01/Mar/2024:12:34:56 +0000""#,
    r#""/Date(1709296496789)/""#,
    "1709296496",
    "1709296496789",
    "1709296496789123",
    "1709296496789123456",
    "1709296496.7891234567",
    "1.709296496789e12",
    "1709296496789e-3",
    r#""yesterday""#,
    r#""1999-12-31T23:59:59Z""#,
    "1e400",
    "-1",
    "null",
    "[1709296496]",
];

fn others() -> impl Iterator<Item = Kind> {
    let numbers = format!(r#"{{"x":{}}}"#, "7".repeat(1_001));
    [
        Kind::refused("broken", r#"{"type":"play","x":[1,2}"#),
        Kind::refused("not an object", "[1,2]"),
        Kind::refused("a lone surrogate", r#"{"x":"\ud83c"}"#),
        Kind::refused("not UTF-8", b"{\"x\":\"\xff\"}"),
        Kind::refused("too many levels", "[".repeat(200)),
        Kind::refused("a number that is too long", numbers),
        Kind::new("empty", "Dropped", [Vec::new()]),
        Kind::new("white space", "Dropped", [b" \n ".to_vec()]),
    ]
    .into_iter()
}

/// A source to which nothing is put back.
#[derive(Debug)]
struct Nowhere;

impl Source for Nowhere {
    async fn put(&self, _: &Target, _: &[PutRecord]) -> Result<Vec<bool>, CallError> {
        panic!("every answer has room for its documents");
    }
}

/// The function with these variables in addition to Lambda's own.
fn app(variables: &[(&str, &str)]) -> App<Nowhere, io::Sink> {
    let environment = [&LAMBDA, variables].concat().into_iter().collect();
    App::new(Config::from_environment(&environment).unwrap(), Nowhere, io::sink())
}

fn handle(app: &mut App<Nowhere, io::Sink>, body: &[u8], answer: &mut Vec<u8>) {
    answer.clear();
    let now = Timestamp::from_milliseconds(b"1709296499001").unwrap();
    let invocation =
        Invocation { body, request_id: "request", function_arn: "", now, deadline: Instant::now() };
    at_once(app.handle(invocation, answer)).unwrap();
}

/// The result of a future that does not wait.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

/// Checks that the answer is that of its kind, so that the intended work is measured.
fn check(kind: &Kind, answer: &[u8]) {
    let records = request::answers(answer);
    for (index, record) in records.iter().enumerate() {
        let expected = (record_id(index), kind.result);
        assert_eq!(
            (&record.record_id, &*record.result),
            (&expected.0, expected.1),
            "{}",
            kind.name
        );
        if kind.result == "Ok" {
            let document = record.document();
            assert!(document.starts_with("{\"@timestamp\":\"20"), "{}: {document}", kind.name);
        }
    }
    assert_eq!(records.len(), 2 * RECORDS, "{}", kind.name);
}

/// The kinds for which twice as many records need more allocations.
fn costly(variables: &[(&str, &str)], edit: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<String> {
    let mut costly = Vec::new();
    for kind in kinds() {
        let mut app = app(variables);
        let [once, twice] = [RECORDS, 2 * RECORDS].map(|records| edit(kind.request(records)));
        // The first invocation grows the buffers to their final size.
        let mut answer = Vec::new();
        handle(&mut app, &twice, &mut answer);
        check(&kind, &answer);
        let [once, twice] =
            [once, twice].map(|body| measure(|| handle(&mut app, &body, &mut answer)).count_total);
        if twice > once + GROWING_LISTS {
            let name = &kind.name;
            costly.push(format!("{name}: {once} for {RECORDS} records, {twice} for twice as many"));
        }
    }
    costly
}

#[test]
fn no_record_needs_an_allocation() {
    assert_eq!(costly(&[], |body| body), [""; 0]);
}

#[test]
fn no_record_needs_an_allocation_with_dropped_actions() {
    assert_eq!(costly(&[("DROP_ACTIONS", "ping,heart beat")], |body| body), [""; 0]);
}

#[test]
fn no_record_needs_an_allocation_for_a_document_that_is_the_event() {
    assert_eq!(costly(&[("DOCUMENT", "passthrough")], |body| body), [""; 0]);
}

#[test]
fn no_record_needs_an_allocation_with_metrics_of_documents() {
    let rules = r#"[{"metric":"Plays","when":{"event.action":["play"]},"by":{"Country":{
        "path":"interaction.country","values":["KR","US"]}}},
        {"metric":"CompletionSum","sum":"analytics.completion"},
        {"metric":"Score","sum":"extra.context.recommendation"}]"#;
    assert_eq!(costly(&[("METRIC_RULES", rules)], |body| body), [""; 0]);
}

#[test]
fn no_record_of_an_event_needs_an_allocation_with_split() {
    let mut costly = costly(&[("SPLIT", "on")], |body| body);
    // A malformed array, whose events are found by their brackets.
    costly.retain(|kind| !kind.starts_with("too many levels:"));
    assert_eq!(costly, [""; 0]);
}

#[test]
fn no_record_needs_an_allocation_with_escapes_in_base64() {
    let escaped = |body: Vec<u8>| String::from_utf8(body).unwrap().replace('/', "\\/").into_bytes();
    assert_eq!(costly(&[], escaped), [""; 0]);
}

#[test]
fn allocations_are_counted() {
    let names = |count: usize| (0..count).map(|at| at.to_string()).collect::<Vec<_>>();
    let [once, twice] = [RECORDS, 2 * RECORDS].map(|count| measure(|| drop(names(count))));
    assert_eq!(twice.count_total - once.count_total, RECORDS as u64);
}
