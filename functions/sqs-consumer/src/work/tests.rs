mod any_answer;
mod fifo;
mod identities;
mod limits;
mod quarantine;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::config::Environment;
use shared::event::{DocumentId, Model, Reader, model};
use shared::opensearch::{IndexPattern, Limits, Refusals, UNKNOWN};

use super::*;
use crate::envelope;

/// Answers a request like OpenSearch: with a status for each document, by its id.
type Index<'t> = &'t mut dyn FnMut(&[String]) -> Result<Answer, Error>;

/// Answers messages for quarantine like SQS.
type Quarantine<'t> = &'t mut dyn FnMut(&[Quarantined]) -> Vec<Option<Failure>>;

/// A run of the work, with everything that was done.
struct Run {
    report: Report,
    /// The ids of the documents of each bulk request.
    requests: Vec<Vec<String>>,
    /// Message, position, body and reason of each event that was sent to quarantine, by call.
    quarantined: Vec<Vec<(usize, String, String)>>,
}

struct Setting {
    limits: Limits,
    quarantine: bool,
    /// The work is stopped before this step, from 0.
    stop: usize,
}

const SETTING: Setting = Setting {
    limits: Limits { bytes: 1_000_000, documents: 1_000 },
    quarantine: true,
    stop: usize::MAX,
};

/// An event with these bodies, each with its FIFO group.
fn event(bodies: &[(&str, &str)], queue: &str) -> String {
    let record = |(at, (body, group)): (usize, &(&str, &str))| {
        json!({
            "messageId": format!("m{at}"),
            "eventSourceARN": format!("arn:aws:sqs:eu-west-1:123456789012:{queue}"),
            "body": body,
            "attributes": {"MessageGroupId": group},
        })
    };
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()}).to_string()
}

/// Documents go to the index `events` under their own ids.
fn writing(limits: Limits) -> Writing {
    let index = IndexPattern::parse("events").unwrap();
    Writing { index, document_id: DocumentId::Id, limits, gzip: false }
}

fn rules<'a>(writing: &'a Writing, quarantine: bool, metrics: &'a MetricRules) -> Rules<'a> {
    let now = Timestamp::YEAR_2000;
    Rules { writing, quarantine, fetch_payloads: false, now, metrics }
}

fn run_with(event: &str, setting: &Setting, index: Index<'_>, quarantine: Quarantine<'_>) -> Run {
    let messages = envelope::parse(event.as_bytes()).unwrap();
    let (mut reader, mut buffers) = (Reader::default(), Buffers::default());
    let model: Model = model(&Environment::default()).unwrap();
    let write = |incoming: &Incoming<'_>, out: &mut Out| {
        let Incoming { event, around, arrival } = incoming;
        assert!(!event.windows(5).any(|part| part == b"panic"), "as it happens");
        let mut event = reader.read_inside(&model, event, *around)?;
        let written = event.write_document(arrival, &mut out.document);
        event.write_document_id(DocumentId::Id, &written, &out.document, &mut out.id);
        Ok(written)
    };
    let writing = writing(setting.limits);
    let metrics = MetricRules::default();
    let rules = rules(&writing, setting.quarantine, &metrics);
    let mut work = Work::new(rules, &messages, &mut buffers, write);
    let (mut requests, mut quarantined) = (Vec::new(), Vec::new());
    for _ in 0..setting.stop {
        match work.next_step() {
            Step::Bulk(body) => {
                let ids = ids(body);
                let reply = index(&ids);
                requests.push(ids);
                work.bulk_answered(&reply);
            }
            Step::Quarantine(entries) => {
                let shown = |entry: &Quarantined| {
                    let reason = &entry.attributes[0].1.value;
                    let shared::sqs::AttributeValue::Text(reason) = reason else { panic!() };
                    (entry.message, entry.body.clone(), reason.clone())
                };
                quarantined.push(entries.iter().map(shown).collect());
                let failures = quarantine(entries);
                work.quarantined(&failures);
            }
            Step::Fetch(..) => unreachable!("no message points to S3"),
            Step::Finished => break,
        }
    }
    Run { report: work.finish(), requests, quarantined }
}

/// The ids of a request's documents.
fn ids(body: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(body).unwrap();
    assert!(text.ends_with('\n'));
    let lines: Vec<_> = text.lines().collect();
    let pair = |pair: &[&str]| {
        let [action, document] = pair else { panic!("{pair:?}") };
        let action: Value = serde_json::from_str(action).unwrap();
        let document: Value = serde_json::from_str(document).unwrap();
        assert_eq!(action["create"]["_id"], document["event"]["id"]);
        assert_eq!(action["create"]["_index"], "events");
        action["create"]["_id"].as_str().unwrap().to_owned()
    };
    lines.chunks(2).map(pair).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "one of the replies that a test may give")]
fn answer(ids: &[String], status: impl Fn(&str) -> u16) -> Result<Answer, Error> {
    let item = |id: &String| {
        let status = status(id);
        let error =
            (status >= 300).then(|| json!({"type": "mapper_parsing_exception", "reason": "r"}));
        let mut item = json!({"_index": "events", "_id": id, "status": status});
        if let Some(error) = error {
            item["error"] = error;
        }
        json!({"create": item})
    };
    let items: Vec<_> = ids.iter().map(item).collect();
    Ok(Answer { status: 200, body: json!({"items": items}).to_string().into() })
}

#[expect(clippy::unnecessary_wraps, reason = "one of the replies that a test may give")]
fn status(status: u16) -> Result<Answer, Error> {
    Ok(Answer { status, body: "{}".into() })
}

fn taken(entries: &[Quarantined]) -> Vec<Option<Failure>> {
    vec![None; entries.len()]
}

#[expect(clippy::unnecessary_wraps, reason = "one of the replies that a test may give")]
fn failure() -> Option<Failure> {
    Some(Failure { code: "Some".to_owned(), message: "no".to_owned() })
}

/// A run of a standard queue whose documents have these statuses by id, 201 if none.
fn run(bodies: &[&str], statuses: &[(&str, u16)]) -> Run {
    let bodies: Vec<_> = bodies.iter().map(|body| (*body, "")).collect();
    let of =
        |id: &str| statuses.iter().find(|(of, _)| *of == id).map_or(201, |(_, status)| *status);
    run_with(&event(&bodies, "music"), &SETTING, &mut |ids| answer(ids, of), &mut taken)
}

fn play(id: &str) -> String {
    format!("{{\"event_id\":\"{id}\"}}")
}

/// The total number of refused events.
fn refused(report: &Report) -> u64 {
    report.findings.count()
}

const DONE: Outcome = Outcome::Done;
const QUARANTINED: Outcome = Outcome::Quarantined;

const fn retry(retry: Retry) -> Outcome {
    Outcome::Retry(retry)
}

#[test]
fn documents_of_all_messages_go_into_one_request() {
    let lines = format!("{}\n{}", play("c"), play("d"));
    let array = format!("[{},{}]", play("e"), play("f"));
    let run = run(&[&play("a"), &play("b"), &lines, &array], &[("b", 409), ("e", 200)]);
    assert_eq!(run.requests, [["a", "b", "c", "d", "e", "f"]]);
    assert_eq!(run.report.outcomes, [DONE; 4]);
    let Report { indexed, duplicate, bulk_requests, bulk_bytes, .. } = run.report;
    assert_eq!((indexed, duplicate, bulk_requests), (5, Some((1, 1)), 1));
    assert!(bulk_bytes > 600, "{bulk_bytes}");
    assert_eq!(run.quarantined, [[]; 0]);
}

#[test]
fn nothing_to_do_is_done() {
    let run = run(&[], &[]);
    assert_eq!(run.report, Report::default());
    assert_eq!(run.requests, [[""; 0]; 0]);
}

#[test]
fn each_message_has_the_fate_of_its_documents() {
    let statuses = [
        ("a", 429, retry(Retry::Search(opensearch::Retry::Throttled))),
        ("b", 503, retry(Retry::Search(opensearch::Retry::Unavailable))),
        ("c", 403, retry(Retry::Search(opensearch::Retry::Denied))),
        ("d", 404, retry(Retry::Search(opensearch::Retry::NoIndex))),
        ("e", 999, retry(Retry::Search(opensearch::Retry::OddAnswer))),
        ("f", 201, DONE),
        ("g", 400, QUARANTINED),
        ("h", 409, DONE),
    ];
    let bodies: Vec<_> = statuses.iter().map(|(id, ..)| play(id)).collect();
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    let run = run(&bodies, &statuses.map(|(id, status, _)| (id, status)));
    assert_eq!(run.report.outcomes, statuses.map(|(.., outcome)| outcome));
    assert_eq!(run.quarantined, [[(6, play("g"), "mapper_parsing_exception".to_owned())]]);
    assert_eq!(
        run.report.findings.refused,
        [("mapper_parsing_exception".to_owned(), Refusals { count: 1, first: 6, advice: "" })]
            .into()
    );
}

#[test]
fn a_test_event_of_s3_is_done_without_a_document() {
    let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"music"}"#;
    let run = run(&[&play("a"), test, test], &[]);
    assert_eq!(run.requests, [["a"]]);
    assert_eq!(run.report.outcomes, [DONE; 3]);
    assert_eq!(run.report.test_events, Some((2, 1)));
    assert_eq!(run.quarantined, [[]; 0]);
}

/// A message of CloudWatch Logs with these log events.
fn log_message(log_events: &[Value]) -> String {
    json!({"messageType": "DATA_MESSAGE", "logGroup": "/app", "logEvents": log_events}).to_string()
}

#[test]
fn each_log_event_is_a_document_and_none_is_done() {
    let log_events = ["a", "b"].map(|id| json!({"id": id, "message": "x"}));
    let control = log_message(&log_events).replace("DATA", "CONTROL");
    // The second control message turns out to be empty when the events are searched again.
    let twice = control.repeat(2);
    let bodies = [&log_message(&log_events), &control, &log_message(&[]), &twice];
    let run = run(&bodies.map(String::as_str), &[]);
    assert_eq!(run.requests, [["a", "b"]]);
    assert_eq!(run.report.outcomes, [DONE; 4]);
    assert_eq!(run.report.no_log_events, Some((2, 1)));
    assert_eq!((refused(&run.report), run.quarantined), (0, vec![]));
}

#[test]
fn requests_are_as_large_as_they_may_be() {
    let bodies: Vec<_> = ["a", "b", "c", "d", "e"].map(play).into();
    let bodies: Vec<_> = bodies.iter().map(|body| (&**body, "")).collect();
    let limits = Limits { documents: 2, ..SETTING.limits };
    let setting = Setting { limits, ..SETTING };
    let index = &mut |ids: &[String]| answer(ids, |_| 201);
    let run = run_with(&event(&bodies, "music"), &setting, index, &mut taken);
    let expected: [&[_]; 3] = [&["a", "b"], &["c", "d"], &["e"]];
    assert_eq!(run.requests, expected);
    // A message may be written in parts.
    let many = format!("[{},{},{}]", play("a"), play("b"), play("c"));
    let index = &mut |ids: &[String]| answer(ids, |id| if id == "c" { 503 } else { 201 });
    let run =
        run_with(&event(&[(&many, ""), (&play("d"), "")], "music"), &setting, index, &mut taken);
    let expected: [&[_]; 2] = [&["a", "b"], &["c", "d"]];
    assert_eq!(run.requests, expected);
    assert_eq!(run.report.outcomes, [retry(Retry::Search(opensearch::Retry::Unavailable)), DONE]);
}

#[test]
fn the_same_event_twice_is_one_document() {
    let index = &mut |ids: &[String]| {
        let mut seen = BTreeSet::new();
        let statuses: Vec<_> =
            ids.iter().map(|id| if seen.insert(id) { 201 } else { 409 }).collect();
        let at = std::cell::Cell::new(0);
        answer(ids, |_| statuses[at.replace(at.get() + 1)])
    };
    let event = event(&[(&play("a"), ""), (&play("a"), "")], "music");
    let run = run_with(&event, &SETTING, index, &mut taken);
    assert_eq!(run.report.outcomes, [DONE, DONE]);
    assert_eq!((run.report.indexed, run.report.duplicate), (1, Some((1, 1))));
}

#[test]
fn a_request_that_is_too_large_is_halved() {
    for (refusal, reason) in [(413, "document_too_large"), (400, "bad_request")] {
        let bodies: Vec<_> = ["a", "b", "c", "d", "e"].map(play).into();
        let bodies: Vec<_> = bodies.iter().map(|body| (&**body, "")).collect();
        // Any request with `d` is rejected.
        let index = &mut |ids: &[String]| {
            if ids.iter().any(|id| id == "d") { status(refusal) } else { answer(ids, |_| 201) }
        };
        let run = run_with(&event(&bodies, "music"), &SETTING, index, &mut taken);
        assert_eq!(run.report.outcomes, [DONE, DONE, DONE, QUARANTINED, DONE], "{refusal}");
        assert_eq!(run.quarantined, [[(3, play("d"), reason.to_owned())]]);
        let expected: [&[_]; 7] = [
            &["a", "b", "c", "d", "e"],
            &["a", "b"],
            &["c", "d", "e"],
            &["c"],
            &["d", "e"],
            &["d"],
            &["e"],
        ];
        assert_eq!(run.requests, expected);
        assert_eq!((run.report.bulk_requests, run.report.indexed), (7, 4));
    }
}

#[test]
fn a_whole_answer_is_the_fate_of_all_and_the_next_request_is_tried() {
    let bodies: Vec<_> = ["a", "b", "c"].map(play).into();
    let bodies: Vec<_> = bodies.iter().map(|body| (&**body, "")).collect();
    let setting = Setting { limits: Limits { documents: 2, ..SETTING.limits }, ..SETTING };
    for (reply, outcome) in [
        (status(429), Retry::Search(opensearch::Retry::Throttled)),
        (status(503), Retry::Search(opensearch::Retry::Unavailable)),
        (status(401), Retry::Search(opensearch::Retry::Denied)),
        (status(403), Retry::Search(opensearch::Retry::Denied)),
        (status(404), Retry::Search(opensearch::Retry::Rejected)),
        (status(200), Retry::Search(opensearch::Retry::OddAnswer)),
        (Err(Error::BrokenAnswer("cut".to_owned())), Retry::Search(opensearch::Retry::NoAnswer)),
    ] {
        let index = &mut |ids: &[String]| {
            if ids.len() == 2 { reply.clone() } else { answer(ids, |_| 201) }
        };
        let run = run_with(&event(&bodies, "music"), &setting, index, &mut taken);
        assert_eq!(run.report.outcomes, [retry(outcome), retry(outcome), DONE], "{outcome:?}");
        assert_eq!(run.report.findings.troubles.len(), 1);
        assert_eq!(run.quarantined, [[]; 0]);
    }
}

/// Wherever the time ends, exactly what was confirmed by then is done.
#[test]
fn what_a_pipeline_writes_under_another_id_is_done() {
    let index = &mut |ids: &[String]| {
        let items: Vec<_> = ids
            .iter()
            .map(|id| json!({"create": {"_id": format!("p-{id}"), "status": 201}}))
            .collect();
        Ok(Answer { status: 200, body: json!({"items": items}).to_string().into() })
    };
    let event = event(&[(&play("a"), ""), (&play("b"), "")], "music");
    let run = run_with(&event, &SETTING, index, &mut taken);
    assert_eq!(run.report.outcomes, [DONE; 2]);
    assert_eq!((run.report.indexed, run.report.elsewhere), (2, Some((2, 0))));
}
