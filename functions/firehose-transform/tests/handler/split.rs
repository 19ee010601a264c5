//! Records of several events, with `SPLIT=on`: nothing is lost, and nothing is answered twice.

use std::collections::HashSet;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::support::request::Answered;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn logs(log_events: &[Value]) -> String {
    json!({"messageType": "DATA_MESSAGE", "logGroup": "/app", "logEvents": log_events}).to_string()
}

fn log_event(id: &str) -> Value {
    json!({"id": id, "timestamp": 1_709_296_496_000_u64, "message": "x"})
}

fn event(id: &str) -> String {
    format!("{{\"id\":\"{id}\"}}")
}

/// The answers to these payloads.
fn handle(handler: &Handler, payloads: &[impl AsRef<[u8]>], left: Duration) -> Vec<Answered> {
    answers(&on_paused_clock(handler.handle(&direct_put(payloads), left)).unwrap())
}

/// The result, and the id of its document.
fn became(answer: &Answered) -> (&str, Option<String>) {
    let id = || {
        let document: Value = serde_json::from_str(&answer.document()).unwrap();
        document["event"]["id"].as_str().unwrap().to_owned()
    };
    (&answer.result, (answer.result == "Ok").then(id))
}

/// A payload of three events.
fn lines() -> String {
    ["a", "b", "c"].map(event).join("\n")
}

const ON: (&str, &str) = ("SPLIT", "on");

/// A record whose events were not all accepted, for any reason, has its own data.
fn assert_failed(variables: &[(&str, &str)], script: Vec<Call>, left: Duration, accepted: u64) {
    let handler = Handler::new(&[&[ON], variables].concat(), script);
    let payloads = [event("x"), lines(), event("y")];
    let answers = handle(&handler, &payloads, left);
    let results: Vec<_> = answers.iter().map(|answer| answer.result.as_str()).collect();
    assert_eq!(results, ["Ok", "ProcessingFailed", "Ok"]);
    assert_eq!(answers[1].data, Some(STANDARD.encode_to_string(&payloads[1])));
    assert_eq!(handler.take_taken().len() as u64, accepted);
    let metrics = handler.metrics();
    let counts = ["RecordsIn", "RecordsOk", "RecordsFailed", "RecordsSplit", "EventsPutBack"];
    assert_eq!(counts.map(|name| metrics[name]), [3, 2, 1, 1, accepted]);
}

#[test]
fn a_record_is_ok_once_the_other_events_are_accepted() {
    let handler = Handler::new(&[ON], [Call::Take(vec![true, false]), Call::Fail]);
    let log_events = ["1", "2"].map(log_event);
    let logs = logs(&log_events);
    let payloads = [lines().into_bytes(), event("x").into_bytes(), gzip(logs.as_bytes())];
    let answers = handle(&handler, &payloads, MINUTE);
    let expected = ["a", "x", "1"].map(|id| ("Ok", Some(id.to_owned())));
    assert_eq!(answers.iter().map(became).collect::<Vec<_>>(), expected);
    // One call with all events, and then one with those that it did not accept.
    let second = self::logs(&log_events[1..]);
    let expected = [(0, event("b")), (2, second), (0, event("c"))];
    assert_eq!(handler.take_taken(), expected.map(|(at, event)| (record_id(at), event)));
    let metrics = handler.metrics();
    assert_eq!(metrics.len(), 10);
    let counts = ["RecordsIn", "RecordsOk", "RecordsReingested", "RecordsSplit", "EventsPutBack"];
    assert_eq!(counts.map(|name| metrics[name]), [3, 3, 0, 2, 3]);
    assert_eq!(metrics["BytesIn"], payloads.iter().map(Vec::len).sum::<usize>() as u64);
}

#[test]
fn a_record_fails_whole_where_an_event_is_not_accepted() {
    let fail = |count| vec![Call::Fail; count];
    assert_failed(&[], fail(8), MINUTE, 0);
    assert_failed(&[], [vec![Call::TakeFirst(1)], fail(8)].concat(), MINUTE, 1);
    assert_failed(&[], vec![Call::Deny], MINUTE, 0);
    assert_failed(&[], vec![Call::TakeFirst(1), Call::Deny], MINUTE, 1);
    assert_failed(&[], vec![Call::Take(vec![false, true]), Call::Hang], MINUTE, 1);
    assert_failed(&[], vec![], Duration::from_secs(2), 0);
    assert_failed(&[("REINGEST", "off")], vec![], MINUTE, 0);
}

#[test]
fn events_cannot_be_put_back_into_kafka() {
    let data = STANDARD.encode_to_string(lines());
    let record = json!({"recordId": "k", "kafkaRecordValue": data});
    let handler = Handler::new(&[ON], []);
    let body = envelope(&[record]).to_string();
    let answer = on_paused_clock(handler.handle(body.as_bytes(), MINUTE)).unwrap();
    let answered = &answers(&answer)[0];
    assert_eq!(became(answered).0, "ProcessingFailed");
    assert_eq!(answered.kafka_record_value.as_ref(), Some(&data));
    assert_eq!(handler.take_taken(), []);
    // A record of one event is not put back.
    let gzip = STANDARD.encode_to_string(gzip(event("a").as_bytes()));
    let body = envelope(&[json!({"recordId": "k", "kafkaRecordValue": gzip})]).to_string();
    let answer = on_paused_clock(handler.handle(body.as_bytes(), MINUTE)).unwrap();
    assert_eq!(became(&answers(&answer)[0]), ("Ok", Some("a".to_owned())));
}

#[test]
fn a_dropped_action_is_dropped_after_the_others_were_put_back() {
    let lines = format!("{{\"type\":\"ping\"}}\n{}", event("a"));
    let handler = Handler::new(&[ON, ("DROP_ACTIONS", "ping")], []);
    assert_eq!(became(&handle(&handler, &[&lines], MINUTE)[0]).0, "Dropped");
    assert_eq!(handler.take_taken(), [(record_id(0), event("a"))]);
    let metrics = handler.metrics();
    let counts = ["RecordsDropped", "RecordsReingested", "RecordsSplit", "EventsPutBack"];
    assert_eq!(counts.map(|name| metrics[name]), [1, 0, 1, 1]);
    // If the others are not accepted, it is not dropped.
    let handler = Handler::new(&[ON, ("DROP_ACTIONS", "ping")], [Call::Deny]);
    assert_eq!(became(&handle(&handler, &[&lines], MINUTE)[0]).0, "ProcessingFailed");
}

#[test]
fn where_the_document_does_not_fit_its_event_is_put_back_too() {
    let large = |id: &str| format!("{{\"id\":\"{id}\",\"note\":\"{}\"}}", "n".repeat(300));
    let counted = |event: String, count| {
        format!("{},\"__sluice_reingests\":{count}}}", event.strip_suffix('}').unwrap())
    };
    let log = |id: &str| {
        logs(&[json!({"id": id, "timestamp": 1_709_296_496_000_u64, "message": "n".repeat(300)})])
    };
    let both = format!("{}{}", log("1"), log("2"));
    let once = counted(large("a"), 1);
    for (payload, others, answering) in [
        (format!("{}\n{}", large("a"), event("b")), vec![event("b")], counted(large("a"), 1)),
        (format!("{once}\n{}", event("b")), vec![event("b")], counted(large("a"), 2)),
        (both, vec![log("2")], counted(log("1"), 1)),
        (format!("[{}]", large("a")), vec![], counted(large("a"), 1)),
    ] {
        for payload in [payload.clone().into_bytes(), gzip(payload.as_bytes())] {
            let handler = Handler::new(&[ON, ("RESPONSE_BUDGET_BYTES", "1000")], []);
            let request = [large("x").into_bytes(), payload.clone()];
            let answers = handle(&handler, &request, MINUTE);
            assert_eq!([became(&answers[0]).0, became(&answers[1]).0], ["Ok", "Dropped"]);
            let mut expected = others.clone();
            expected.push(answering.clone());
            let expected: Vec<_> =
                expected.into_iter().map(|event| (record_id(1), event)).collect();
            assert_eq!(handler.take_taken(), expected);
            let metrics = handler.metrics();
            let counts = ["RecordsReingested", "RecordsSplit", "EventsPutBack"];
            let several = u64::from(!others.is_empty());
            assert_eq!(counts.map(|name| metrics[name]), [1, several, several]);
            // If that fails, the record fails.
            let script = others.iter().map(|_| Call::Take(vec![true])).chain([Call::Deny]);
            let handler = Handler::new(&[ON, ("RESPONSE_BUDGET_BYTES", "1000")], script);
            let answers = handle(&handler, &request, MINUTE);
            assert_eq!((became(&answers[1]).0, &answers[1].data), ("ProcessingFailed", &None));
            // It is put back as often as any other record.
            let once = &answering.replace("reingests\":1", "reingests\":3");
            let request = [large("x"), once.replace("reingests\":2", "reingests\":3")];
            let handler = Handler::new(&[ON, ("RESPONSE_BUDGET_BYTES", "1000")], []);
            assert_eq!(became(&handle(&handler, &request, MINUTE)[1]).0, "ProcessingFailed");
        }
    }
}

#[test]
fn an_event_has_the_same_id_answered_put_back_or_delivered_again() {
    let note = "n".repeat(300);
    let beat = format!("{{\"note\":\"{note}\"}}");
    let lines = [&*beat; 3].join("\n");
    let ids = |handler: &Handler, payloads: &[String]| -> Vec<_> {
        handle(handler, payloads, MINUTE).iter().filter_map(|answer| became(answer).1).collect()
    };
    let roomy = Handler::new(&[ON], []);
    let mut all = ids(&roomy, std::slice::from_ref(&lines));
    let others: Vec<_> = roomy.take_taken().into_iter().map(|(_, event)| event).collect();
    all.extend(ids(&roomy, &others));
    let different: HashSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (3, 3));
    // Without room for the event that answers.
    let full = Handler::new(&[ON, ("RESPONSE_BUDGET_BYTES", "1000")], []);
    assert_eq!(ids(&full, &[beat, lines]).len(), 1);
    let taken: Vec<_> = full.take_taken().into_iter().map(|(_, event)| event).collect();
    assert_eq!(taken.len(), 3);
    let again: HashSet<_> = ids(&roomy, &taken).into_iter().collect();
    assert_eq!(again, all.into_iter().collect());
}

/// Events of a record, each with its id, and the record's payload.
#[derive(Clone, Debug)]
struct Several {
    ids: Vec<String>,
    payload: Vec<u8>,
}

/// The id of an event that was put back.
fn id_of(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    let id = event["logEvents"].as_array().map_or(&event["id"], |log_events| {
        assert_eq!(log_events.len(), 1, "{event}");
        &log_events[0]["id"]
    });
    id.as_str().unwrap().to_owned()
}

/// Records of events in any of the forms. The events of a record have different ids.
fn records() -> impl Strategy<Value = Vec<Several>> {
    let part = (1..4_usize, any::<bool>(), 0..300_usize);
    let record = (vec(part, 0..4), 0..4_u8, any::<bool>(), prop::bool::weighted(0.2));
    vec(record, 1..6).prop_map(|records| {
        let record =
            |(at, (parts, form, compressed, in_sns)): (usize, (Vec<_>, u8, bool, bool))| {
                let mut ids = Vec::new();
                let mut next = || {
                    ids.push(format!("{at}-{}", ids.len()));
                    ids.last().unwrap().clone()
                };
                let part = |(count, is_log, length)| {
                    let note = "n".repeat(length);
                    let plain = |id: String| format!("{{\"id\":\"{id}\",\"note\":\"{note}\"}}");
                    let log = |id: String| json!({"id": id, "message": note});
                    let ids = (0..count).map(|_| next()).collect::<Vec<_>>();
                    if is_log {
                        vec![logs(&ids.into_iter().map(log).collect::<Vec<_>>())]
                    } else {
                        ids.into_iter().map(plain).collect()
                    }
                };
                let parts: Vec<_> = parts.into_iter().flat_map(part).collect();
                let text = match form {
                    0 => format!("[{}]", parts.join(" ,\n")),
                    1 => parts.join("\r\n"),
                    2 => parts.concat(),
                    _ => parts.join(" "),
                };
                let notification = json!({"Type": "Notification", "Message": text});
                let text = if in_sns && !ids.is_empty() { notification.to_string() } else { text };
                let payload = if compressed { gzip(text.as_bytes()) } else { text.into_bytes() };
                Several { ids, payload }
            };
        records.into_iter().enumerate().map(record).collect()
    })
}

#[test]
fn what_is_answered_and_what_is_put_back_are_the_events() {
    let source = (prop::bool::weighted(0.9), vec(call(), 0..4), 0..20_u64);
    let budget = prop_oneof![1 => 1_000..3_000_usize, 1 => Just(6_000_000)];
    holds(400, &(records(), budget, source), |(records, budget, (reingest, script, left))| {
        let failing = !reingest || left < 3 || !script.is_empty();
        let budget = budget.to_string();
        let reingest = ("REINGEST", if reingest { "on" } else { "off" });
        let handler = Handler::new(&[ON, ("RESPONSE_BUDGET_BYTES", &budget), reingest], script);
        let payloads: Vec<_> = records.iter().map(|record| &record.payload).collect();
        let answer =
            on_paused_clock(handler.handle(&direct_put(&payloads), Duration::from_secs(left)));
        let answer = answer.unwrap();
        assert!(answer.len() <= budget.parse().unwrap());
        let answers = answers(&answer);
        let taken = handler.take_taken();
        for (at, (Several { ids, payload }, answered)) in records.iter().zip(&answers).enumerate() {
            let mut found: Vec<_> = taken
                .iter()
                .filter(|(id, _)| *id == answered.record_id)
                .map(|(_, event)| id_of(event))
                .collect();
            let (result, id) = became(answered);
            found.extend(id);
            found.sort();
            match result {
                // Dropped: empty, or put back as a whole.
                "Ok" | "Dropped" => assert_eq!(found, *ids, "record {at}"),
                _ => {
                    assert!(failing || answered.data.is_none(), "record {at}");
                    let own = STANDARD.encode_to_string(payload);
                    assert!(answered.data.as_ref().is_none_or(|data| *data == own));
                    let once: HashSet<_> = found.iter().collect();
                    assert_eq!(once.len(), found.len());
                }
            }
        }
        let metrics = handler.metrics();
        assert_eq!(metrics["EventsPutBack"] + metrics["RecordsReingested"], taken.len() as u64);
        let several = records.iter().filter(|record| record.ids.len() > 1).count();
        assert_eq!(metrics["RecordsSplit"], several as u64);
        // Each of them is a single event.
        let handler = Handler::new(&[ON], []);
        let events: Vec<_> = taken.iter().map(|(_, event)| event).collect();
        for (event, answered) in events.iter().zip(handle(&handler, &events, MINUTE)) {
            assert_eq!(became(&answered), ("Ok", Some(id_of(event))));
        }
        assert_eq!(handler.take_taken(), []);
    });
}
