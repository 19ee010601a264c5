//! A message of CloudWatch Logs is an envelope around each of its log events.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::contents::{Contents, Holds};
use shared::event::{DocumentId, Reader, Refusal};
use testkit::holds;

use crate::support::{arrival, model};

/// A message with these log events, as JSON.
fn message(log_events: &str) -> String {
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/app","logStream":"i-1","subscriptionFilters":["f"],"logEvents":{log_events}}}"#
    )
}

/// A log event at 2024-03-01T12:34:00Z.
fn log_event(id: &str, content: &str) -> String {
    json!({"id": id, "timestamp": 1_709_296_440_000_u64, "message": content}).to_string()
}

fn sns(id: &str, content: &str) -> String {
    json!({"Type": "Notification", "MessageId": id, "Message": content}).to_string()
}

/// The content of a text: each event with its document and `_id`, or why it is refused.
fn events(text: &str) -> Vec<Result<(String, Value, String), Refusal>> {
    let mut contents = Contents::default();
    assert_eq!(contents.open(|out| out.extend_from_slice(text.as_bytes())), Ok(Holds::Events));
    let model = model(&[]);
    let mut reader = Reader::default();
    let mut found = Vec::new();
    while let Some((event, around)) = contents.event(found.len()) {
        let text = String::from_utf8(event.to_vec()).unwrap();
        let read = reader.read_inside(&model, event, around).map(|mut event| {
            let (mut document, mut id) = (Vec::new(), Vec::new());
            let written = event.write_document(&arrival(), &mut document);
            event.write_document_id(DocumentId::Event, &written, &document, &mut id);
            (text, serde_json::from_slice(&document).unwrap(), String::from_utf8(id).unwrap())
        });
        if read.is_ok() || !contents.look_again() {
            found.push(read);
        }
    }
    assert_eq!(found.len(), contents.count());
    found
}

/// The events of a text without refused events.
fn good(text: &str) -> Vec<(String, Value, String)> {
    events(text).into_iter().map(Result::unwrap).collect()
}

fn texts(text: &str) -> Vec<String> {
    good(text).into_iter().map(|(text, ..)| text).collect()
}

/// The content of a text without events.
fn nothing(text: &str) -> Result<Holds, Refusal> {
    let mut contents = Contents::default();
    let holds = contents.open(|out| out.extend_from_slice(text.as_bytes()));
    assert_eq!(contents.count(), 0);
    holds
}

#[test]
fn each_log_event_lends_its_id_and_time() {
    let play = log_event("001", " {\"type\":\"play\",\"n\":[1]}\n");
    let start = log_event("002", "START a \"b\"\n");
    let own = r#"{"message":"{\"id\":\"own\",\"ts\":1709296496}","timestamp":1,"id":"003","ingestionTime":2}"#;
    let text = message(&format!("[{play}, {start},\n{own}]"));
    let events = good(&text);
    let ids = ["001", "002", "own"];
    let expected = [
        (r#"{"type":"play","n":[1]}"#, "2024-03-01T12:34:00.000Z", 1_709_296_440_000_u64),
        (r#"{"message":"START a \"b\"\n"}"#, "2024-03-01T12:34:00.000Z", 1_709_296_440_000),
        (r#"{"id":"own","ts":1709296496}"#, "2024-03-01T12:34:56.000Z", 1),
    ];
    assert_eq!(events.len(), expected.len());
    for (at, ((event, document, _), (text, time, said))) in events.iter().zip(expected).enumerate()
    {
        assert_eq!((event.as_str(), &document["@timestamp"]), (text, &json!(time)));
        assert_eq!(document["event"]["id"], json!(ids[at]));
        assert_eq!(document["event"].get("timestamp_source"), None);
        let group = json!({"kind": "cloudwatch_logs", "id": format!("00{}", at + 1), "source": "/app",
            "type": "i-1", "time": said, "account": "123456789012"});
        assert_eq!(document["envelope"], group);
    }
    assert_eq!(events[1].1["extra"], json!({"message": "START a \"b\"\n"}));
}

#[test]
fn the_event_is_the_object_in_the_message_or_else_the_message() {
    for (content, expected) in [
        (json!("{\"a\":1}"), r#"{"a":1}"#),
        (json!("\t{\"a\":\"\\u00e9\"} \r\n"), r#"{"a":"\u00e9"}"#),
        (json!("\u{feff}{\"a\":1}"), r#"{"a":1}"#),
        (json!({"a": 1}), r#"{"a":1}"#),
        (json!("{\"a\":1} x"), r#"{"message":"{\"a\":1} x"}"#),
        (json!("{\"a\":1}\n{\"a\":2}"), r#"{"message":"{\"a\":1}\n{\"a\":2}"}"#),
        (json!("{broken}"), r#"{"message":"{broken}"}"#),
        (json!("[1]"), r#"{"message":"[1]"}"#),
        (json!("\"{}\""), r#"{"message":"\"{}\""}"#),
        (json!(""), r#"{"message":""}"#),
        (json!(5), r#"{"message":5}"#),
        (json!(["a"]), r#"{"message":["a"]}"#),
    ] {
        let text = message(&format!(r#"[{{"id":"1","message":{content}}}]"#));
        assert_eq!(texts(&text), [expected], "{content}");
    }
    // The content of the message is also opened.
    let bridge = r#"{"detail-type":"t","id":"b","detail":{"a":1}}"#;
    let text = message(&format!("[{}]", log_event("1", bridge)));
    let (_, document, _) = &good(&text)[0];
    assert_eq!(document["event"]["id"], "b");
    assert_eq!(document["envelope"]["kind"], "cloudwatch_logs");
    assert_eq!(document["extra"], json!({"a": 1}));
}

#[test]
fn a_broken_log_event_is_refused_alone() {
    let deep = format!("{}{}", "{\"a\":".repeat(200), "1}".repeat(200));
    let text = message(&format!(
        r#"[{},5,{{"id":"2","timestamp":3}},{{"message":null}},"x",{},{}]"#,
        log_event("1", "a"),
        log_event("3", &format!("{{\"n\":{}}}", "1".repeat(1_001))),
        log_event("4", "b"),
    ));
    let events = events(&text);
    let refusals: Vec<_> = events.iter().map(|event| event.as_ref().err().copied()).collect();
    let (no_object, empty) = (Some(Refusal::NotAnObject), Some(Refusal::EmptyEnvelope));
    let long = Some(Refusal::NumberTooLong);
    assert_eq!(refusals, [None, no_object, empty, empty, no_object, long, None]);
    let ids =
        [&events[0], &events[6]].map(|event| event.as_ref().unwrap().1["event"]["id"].clone());
    assert_eq!(ids, ["1", "4"]);
    // That of the text in the message, and nothing else.
    let found = self::events(&message(&format!("[{}]", log_event("1", &deep))));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].as_ref().err(), Some(&Refusal::TooDeep));
}

#[test]
fn messages_stand_among_other_events() {
    let [one, two] = ["1", "2"].map(|id| log_event(id, "x"));
    let logs = message(&format!("[{one},{two}]"));
    let play = r#"{"id":"p"}"#;
    let x = r#"{"message":"x"}"#;
    for (text, expected) in [
        (format!("[{play},{logs},{play}]"), &[play, x, x, play][..]),
        (format!("{logs}\n{play}\n{logs}"), &[x, x, play, x, x]),
        (format!("{logs}{logs}"), &[x, x, x, x]),
        (format!("{logs} {play}"), &[x, x, play]),
        (format!(" {} \n", logs.replace(':', " :\n")), &[x, x]),
        (format!("[{}, {play}]", message("[]")), &[play]),
        (format!("{}{}{logs}", message("[]"), message(" [ ] ")), &[x, x]),
    ] {
        assert_eq!(texts(&text), expected, "{text}");
    }
    // Next to malformed text.
    let found = events(&format!("{logs}\n{{\"a\":NaN}}\n{logs}"));
    let refused: Vec<_> = found.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, false, true, false, false]);
    let found = events(&format!("{logs}{play}{{"));
    assert_eq!(found.iter().filter(|event| event.is_ok()).count(), 3);
    assert_eq!(found.len(), 4);
}

#[test]
fn messages_stand_in_other_envelopes() {
    let [one, two] = ["1", "2"].map(|id| log_event(id, "x"));
    let no_id = r#"{"message":"x"}"#;
    let logs = message(&format!("[{one},{no_id},{two}]"));
    let notification = sns("n", &logs);
    let documents = good(&notification);
    let ids: Vec<_> = documents.iter().map(|(_, document, _)| &document["event"]["id"]).collect();
    assert_eq!(ids, ["1", "n.1", "2"]);
    for (_, document, _) in &documents {
        assert_eq!(document["envelope"], json!({"kind": "sns", "id": "n"}));
    }
    assert_eq!(documents[0].1["@timestamp"], "2024-03-01T12:34:00.000Z");
    assert_eq!(documents[1].1["event"]["timestamp_source"], "arrival");
    // Three levels deep.
    assert_eq!(texts(&sns("o", &notification)).len(), 3);
    let deepest = sns("o", &sns("p", &notification));
    assert_eq!(texts(&deepest), [logs]);
}

#[test]
fn without_log_events_there_is_nothing() {
    let control = message(&format!("[{}]", log_event("", "CWL CONTROL MESSAGE: Checking")))
        .replace("DATA_MESSAGE", "CONTROL_MESSAGE");
    for text in [
        control.clone(),
        control.replace("CONTROL", "\\u0043ONTROL"),
        message("[]"),
        message(" [\n] "),
        sns("n", &control),
        format!("[{control},{}]", message("[]")),
        format!("{control}\n{control}"),
    ] {
        assert_eq!(nothing(&text), Ok(Holds::NoLogEvents), "{text}");
    }
    // As found when it is searched again.
    let mut contents = Contents::default();
    let twice = [control.as_bytes(), control.as_bytes()].concat();
    assert_eq!(contents.open(|out| out.extend_from_slice(&twice)), Ok(Holds::Events));
    assert!(contents.look_again());
    assert_eq!(contents.count(), 0);
    // Earlier contents do not matter.
    assert_eq!(texts(&format!("[{control},{{\"id\":1}}]")), ["{\"id\":1}"]);
}

#[test]
fn what_only_looks_like_a_message_is_the_event() {
    let whole = message("[]");
    for text in [
        whole.replace("\"DATA_MESSAGE\"", "5"),
        whole.replace("\"messageType\"", "\"type\""),
        whole.replace("\"/app\"", "null"),
        whole.replace("\"logGroup\"", "\"x\""),
        whole.replace("[]", "{}"),
        whole.replace("[]", "[],\"logEvents\":5"),
        format!("{{\"x\":{whole}}}"),
    ] {
        assert_eq!(texts(&text), [text.as_str()]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[test]
fn an_id_is_of_the_event_and_the_message() {
    for (log_events, length, hashed) in
        [(1, 1_000, false), (2, 1_000, false), (1, 20_000, false), (2, 20_000, true)]
    {
        let list: Vec<_> = (0..log_events).map(|at| log_event(&at.to_string(), "x")).collect();
        let text = message(&format!("[{}]", list.join(",")));
        let text = text.replace("i-1", &"s".repeat(length));
        // With other content next to it.
        for (whole, first) in [(text.clone(), 0), (format!("[{{}},{text}]"), 1)] {
            let found = good(&whole);
            for at in 0..log_events {
                let (event, _, id) = &found[first + at];
                let mut hash = Sha256::new();
                hash.update(event);
                if hashed {
                    hash.update(Sha256::digest(&text));
                } else {
                    hash.update(&text);
                }
                assert_eq!(*id, format!("{at}.{}", hex(&hash.finalize()[..8])));
            }
        }
    }
}

#[test]
fn each_event_alone_is_the_same_event() {
    let content = prop_oneof![
        "\\PC{0,20}",
        "[ \n]?\\{\"(id|ts|n)\":[0-9]{1,9}\\}\n?",
        Just("{\"a\":{}}".to_owned()),
    ];
    let logs = vec(("[0-9]{1,6}", content), 0..5).prop_map(|list| {
        let list: Vec<_> =
            list.iter().map(|(id, content)| (false, log_event(id, content))).collect();
        (true, list)
    });
    let plain = (0..9_u8).prop_map(|n| (false, vec![(true, format!("{{\"n\":{n}}}"))]));
    let parts = (vec(prop_oneof![logs, plain], 1..6), 0..3_usize, any::<bool>());
    holds(300, &parts, |(parts, form, in_sns)| {
        let part = |(is_message, list): &(bool, Vec<(bool, String)>)| {
            let list: Vec<_> = list.iter().map(|(_, text)| text.as_str()).collect();
            if *is_message { message(&format!("[{}]", list.join(","))) } else { list.concat() }
        };
        let all: Vec<_> = parts.iter().map(part).collect();
        let text = match form {
            0 => format!("[{}]", all.join(" , ")),
            1 => all.join("\n"),
            _ => all.concat(),
        };
        let text = if in_sns { sns("n", &text) } else { text };
        let count: usize = parts.iter().map(|(_, list)| list.len()).sum();
        let mut contents = Contents::default();
        contents.open(|out| out.extend_from_slice(text.as_bytes())).unwrap();
        contents.look_again();
        assert_eq!(contents.count(), count, "{text}");
        for at in 0..count {
            let event = contents.event(at).unwrap().0.to_vec();
            let mut alone = Vec::new();
            contents.write_alone(at, &mut alone);
            let mut other = Contents::default();
            other.open(|out| out.extend_from_slice(&alone)).unwrap();
            assert_eq!((other.count(), other.event(0).unwrap().0), (1, &*event));
            if !in_sns {
                let [one, among] = [String::from_utf8(alone).unwrap(), text.clone()];
                let (one, among) = (&good(&one)[0].1, &good(&among)[at].1);
                let is_log = among.get("envelope").is_some();
                assert!(!is_log || one == among, "{one} {among}");
            }
        }
    });
}
