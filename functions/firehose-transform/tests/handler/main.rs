//! The handler with a scripted source: properties of all requests.

#![cfg(test)]

mod split;

#[path = "../support"]
mod support {
    pub(crate) mod app;
    pub(crate) mod request;
}

use std::time::Duration;

use base64_simd::STANDARD;
use firehose_transform::error::HandlerError;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use testkit::{holds, numbers, on_paused_clock};

use support::app::{Call, Handler};
use support::request::{ARRIVED_MS, answers, direct_put, envelope, record_id};

const MINUTE: Duration = Duration::from_mins(1);

/// Payloads: events, similar texts, and any bytes.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let event = ("[a-z]{0,4}", 0..5_u32, any::<u32>(), 0..600_usize, "\\PC{0,8}").prop_map(
        |(action, reingests, time, length, text)| {
            json!({
                "event_type": action,
                "ts": time,
                "artist": {"name": text, "x": text},
                "__sluice_reingests": reingests,
                "note": "n".repeat(length),
            })
            .to_string()
            .into_bytes()
        },
    );
    let event = (event, 0..8_u8).prop_map(|(event, form)| match form {
        0 => [b"\xef\xbb\xbf".as_slice(), &event, b"\n"].concat(),
        1 => event
            .iter()
            .flat_map(|byte| if *byte == b',' { vec![b',', b'\n'] } else { vec![*byte] })
            .collect(),
        _ => event,
    });
    prop_oneof![
        6 => event,
        2 => "[\\[\\]{}\",:0-9a-z\\\\ \n.-]{0,60}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..300),
        1 => Just(Vec::new()),
    ]
}

/// The data of a record, as JSON; `None` if it is missing.
fn data() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        12 => payload().prop_map(|payload| Some(json!(STANDARD.encode_to_string(payload)))),
        2 => any::<String>().prop_map(|text| Some(json!(text))),
        1 => prop_oneof![Just(None), Just(Some(json!(null))), Just(Some(json!([1])))],
    ]
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        6 => vec(any::<bool>(), 1..5).prop_map(Call::Take),
        1 => (0..4_usize).prop_map(Call::TakeFirst),
        3 => Just(Call::Fail),
        1 => Just(Call::Deny),
        1 => Just(Call::Hang),
    ]
}

/// The records of a request, the settings of the function and the behaviour of the source.
#[derive(Clone, Debug)]
struct Case {
    records: Vec<Value>,
    /// The member with the data of each record.
    member: &'static str,
    budget: usize,
    reingest: bool,
    script: Vec<Call>,
    left: Duration,
}

fn case() -> impl Strategy<Value = Case> {
    let record = (data(), "\\PC{0,12}", any::<bool>());
    let budget = prop_oneof![4 => 1_000..6_000_usize, 1 => Just(6_000_000)];
    let member = prop_oneof![3 => Just("data"), 1 => Just("kafkaRecordValue")];
    let source = (prop::bool::weighted(0.8), vec(call(), 0..12), 0..20_u64);
    let parts = (vec(record, 0..12), member, budget, source);
    parts.prop_map(|(records, member, budget, (reingest, script, left))| {
        let record = |(index, (data, id, arrived)): (usize, (Option<Value>, String, bool))| {
            let mut record = json!({"recordId": format!("{index} {id}")});
            if arrived {
                record["approximateArrivalTimestamp"] = json!(ARRIVED_MS);
            }
            if let Some(data) = data {
                record[member] = data;
            }
            record
        };
        let records = records.into_iter().enumerate().map(record).collect();
        Case { records, member, budget, reingest, script, left: Duration::from_secs(left) }
    })
}

fn check(case: Case) {
    let Case { records, member, budget, reingest, script, left } = case;
    let budget_text = budget.to_string();
    let variables = [
        ("RESPONSE_BUDGET_BYTES", budget_text.as_str()),
        ("REINGEST", if reingest { "on" } else { "off" }),
        ("DROP_ACTIONS", "ab,b"),
        // All documents have the same minute.
        ("TIMESTAMP_FIELDS", "none"),
        ("METRIC_RULES", r#"[{"metric":"Documents"}]"#),
    ];
    let handler = Handler::new(&variables, script);
    let body = envelope(&records).to_string();
    let result = on_paused_clock(handler.handle(body.as_bytes(), left));
    let lines = handler.lines();
    let metrics = numbers(&lines[0]);
    let answer = match result {
        Ok(answer) => answer,
        Err(error) => {
            let HandlerError::BudgetTooSmall { needed, budget: reported } = error else {
                panic!("{error}")
            };
            assert!(needed > budget && reported == budget);
            let bare = |record: &Value| {
                json!({"recordId": record["recordId"], "result": "ProcessingFailed"})
                    .to_string()
                    .len()
                    + 1
            };
            assert!(needed <= 14 + records.iter().map(bare).sum::<usize>());
            assert_eq!((metrics["RecordsIn"], lines.len()), (0, 1));
            return;
        }
    };
    let body = answer.as_slice();
    assert!(body.len() <= budget, "{} bytes in {budget}", body.len());
    let answers = answers(body);
    assert_eq!(answers.len(), records.len());
    let taken = handler.taken();
    // Kafka does not accept records.
    assert!(member == "data" || taken.is_empty(), "{taken:?}");
    for (record, answer) in records.iter().zip(&answers) {
        assert_eq!(record["recordId"], json!(answer.record_id));
        match answer.result.as_str() {
            "Ok" => {
                let document = answer.document();
                serde_json::from_str::<IgnoredAny>(&document).unwrap();
                assert!(!document.contains(['\n', '\r']), "{document:?}");
            }
            "Dropped" => assert_eq!((&answer.data, &answer.kafka_record_value), (&None, &None)),
            "ProcessingFailed" => {
                let data = answer.data.as_ref().or(answer.kafka_record_value.as_ref());
                let own = data.is_none_or(|data| record[member] == json!(data));
                assert!(own, "{record} was answered {answer:?}");
            }
            other => panic!("{other}"),
        }
        assert!(answer.data.is_none() || member == "data", "{answer:?}");
        assert!(answer.kafka_record_value.is_none() || member != "data", "{answer:?}");
        let nothing = record.get(member).is_none_or(Value::is_null);
        assert!(!nothing || answer.result == "ProcessingFailed", "{record}");
        let put_back = taken.contains(&answer.record_id);
        assert!(!put_back || answer.result == "Dropped", "{answer:?}");
    }
    let count = |result| answers.iter().filter(|answer| answer.result == result).count() as u64;
    assert_eq!(metrics["RecordsIn"], records.len() as u64);
    assert_eq!(metrics["RecordsOk"], count("Ok"));
    assert_eq!(metrics["RecordsDropped"] + metrics["RecordsReingested"], count("Dropped"));
    assert_eq!(metrics["RecordsReingested"], taken.len() as u64);
    assert_eq!(metrics["RecordsFailed"], count("ProcessingFailed"));
    let bytes_out = answers.iter().filter(|answer| answer.result == "Ok");
    let bytes_out: usize = bytes_out.map(|answer| answer.document().len()).sum();
    assert_eq!(metrics["BytesOut"], bytes_out as u64);
    // Only final documents count, and none twice.
    let counted = lines[1..].iter().map(|line| line["Documents"].as_u64().unwrap());
    assert_eq!(counted.collect::<Vec<_>>(), [count("Ok")][usize::from(count("Ok") == 0)..]);
}

#[test]
fn every_record_gets_one_answer_within_the_budget() {
    holds(400, &case(), check);
}

#[test]
fn no_request_causes_a_panic() {
    let budget = ("RESPONSE_BUDGET_BYTES", "2000");
    let handlers = [("off", 8), ("on", 10)]
        .map(|(split, metrics)| (Handler::new(&[budget, ("SPLIT", split)], []), metrics));
    let never_a_panic = |body: Vec<u8>| {
        for (handler, metrics) in &handlers {
            match on_paused_clock(handler.handle(&body, MINUTE)) {
                Ok(answer) => {
                    assert!(answer.len() <= 2_000);
                    if std::str::from_utf8(&body).is_ok() {
                        answers(&answer);
                    }
                }
                Err(error) => assert!(
                    matches!(
                        error,
                        HandlerError::InvalidEvent(_) | HandlerError::BudgetTooSmall { .. }
                    ),
                    "{error}"
                ),
            }
            assert_eq!(handler.metrics().len(), *metrics);
        }
    };
    holds(300, &vec(any::<u8>(), 0..300), never_a_panic);
    // Requests with replaced bytes, or truncated.
    let broken = (
        case(),
        vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        any::<prop::sample::Index>(),
    );
    let broken = broken.prop_map(|(Case { records, .. }, replaced, end)| {
        let mut body = envelope(&records).to_string().into_bytes();
        for (index, byte) in replaced {
            *index.get_mut(&mut body) = byte;
        }
        if end.index(4) == 0 {
            body.truncate(end.index(body.len()));
        }
        body
    });
    holds(300, &broken, never_a_panic);
}

#[test]
fn no_budget_is_exceeded_by_a_byte() {
    let note = "n".repeat(100);
    let payloads = [
        format!(r#"{{"id":1,"note":"{note}"}}"#),
        "oops".to_owned(),
        format!(r#"{{"id":2,"note":"{note}{note}"}}"#),
        String::new(),
        format!(r#"{{"id":3,"note":"{note}"}}"#),
        format!("[{note}]"),
    ];
    let request = direct_put(&payloads);
    let whole = on_paused_clock(Handler::new(&[], []).handle(&request, MINUTE)).unwrap();
    assert!((1_500..3_000).contains(&whole.len()), "{}", whole.len());
    for budget in 1_000..=whole.len() {
        let variables = [("RESPONSE_BUDGET_BYTES", &*budget.to_string())];
        let handler = Handler::new(&variables, []);
        let answer = on_paused_clock(handler.handle(&request, MINUTE)).unwrap();
        assert!(answer.len() <= budget, "{budget}");
        let records = answers(&answer);
        let lost = records.iter().filter(|record| record.data.is_none()).count() - 1;
        assert_eq!(lost == 0, budget == whole.len(), "{budget}");
        assert_eq!(handler.metrics()["RecordsReingested"], handler.taken().len() as u64);
    }
}

#[test]
fn a_cancelled_invocation_does_not_affect_the_next() {
    on_paused_clock(async {
        let handler = Handler::new(&[("RESPONSE_BUDGET_BYTES", "1000")], [Call::Hang]);
        let large = format!(r#"{{"id":"e","note":"{}"}}"#, "n".repeat(300));
        let request = direct_put(&[&large, &large]);
        let cancelled = tokio::time::timeout(MINUTE, handler.handle(&request, 2 * MINUTE)).await;
        cancelled.unwrap_err();
        let answer = handler.handle(&request, MINUTE).await.unwrap();
        let records = answers(&answer);
        let results: Vec<_> = records.iter().map(|record| record.result.as_str()).collect();
        assert_eq!(results, ["Ok", "Dropped"]);
        assert_eq!(handler.taken(), [record_id(1)].into());
    });
}

#[test]
fn metrics_of_documents_count_what_is_answered_ok() {
    on_paused_clock(async {
        let by = r#"{"Country":{"path":"interaction.country","values":["KR"]}}"#;
        let rules =
            format!(r#"[{{"metric":"Plays","when":{{"event.action":["play"]}},"by":{by}}}]"#);
        let variables = [
            ("RESPONSE_BUDGET_BYTES", "1500"),
            ("DROP_ACTIONS", "ping"),
            ("METRIC_RULES", rules.as_str()),
        ];
        let handler = Handler::new(&variables, []);
        let play = |country: &str, note: usize| {
            format!(
                r#"{{"type":"play","ts":1709296496,"country":"{country}","x":"{}"}}"#,
                "x".repeat(note)
            )
        };
        // The second document does not fit, and the later records are transformed again.
        let payloads = [
            play("KR", 0),
            play("KR", 500),
            play("FR", 0),
            r#"{"type":"ping"}"#.to_owned(),
            "oops".to_owned(),
        ];
        let request = direct_put(&payloads);
        // Again, if Firehose calls again.
        for _ in 0..2 {
            let answer = handler.handle(&request, MINUTE).await.unwrap();
            let records = answers(&answer);
            let results: Vec<_> = records.iter().map(|record| &*record.result).collect();
            assert_eq!(results, ["Ok", "Dropped", "Ok", "Dropped", "ProcessingFailed"]);
            let lines = handler.lines();
            assert_eq!(lines[0]["RecordsReingested"], 1);
            let plays = lines[1..].iter().map(|line| (&line["Country"], &line["Plays"]));
            let expected =
                [("KR", 1), ("other", 1)].map(|(name, count)| (json!(name), json!(count)));
            assert!(plays.eq(expected.iter().map(|(name, count)| (name, count))), "{lines:?}");
        }
    });
}
