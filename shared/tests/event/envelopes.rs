//! Envelopes: their content becomes the document, and their data is kept in it.

use shared::envelope::Envelope;
use shared::event::{Around, Reader, Refusal, TimestampSource};

use crate::support::{arrival, document, model, transform};

/// An EventBridge event with these members before its detail.
fn eventbridge(members: &str, detail: &str) -> String {
    format!(r#"{{"detail-type":"Play",{members}"detail":{detail}}}"#)
}

fn sns(members: &str, message: &str) -> String {
    let message = serde_json::json!(message);
    format!(r#"{{"Type":"Notification",{members}"Message":{message}}}"#)
}

fn cloudevent(members: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"c","source":"/s","type":"t"{members}}}"#)
}

/// The group `envelope` of a document.
fn group(document: &str) -> &str {
    let (_, group) = document.split_once(r#","envelope":"#).unwrap_or(("", "none"));
    &group[..=group.find('}').unwrap_or(3)]
}

/// The document of an event that is not in an envelope.
fn is_no_envelope(payload: &str) {
    let document = document(payload);
    assert!(!document.contains("\"envelope\""), "{document}");
    assert!(document.contains(r#""extra":{"#), "{document}");
}

#[test]
fn each_kind_says_what_it_is() {
    for (payload, expected) in [
        (
            sns(r#""MessageId":"m","TopicArn":"arn","Subject":"s","Timestamp":"2024-03-01","#, "{}"),
            r#"{"kind":"sns","id":"m","source":"arn","type":"s","time":"2024-03-01"}"#,
        ),
        (sns("", "{}"), r#"{"kind":"sns"}"#),
        (
            eventbridge(
                r#""id":"e","source":"aws.ec2","account":"1","time":"2024-03-01","region":"r","resources":["a","b"],"x":1,"#,
                "{}",
            ),
            r#"{"kind":"eventbridge","id":"e","source":"aws.ec2","type":"Play","time":"2024-03-01","account":"1","region":"r","resources":["a","b"]}"#,
        ),
        (eventbridge("", "{}"), r#"{"kind":"eventbridge","type":"Play"}"#),
        (
            cloudevent(r#","time":"2024-03-01","subject":"x","data":{}"#),
            r#"{"kind":"cloudevents","id":"c","source":"/s","type":"t","time":"2024-03-01"}"#,
        ),
        (cloudevent(r#","data_base64":"e30=""#), r#"{"kind":"cloudevents","id":"c","source":"/s","type":"t"}"#),
        // Escapes in names and values; the last of duplicates.
        (
            r#"{"\u0054ype":"Notif\u0069cation","MessageId":"no","Message\u0049d":"m\n","Message":"{}"}"#.to_owned(),
            r#"{"kind":"sns","id":"m\n"}"#,
        ),
    ] {
        assert_eq!(group(&document(&payload)), expected, "{payload}");
    }
}

#[test]
fn a_group_holds_keywords_on_one_line() {
    for (resources, expected) in [
        ("[ \"a\",\n \"b\" ]", r#","resources":["a","b"]"#),
        ("[1,true]", r#","resources":[1,true]"#),
        ("\"a\"", r#","resources":"a""#),
        ("5", r#","resources":5"#),
        ("[]", ""),
        ("{}", ""),
        ("null", ""),
        ("[null]", ""),
        ("[\"a\",{\"b\":1,\"b\":2}]", ""),
    ] {
        let document = document(eventbridge(&format!("\"resources\":{resources},"), "{}"));
        let expected = format!(r#"{{"kind":"eventbridge","type":"Play"{expected}}}"#);
        assert_eq!(group(&document), expected, "{resources}");
        assert!(!document.contains('\n'));
    }
}

#[test]
fn what_only_looks_like_an_envelope_is_the_event() {
    for payload in [
        r#"{"Type":"Notification","Message":5}"#,
        r#"{"Type":"SubscriptionConfirmation","Message":"{}"}"#,
        r#"{"Type":["Notification"],"Message":"{}"}"#,
        r#"{"Message":"{}"}"#,
        r#"{"detail-type":"Play"}"#,
        r#"{"detail-type":null,"detail":{"a":1}}"#,
        r#"{"detail":{"a":1}}"#,
        r#"{"specversion":"1.0","id":"c","source":"/s","type":"t"}"#,
        r#"{"specversion":"1.0","id":"c","source":"/s","type":"t","data":null}"#,
        r#"{"specversion":"1.0","id":"c","type":"t","data":{"a":1}}"#,
        r#"{"specversion":1.0,"id":"c","source":"/s","type":"t","data":{"a":1}}"#,
        r#"{"specversion":"0.3","id":"c","source":"/s","type":"t","data":{"a":1}}"#,
        r#"{"x":{"detail-type":"Play","detail":{"a":1}}}"#,
        r#"{"detail-type":"Play","detail":{"a":1},"detail-type":5}"#,
    ] {
        is_no_envelope(payload);
    }
}

#[test]
fn id_and_time_are_lent_where_the_event_has_none() {
    const OWN: &str = r#"{"id":"own","ts":1709296496}"#;
    let around = |time: &str| format!(r#""id":"lent","time":{time},"#);
    let lent = around("\"2024-03-01T12:00:00Z\"");
    for (payload, id, time, source) in [
        (eventbridge(&lent, OWN), "own", "2024-03-01T12:34:56.000Z", TimestampSource::Event),
        (eventbridge(&lent, "{}"), "lent", "2024-03-01T12:00:00.000Z", TimestampSource::Event),
        // If a time is refused, the next one is used.
        (
            eventbridge(&lent, r#"{"ts":5}"#),
            "lent",
            "2024-03-01T12:00:00.000Z",
            TimestampSource::Event,
        ),
        (
            eventbridge(&around("1709294400000"), "{}"),
            "lent",
            "2024-03-01T12:00:00.000Z",
            TimestampSource::Event,
        ),
        (
            eventbridge(&around("\"1999-12-31\""), "{}"),
            "lent",
            "2024-03-01T12:34:58.000Z",
            TimestampSource::Arrival,
        ),
        (
            eventbridge(&around("\"2024-03-03\""), "{}"),
            "lent",
            "2024-03-01T12:34:58.000Z",
            TimestampSource::Arrival,
        ),
        (
            eventbridge(&around("null"), "{}"),
            "lent",
            "2024-03-01T12:34:58.000Z",
            TimestampSource::Arrival,
        ),
        // The innermost envelope that has one.
        (
            sns(
                r#""MessageId":"outer","Timestamp":"2024-03-01T11:00:00Z","#,
                &eventbridge(&lent, "{}"),
            ),
            "lent",
            "2024-03-01T12:00:00.000Z",
            TimestampSource::Event,
        ),
        (
            sns(
                r#""MessageId":"outer","Timestamp":"2024-03-01T11:00:00Z","#,
                &eventbridge(r#""id":"","time":"soon","#, "{}"),
            ),
            "outer",
            "2024-03-01T11:00:00.000Z",
            TimestampSource::Event,
        ),
        (
            sns(r#""MessageId":7,"Timestamp":"2024-03-01T11:00:00Z","#, r#"{"id":""}"#),
            "7",
            "2024-03-01T11:00:00.000Z",
            TimestampSource::Event,
        ),
    ] {
        let (document, from) = transform(&model(&[]), &arrival(), payload.as_bytes()).unwrap();
        let start = format!(r#"{{"@timestamp":"{time}","event":{{"id":"{id}","ingested":"#);
        assert!(document.starts_with(&start), "{payload}: {document}");
        assert_eq!(from, source, "{payload}");
        // The type of the envelope is not the event's action.
        assert!(!document.contains("\"action\""), "{document}");
    }
}

#[test]
fn three_are_opened_and_the_outermost_is_shown() {
    let one = cloudevent(r#","data":{"n":1}"#);
    let two = sns(r#""MessageId":"m","#, &one);
    let three = eventbridge(r#""id":"e","#, &two);
    for (payload, shown) in [(&one, "cloudevents"), (&two, "sns"), (&three, "eventbridge")] {
        let document = document(payload);
        assert!(document.contains(r#""event":{"id":"c","#), "{document}");
        assert!(document.contains(&format!(r#""envelope":{{"kind":"{shown}""#)), "{document}");
        assert!(document.ends_with(r#","extra":{"n":1}}"#), "{document}");
    }
    let four = document(sns(r#""MessageId":"most","#, &three));
    assert!(four.contains(r#""envelope":{"kind":"sns","id":"most"}"#), "{four}");
    assert!(four.ends_with(r#""source":"/s","data":{"n":1}}}"#), "{four}");
}

#[test]
fn a_string_that_holds_an_object_is_opened_once() {
    let string = |text: &str| serde_json::json!(text).to_string();
    let event = r#"{"n":1}"#;
    for payload in [
        string(event),
        string(&format!("\u{feff} {event}\n")),
        eventbridge("", &string(event)),
        sns("", &string(event)),
        cloudevent(&format!(r#","data":{}"#, string(event))),
        string(&eventbridge("", &string(event))),
    ] {
        let document = document(&payload);
        assert!(document.ends_with(r#","extra":{"n":1}}"#), "{payload}: {document}");
    }
    for refused in [
        string(&string(event)),
        string("{"),
        string("[{}]"),
        string(""),
        eventbridge("", &string(&string(event))),
        eventbridge("", "[1]"),
        cloudevent(r#","data":true"#),
    ] {
        let outcome = transform(&model(&[]), &arrival(), refused.as_bytes());
        assert_eq!(outcome, Err(Refusal::NotAnObject), "{refused}");
    }
}

#[test]
fn what_is_inside_is_refused_for_what_it_is() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(128), "]".repeat(128));
    for (payload, refusal) in [
        (sns("", ""), Refusal::EmptyEnvelope),
        (sns("", " \r\n"), Refusal::EmptyEnvelope),
        (sns("", "\u{feff}"), Refusal::EmptyEnvelope),
        (sns("", &sns("", "")), Refusal::EmptyEnvelope),
        (cloudevent(r#","data_base64":"""#), Refusal::EmptyEnvelope),
        (cloudevent(r#","data_base64":"e30""#), Refusal::InvalidBase64),
        (cloudevent(r#","data_base64":"/w==""#), Refusal::InvalidUtf8),
        // A notification of SNS around an event, with an id that is not UTF-8.
        (
            cloudevent(
                r#","data_base64":"eyJUeXBlIjoiTm90aWZpY2F0aW9uIiwiTWVzc2FnZUlkIjoi/yIsIk1lc3NhZ2UiOiJ7fSJ9""#,
            ),
            Refusal::InvalidUtf8,
        ),
        (sns("", "hello"), Refusal::InvalidJson),
        (sns("", r#"{"a":1}{"b":2}"#), Refusal::InvalidJson),
        (sns("", r#"{"a":"\ud83c"}"#), Refusal::InvalidJson),
        (sns("", &deep), Refusal::TooDeep),
        (serde_json::json!(deep).to_string(), Refusal::TooDeep),
        (sns("", &format!(r#"{{"a":{}}}"#, "7".repeat(1_001))), Refusal::NumberTooLong),
    ] {
        let outcome = transform(&model(&[]), &arrival(), payload.as_bytes());
        assert_eq!(outcome, Err(refusal), "{payload}");
    }
}

#[test]
fn an_action_inside_is_the_one_that_is_dropped() {
    let actions = ["ping".to_owned()];
    let model = model(&[]);
    let mut reader = Reader::default();
    let payload = eventbridge("", r#"{"type":"ping"}"#);
    assert!(reader.read(&model, payload.as_bytes()).unwrap().action_is_one_of(&actions));
    let payload = r#"{"detail-type":"ping","type":"ping","detail":{}}"#;
    assert!(!reader.read(&model, payload.as_bytes()).unwrap().action_is_one_of(&actions));
}

#[test]
fn a_message_is_opened_before_its_events_are_read() {
    let mut envelope = Envelope::default();
    let (mut text, mut spare) = (Vec::new(), Vec::new());
    for (message, inside, depth_left) in [
        (r#"{"a":1}"#.to_owned(), r#"{"a":1}"#, true),
        (" [1,2] ".to_owned(), "[1,2]", true),
        (String::new(), "", true),
        (sns("", " [{\"a\":1},{\"a\":2}]\n"), r#"[{"a":1},{"a":2}]"#, false),
        (sns("", "{\"a\":1}\n{\"a\":2}"), "{\"a\":1}\n{\"a\":2}", false),
        (sns("", &eventbridge("", "[1]")), "[1]", false),
        (serde_json::json!(r#"{"a":1}"#).to_string(), r#"{"a":1}"#, true),
    ] {
        envelope.clear();
        text.clear();
        text.extend_from_slice(message.as_bytes());
        let span = envelope.open(&mut text, &mut spare).unwrap();
        assert_eq!(str::from_utf8(span.of(&text)).unwrap(), inside, "{message}");
        assert_eq!(envelope.is_none(), depth_left, "{message}");
    }
}

#[test]
fn events_of_one_envelope_have_its_id_with_their_position() {
    let model = model(&[]);
    let mut envelope = Envelope::default();
    let message = sns(r#""MessageId":"m","Timestamp":"2024-03-01T11:00:00Z","#, "[{},{}]");
    let (mut text, mut spare) = (message.into_bytes(), Vec::new());
    envelope.open(&mut text, &mut spare).unwrap();
    let id = |payload: &str, position| {
        let mut reader = Reader::default();
        let around = Some(Around { envelope: &envelope, position });
        let mut event = reader.read_inside(&model, payload.as_bytes(), around).unwrap();
        let mut out = Vec::new();
        let written = event.write_document(&arrival(), &mut out);
        let document = String::from_utf8(out).unwrap();
        assert!(group(&document).contains(r#""kind":"sns""#), "{document}");
        let id = written.id.unwrap();
        (document[id.start..id.end].to_owned(), written.own_id)
    };
    assert_eq!(id("{}", None), ("m".to_owned(), true));
    assert_eq!(id("{}", Some(0)), ("m.0".to_owned(), true));
    assert_eq!(id("{}", Some(17)), ("m.17".to_owned(), true));
    assert_eq!(id(r#"{"id":"own"}"#, Some(1)), ("own".to_owned(), true));
    // An envelope that contains one event passes on its id unchanged, even if it is among several.
    let inner = cloudevent(r#","data":{"n":1}"#);
    assert_eq!(id(&inner, Some(1)).0, "c");
    assert_eq!(id(&eventbridge("", "{}"), Some(1)).0, "m.1");
    let long = eventbridge(&format!(r#""id":"{}","#, "i".repeat(512)), "{}");
    assert_eq!(id(&long, Some(1)).0, "i".repeat(512));
    let three = eventbridge(r#""id":"e","#, &eventbridge(r#""id":"f","#, &inner));
    assert_eq!(id(&three, None).0, "c", "the third is the event");
}
