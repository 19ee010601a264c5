use std::borrow::Cow;

use super::*;
use crate::envelope;

const ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:music";

fn reason(detail: &str) -> Reason {
    Reason {
        code: Cow::Borrowed("invalid_json"),
        detail: Cow::Owned(detail.to_owned()),
        advice: "",
    }
}

/// The quarantine message for the event at position 2 of a message with these attributes.
fn quarantined(attributes: &Value, body: &str, reason: &Reason) -> Option<Quarantined> {
    let event = json!({"Records": [{
        "messageId": "m-1", "eventSourceARN": ARN, "messageAttributes": attributes,
        "attributes": {"ApproximateReceiveCount": "3", "AWSTraceHeader": "Root=1"},
    }]});
    let event = event.to_string();
    let messages = envelope::parse(event.as_bytes()).unwrap();
    super::quarantined(0, &messages[0], (2, body.to_owned()), reason)
}

fn named(quarantined: &Quarantined, name: &str) -> Attribute {
    let mut found = quarantined.attributes.iter().filter(|(own, _)| own == name);
    let (_, attribute) = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(found.next().is_none(), "{name} twice");
    attribute.clone()
}

fn text(quarantined: &Quarantined, name: &str) -> String {
    let AttributeValue::Text(text) = named(quarantined, name).value else { panic!("{name}") };
    text
}

fn own(name: &str) -> Value {
    json!({"stringValue": name, "dataType": "String", "stringListValues": []})
}

fn names(quarantined: &Quarantined) -> Vec<&str> {
    quarantined.attributes.iter().map(|(name, _)| &**name).collect()
}

const ALWAYS: [&str; 6] = [
    "sluice.reason",
    "sluice.detail",
    "sluice.source_arn",
    "sluice.message_id",
    "sluice.position",
    "sluice.receive_count",
];

#[test]
fn holds_the_reason_and_the_source() {
    let sent = quarantined(&json!({}), "oops\n", &reason("it is not one JSON value")).unwrap();
    assert_eq!(sent.body, "oops\n");
    assert_eq!(names(&sent), ALWAYS);
    let values: Vec<_> = ALWAYS.iter().map(|name| text(&sent, name)).collect();
    assert_eq!(values, ["invalid_json", "it is not one JSON value", ARN, "m-1", "2", "3"]);
    let types: Vec<_> = ALWAYS.iter().map(|name| named(&sent, name).data_type).collect();
    assert_eq!(types, ["String", "String", "String", "String", "Number", "Number"]);
}

#[test]
fn four_attributes_of_its_own_have_a_place() {
    let attributes = json!({
        "text": own("é"),
        "count": {"stringValue": "1.50", "dataType": "Number.float"},
        "bytes": {"binaryValue": "AP8=", "dataType": "Binary.png"},
        "other": own("o"),
    });
    let sent = quarantined(&attributes, "oops", &reason("no")).unwrap();
    assert_eq!(names(&sent)[6..], ["bytes", "count", "other", "text"]);
    assert_eq!(
        named(&sent, "bytes"),
        Attribute {
            data_type: "Binary.png".to_owned(),
            value: AttributeValue::Binary(vec![0, 255])
        }
    );
    assert_eq!(
        named(&sent, "count"),
        Attribute {
            data_type: "Number.float".to_owned(),
            value: AttributeValue::Text("1.50".to_owned()),
        }
    );
}

#[test]
fn the_rest_goes_into_one() {
    let mut attributes = Map::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
        attributes.insert(name.to_owned(), own(&name.repeat(2)));
    }
    let bytes = json!({"binaryValue": "AP8=", "dataType": "Binary"});
    attributes.insert("z".to_owned(), bytes);
    let sent = quarantined(&Value::Object(attributes), "oops", &reason("no")).unwrap();
    assert_eq!(sent.attributes.len(), 10);
    assert_eq!(names(&sent)[6..], ["a", "b", "c", "sluice.attributes"]);
    let more: Value = serde_json::from_str(&text(&sent, MORE_ATTRIBUTES)).unwrap();
    let string = |value: &str| json!({"DataType": "String", "StringValue": value});
    let expected = json!({
        "d": string("dd"), "e": string("ee"), "f": string("ff"), "g": string("gg"),
        "h": string("hh"), "i": string("ii"),
        "z": {"DataType": "Binary", "BinaryValue": "AP8="},
    });
    assert_eq!(more, expected);
}

#[test]
fn an_earlier_quarantine_is_replaced_and_what_it_kept_is_kept() {
    let kept = json!({
        "d": {"DataType": "String", "StringValue": "dd"},
        "z": {"DataType": "Binary", "BinaryValue": "AP8="},
    });
    let attributes = json!({
        "a": own("aa"), "b": own("bb"), "c": own("cc"),
        "sluice.reason": own("too_deep"), "sluice.detail": own("old"),
        "sluice.source_arn": own("old"), "sluice.message_id": own("first"),
        "sluice.position": {"stringValue": "9", "dataType": "Number"},
        "sluice.receive_count": own("9"),
        "sluice.attributes": own(&kept.to_string()),
    });
    let sent = quarantined(&attributes, "oops", &reason("new")).unwrap();
    assert_eq!(text(&sent, "sluice.reason"), "invalid_json");
    assert_eq!(text(&sent, "sluice.detail"), "new");
    assert_eq!(text(&sent, "sluice.source_arn"), ARN);
    assert_eq!(text(&sent, "sluice.receive_count"), "3");
    // The identity of an event stays: it was the tenth of its first message, and is now the third
    // of this one.
    assert_eq!(text(&sent, "sluice.message_id"), "first");
    assert_eq!(text(&sent, "sluice.position"), "11");
    assert_eq!(names(&sent)[6..], ["a", "b", "c", "sluice.attributes"]);
    assert_eq!(serde_json::from_str::<Value>(&text(&sent, MORE_ATTRIBUTES)).unwrap(), kept);
}

#[test]
fn attributes_that_sqs_cannot_have_sent_are_left_out() {
    let attributes = json!({
        "no type": {"stringValue": "x"}, "no value": {"dataType": "String"},
        "no base64": {"dataType": "Binary", "binaryValue": "*"}, "no object": 5,
        "no text": own(""), "no bytes": {"dataType": "Binary", "binaryValue": ""},
        "sluice.attributes": own("no JSON"),
    });
    let sent = quarantined(&attributes, "oops", &reason("no")).unwrap();
    assert_eq!(names(&sent), ALWAYS);
    assert_eq!(names(&quarantined(&json!(null), "oops", &reason("no")).unwrap()), ALWAYS);
}

#[test]
fn the_detail_is_something_that_sqs_takes() {
    let detail = |given: &str| {
        text(&quarantined(&json!({}), "oops", &reason(given)).unwrap(), "sluice.detail")
    };
    assert_eq!(detail("a\u{0}b\u{1f}\u{fffe}\u{ffff}c\t\n\r é 😀"), "a?b???c\t\n\r é 😀");
    assert_eq!(detail(""), "invalid_json");
    assert_eq!(detail(&"é".repeat(1_000)), "é".repeat(512));
}

#[test]
fn a_body_that_sqs_does_not_take_is_not_sent() {
    for body in ["", "a\u{0}", "\u{b}", "\u{fffe}"] {
        assert_eq!(quarantined(&json!({}), body, &reason("no")), None, "{body:?}");
    }
}

#[test]
fn body_and_attributes_are_no_larger_than_a_message_may_be() {
    let attributes = json!({"own": own("x")});
    let long = "d".repeat(1_000);
    let small = quarantined(&attributes, "x", &reason("d")).unwrap().bytes();
    let largest = MAX_MESSAGE_BYTES - small + 1;
    // Only the detail is shortened to make room for the body.
    let fits = quarantined(&attributes, &"x".repeat(largest), &reason(&long)).unwrap();
    assert_eq!(fits.bytes(), MAX_MESSAGE_BYTES);
    assert_eq!(text(&fits, "sluice.detail"), "d");
    assert_eq!(text(&fits, "own"), "x");
    let roomy = quarantined(&attributes, &"x".repeat(largest - 500), &reason(&long)).unwrap();
    assert_eq!(text(&roomy, "sluice.detail").len(), 501);
    assert_eq!(quarantined(&attributes, &"x".repeat(largest + 1), &reason(&long)), None);
    let wide =
        quarantined(&attributes, &"x".repeat(largest - 1), &reason(&"é".repeat(99))).unwrap();
    assert_eq!(text(&wide, "sluice.detail"), "é");
}

#[test]
fn in_a_fifo_queue_groups_stay_and_events_are_told_apart() {
    let event = json!({"Records": [
        {"messageId": "m-1", "eventSourceARN": ARN, "attributes": {"MessageGroupId": "g\"1"}},
        {"messageId": "m-2", "eventSourceARN": ARN},
    ]});
    let event = event.to_string();
    let messages = envelope::parse(event.as_bytes()).unwrap();
    let of = |message: usize, position| {
        super::quarantined(message, &messages[message], (position, "x".to_owned()), &reason("no"))
            .unwrap()
    };
    assert_eq!(of(0, 0).group_id.as_deref(), Some("g\"1"));
    assert_eq!(of(0, 0).deduplication_id, of(0, 0).deduplication_id);
    let ids: std::collections::BTreeSet<_> =
        [of(0, 0), of(0, 1), of(1, 0), of(1, 1)].map(|sent| sent.deduplication_id).into();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    assert_eq!(of(1, 0).group_id, None);
    // The message as a whole is at the position of its first event.
    let whole = super::quarantined(0, &messages[0], (0, "x y".to_owned()), &reason("no")).unwrap();
    assert_ne!(whole.deduplication_id, of(0, 0).deduplication_id);
}

#[test]
fn a_queue_is_known_by_its_account_and_name() {
    assert!(is_queue("https://sqs.eu-west-1.amazonaws.com/123456789012/music", ARN));
    assert!(is_queue("http://127.0.0.1:9324/123456789012/music/", ARN));
    assert!(!is_queue("https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq", ARN));
    assert!(!is_queue("https://sqs.eu-west-1.amazonaws.com/123456789013/music", ARN));
}
