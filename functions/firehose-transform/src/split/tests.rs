use std::io::Write;

use base64_simd::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use shared::event::{Timestamp, TimestampSource};
use testkit::{FUNCTION_NAME, LAMBDA};

use super::*;
use crate::request::{Data, DataMember};
use crate::transform::Transformer;

const OK: Outcome = Outcome::Ok(TimestampSource::Arrival);
const PENDING: Outcome = Outcome::Failed(Failure::EventsNotPutBack(NotPutBack::Failing));

fn refused(refusal: Refusal) -> Outcome {
    Outcome::Failed(Failure::Refused(refusal))
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// A message of CloudWatch Logs.
fn logs(group: &str, log_events: &[Value]) -> String {
    json!({"messageType": "DATA_MESSAGE", "logGroup": group, "logEvents": log_events}).to_string()
}

fn log_event(id: &str) -> Value {
    json!({"id": id, "timestamp": 1_709_296_496_000_u64, "message": "x"})
}

/// The result of one record.
#[derive(Debug, PartialEq, Eq)]
struct Became {
    first: Outcome,
    /// The events that are put back.
    events: Vec<String>,
    /// The outcome when all of them are accepted.
    last: Outcome,
    /// The id of the document.
    id: Option<String>,
}

fn config(variables: &[(&str, &str)]) -> Config {
    let variables = [&LAMBDA, variables].concat();
    Config::from_environment(&variables.into_iter().collect()).unwrap()
}

fn record(data: &str) -> Record<'_> {
    let data = Data::Text { content: data.as_bytes(), escaped: false };
    let (data_member, arrival) = (DataMember::Data, b"1709296498120");
    Record { id: "r", data, data_member, arrival, partition_key: None }
}

fn split_by(variables: &[(&str, &str)], payload: impl AsRef<[u8]>) -> Became {
    let config = config(&[&[("SPLIT", "on")], variables].concat());
    let now = Timestamp::from_milliseconds(b"1709296499000").unwrap();
    let data = STANDARD.encode_to_string(payload);
    let record = record(&data);
    let mut transformer = Transformer::default();
    let mut document = Vec::new();
    let (first, bytes) =
        transformer.transform(&config, 0, &record, now, &mut document, |_, _, _| {});
    let records = [record];
    let events: Vec<_> = transformer.other_events(&config, &records).collect();
    assert!(events.iter().all(|event| (event.index, &*event.partition_key) == (0, "r")));
    transformer.splitter.settle(vec![(events.len(), None); transformer.splitter.splits.len()]);
    let (last, same) = transformer.transform(&config, 0, &record, now, &mut document, |_, _, _| {});
    assert_eq!(same, bytes);
    let document: Value = serde_json::from_slice(&document).unwrap_or_default();
    let id = document["event"]["id"].as_str().map(str::to_owned);
    let events =
        events.into_iter().map(|event| String::from_utf8(event.payload).unwrap()).collect();
    Became { first, events, last, id }
}

fn split(payload: impl AsRef<[u8]>) -> Became {
    split_by(&[], payload)
}

/// The outcome of a record of at most one event, from which nothing is put back.
fn alone(payload: impl AsRef<[u8]>) -> Outcome {
    let Became { first, events, last, .. } = split(payload);
    assert_eq!((first, events.len()), (last, 0));
    last
}

#[test]
fn a_record_of_one_event_is_answered_at_once() {
    let from_logs = Outcome::Ok(TimestampSource::Event);
    for (payload, outcome) in [
        (b"{\"id\":1}".to_vec(), OK),
        (gzip("{\"id\":1}"), OK),
        (gzip(" {\n\"id\":1}\n"), OK),
        ([gzip("{\"id\""), gzip(""), gzip(":1}")].concat(), OK),
        (b"[{\"id\":1}]".to_vec(), OK),
        (gzip("[\n{\"id\":1}]"), OK),
        (b"\"{\\\"id\\\":1}\"".to_vec(), OK),
        (logs("/app", &[log_event("1")]).into_bytes(), from_logs),
        (gzip(logs("/app", &[log_event("1")])), from_logs),
        (json!({"detail-type": "t", "detail": [{"id": 1}]}).to_string().into_bytes(), OK),
    ] {
        assert_eq!(alone(&payload), outcome);
        assert_eq!(split(payload).id.as_deref(), Some("1"));
    }
}

#[test]
fn the_first_good_event_answers_and_the_others_are_put_back() {
    let [a, b, c] = ["a", "b", "c"].map(|id| format!("{{\"id\":\"{id}\", \"n\":[1]}}"));
    let bad = "{\"n\":NaN}";
    let sns = json!({"Type": "Notification", "Message": format!("{a}\n{b}")}).to_string();
    let logged =
        |ids: &[&str]| logs("/app", &ids.iter().map(|id| log_event(id)).collect::<Vec<_>>());
    let broken = logs("/app", &[json!({"id": "d"}), log_event("e")]);
    let broken_alone = logs("/app", &[json!({"id": "d"})]);
    for (payload, id, others) in [
        (format!("[{a}, {b},\n{c}]"), "a", vec![&*b, &c]),
        (format!("{a}\n{b}\r\n\n{c}\n"), "a", vec![&b, &c]),
        (format!("{a}{b} {c}"), "a", vec![&b, &c]),
        (format!("{bad}\n{a}\noops\n{b}"), "a", vec![bad, "oops", &b]),
        (format!("[{bad},5,{a}]"), "a", vec![bad, "5"]),
        ("{\n\"id\":\"x\"}{\n\"n\":NaN\n}".to_owned(), "x", vec!["{\n\"n\":NaN\n}"]),
        (format!("{a} x"), "a", vec!["x"]),
        (sns, "a", vec![&b]),
        (logged(&["1", "2", "3"]), "1", vec![&logged(&["2"]), &logged(&["3"])]),
        (
            format!("{}\n{b}\n{}", logged(&["1"]), logged(&["2", "3"])),
            "1",
            vec![&b, &logged(&["2"]), &logged(&["3"])],
        ),
        (broken, "e", vec![&broken_alone]),
    ] {
        for payload in [payload.clone().into_bytes(), gzip(&payload)] {
            let became = split(payload);
            assert_eq!((became.first, became.id.as_deref()), (PENDING, Some(id)));
            assert_eq!(became.events, others);
            assert!(matches!(became.last, Outcome::Ok(_)));
            // They are neither split again nor put back.
            for other in others.iter().filter(|other| other.starts_with('{')) {
                let again = split(other);
                assert_eq!((again.first, again.events), (again.last, vec![]), "{other}");
            }
        }
    }
}

#[test]
fn what_holds_no_event_is_dropped() {
    let control = logs("/app", &[log_event("1")]).replace("DATA", "CONTROL");
    for payload in ["", " \n", "[]", "[ ]", &control, &logs("/app", &[]), &control.repeat(2)] {
        assert_eq!(alone(payload), Outcome::Dropped, "{payload}");
        assert_eq!(alone(gzip(payload)), Outcome::Dropped, "{payload}");
    }
}

#[test]
fn log_events_of_the_functions_own_group_are_dropped() {
    let own = format!("/aws/lambda/{FUNCTION_NAME}");
    let [one, two] = ["1", "2"].map(log_event);
    let many = logs(&own, &[one.clone(), two.clone()]);
    assert_eq!(alone(gzip(&many)), Outcome::Dropped);
    assert_eq!(alone(many.replace('/', "\\/")), Outcome::Dropped);
    let other = logs("/app", &[two]);
    assert_eq!(split(format!("{many}{other}")).id.as_deref(), Some("2"));
    assert_eq!(alone(format!("{many}{other}")), Outcome::Ok(TimestampSource::Event));
    // The configured log group of the function.
    let set = [("AWS_LAMBDA_LOG_GROUP_NAME", "/app")];
    assert_eq!(split_by(&set, &other).last, Outcome::Dropped);
    assert_eq!(split_by(&set, &many).events.len(), 1);
}

#[test]
fn what_cannot_be_unpacked_fails() {
    let whole = gzip("{\"id\":1}");
    for broken in [
        whole[..whole.len() - 1].to_vec(),
        whole[..2].to_vec(),
        [&*whole, b"x"].concat(),
        [&whole[..12], &[0xff; 20]].concat(),
    ] {
        assert_eq!(alone(broken), Outcome::Failed(Failure::InvalidGzip));
    }
    let mut large = vec![b' '; MAX_UNPACKED_BYTES];
    large[0] = b'5';
    assert_eq!(alone(gzip(&large)), refused(Refusal::NotAnObject));
    large[1..9].copy_from_slice(b"\n{\"a\":1}");
    assert_eq!(split(gzip(&large)).events, ["5"]);
    large.push(b' ');
    assert_eq!(alone(gzip(&large)), refused(Refusal::TooLarge));
    assert_eq!(Failure::InvalidGzip.reason(), "invalid_gzip");
}

#[test]
fn a_record_has_at_most_ten_thousand_events() {
    let lines = "{}\n".repeat(MAX_EVENTS);
    assert_eq!(split(gzip(&lines)).events.len(), MAX_EVENTS - 1);
    let too_many = Outcome::Failed(Failure::TooManyEvents);
    assert_eq!(alone(gzip(format!("{lines}{{}}"))), too_many);
    let many = vec![log_event("1"); MAX_EVENTS + 1];
    assert_eq!(alone(gzip(logs("/app", &many))), too_many);
    // None of them allocates memory.
    assert_eq!(alone(gzip("[1,".to_owned() + &"1,".repeat(1_000_000) + "1]")), too_many);
    assert_eq!(Failure::TooManyEvents.reason(), "too_many_events");
}

#[test]
fn where_no_event_is_good_the_first_reason_counts() {
    assert_eq!(alone("[5,{\"a\":NaN}]"), refused(Refusal::NotAnObject));
    assert_eq!(alone("{\"a\":NaN}\n{\"a\":"), refused(Refusal::InvalidJson));
    assert_eq!(alone("oops"), refused(Refusal::InvalidJson));
    assert_eq!(alone("5"), refused(Refusal::NotAnObject));
    assert_eq!(alone(b"{\"a\":\"\xff\"}"), refused(Refusal::InvalidUtf8));
    let no_message = logs("/app", &[json!({"id": "1"}), json!(5)]);
    assert_eq!(alone(no_message), refused(Refusal::EmptyEnvelope));
    // A good one beside it.
    let one_bad = split(b"{\"id\":\"a\"}\n{\"a\":\"b\"}\n\n\n");
    assert_eq!((one_bad.id.as_deref(), one_bad.events.len()), (Some("a"), 1));
}

#[test]
fn a_dropped_action_answers_after_the_others_were_put_back() {
    let drop = [("DROP_ACTIONS", "ping")];
    let became =
        split_by(&drop, "{\"type\":\"ping\"}\n{\"id\":\"a\"}\n{\"type\":\"ping\",\"id\":1}");
    assert_eq!((became.first, became.last), (PENDING, Outcome::Dropped));
    assert_eq!(became.events, ["{\"id\":\"a\"}", "{\"type\":\"ping\",\"id\":1}"]);
}

#[test]
fn an_event_without_an_id_keeps_the_id_that_it_has() {
    let beat = "{\"n\":1}";
    let lines = [beat; 3].join("\n");
    let first = split(&lines);
    let second = "{\"n\":1,\"__sluice_arrival\":170929649812000001}";
    let third = "{\"n\":1,\"__sluice_arrival\":170929649812000002}";
    assert_eq!(first.events, [second, third]);
    // Equal events of a record are three, and each is the same in every delivery.
    let [second, third] = [second, third].map(split);
    let ids = [&first, &second, &third].map(|became| became.id.clone().unwrap());
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    let array = format!("[{beat} , {beat},{beat}]");
    assert_eq!(split(array).id.as_ref(), Some(&ids[0]));
    // The number is valid JSON if the arrival is 0.
    let mut found = Found::default();
    found.open(&config(&[]), lines.as_bytes(), 0).unwrap();
    assert_eq!([0, 2].map(|nth| found.alone(nth, b"0").1.to_vec()), [b"0", b"2"]);
    // A single event is identified by the arrival, as before.
    assert_eq!(split(format!("[{beat}]")).id, split(beat).id);
    // A record that was put back before it was split keeps its count.
    let counted = "{\"n\":1,\"__sluice_reingests\":2}";
    let expected = "{\"n\":1,\"__sluice_arrival\":170929649812000001,\"__sluice_reingests\":2}";
    assert_eq!(split(format!("{{}}\n{counted}")).events, [expected]);
    let own = "{\"id\":1,\"__sluice_reingests\":2}";
    assert_eq!(split(format!("{{}}\n{own}")).events, [own]);
}

#[test]
fn documents_beyond_an_answer_are_not_kept_but_written_again() {
    let config = config(&[("SPLIT", "on"), ("RESPONSE_BUDGET_BYTES", "1000")]);
    let now = Timestamp::from_milliseconds(b"1709296499000").unwrap();
    let note = "x".repeat(300);
    let payload = |id| STANDARD.encode_to_string(format!("{{\"id\":{id},\"x\":\"{note}\"}}\n{{}}"));
    let payloads = [1, 2, 3].map(payload);
    let records = payloads.each_ref().map(|data| record(data));
    let mut transformer = Transformer::default();
    let all = |transformer: &mut Transformer| {
        let mut document = Vec::new();
        [0, 1, 2].map(|at| {
            let (outcome, _) =
                transformer.transform(&config, at, &records[at], now, &mut document, |_, _, _| {});
            let document: Value = serde_json::from_slice(&document).unwrap_or_default();
            (outcome, document["event"]["id"].as_str().map(str::to_owned))
        })
    };
    assert_eq!(all(&mut transformer).map(|(outcome, _)| outcome), [PENDING; 3]);
    let kept = transformer.splitter.documents.len();
    assert!((400..=1_000).contains(&kept), "{kept}");
    transformer.splitter.settle(vec![(1, None); 3]);
    let expected = ["1", "2", "3"].map(|id| (OK, Some(id.to_owned())));
    assert_eq!(all(&mut transformer), expected);
    assert_eq!(transformer.splitter.splits.len(), 3);
}

#[test]
fn an_event_that_firehose_does_not_take_fails_its_record() {
    let event = |bytes| format!("{{\"id\":2,\"note\":\"{}\"}}", "x".repeat(bytes));
    let (fits, large) = (event(MAX_RECORD_BYTES - 100), event(MAX_RECORD_BYTES));
    assert!(split(format!("{{}}\n{fits}")).events == [fits]);
    let became = split(format!("{{}}\n{{}}\n{large}"));
    assert_eq!((became.first, became.events), (PENDING, vec![]));
    let too_large = Outcome::Failed(Failure::EventsNotPutBack(NotPutBack::TooLarge));
    assert_eq!(became.last, too_large);
    // The one that answers may be larger.
    let became = split(format!("{large}\n{{\"id\":1}}"));
    assert_eq!(became.events, ["{\"id\":1}"]);
}

#[test]
fn without_split_a_reason_says_what_would_help() {
    let config = config(&[]);
    let now = Timestamp::from_milliseconds(b"1709296499000").unwrap();
    let outcome = |payload: &[u8]| {
        let data = STANDARD.encode_to_string(payload);
        Transformer::default()
            .transform(&config, 0, &record(&data), now, &mut Vec::new(), |_, _, _| {})
            .0
    };
    for (payload, refusal, helps) in [
        (&*gzip("{}"), Refusal::InvalidUtf8, true),
        (b"[{},{}]", Refusal::NotAnObject, true),
        (b"{}\n{}", Refusal::InvalidJson, true),
        (b"{}{}", Refusal::InvalidJson, true),
        (b"oops\n{}", Refusal::InvalidJson, true),
        (logs("/app", &[]).repeat(3).as_bytes(), Refusal::InvalidJson, true),
        (b"{\"a\":[{},{}}", Refusal::InvalidJson, false),
        (b"5", Refusal::NotAnObject, false),
        (b"\xff\n{}", Refusal::InvalidUtf8, false),
    ] {
        let failure = if helps { Failure::Unsplit(refusal) } else { Failure::Refused(refusal) };
        assert_eq!(outcome(payload), Outcome::Failed(failure));
        assert_eq!(failure.reason(), refusal.reason());
        assert_eq!(failure.advice().is_some_and(|advice| advice.contains("SPLIT=on")), helps);
    }
    let message = logs("/app", &[log_event("1")]);
    assert_eq!(outcome(message.as_bytes()), OK);
}
