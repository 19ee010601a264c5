use super::*;
use serde_json::json;
use shared::sqs::{Attribute, AttributeValue};

const NOW_MS: u64 = 1_709_296_496_000;

fn text(data_type: &str, text: &str) -> Attribute {
    Attribute { data_type: data_type.to_owned(), value: AttributeValue::Text(text.to_owned()) }
}

fn message() -> Message {
    let bytes = AttributeValue::Binary(b"a".to_vec());
    let attributes = [
        ("sluice.reason", text("String", "timeout")),
        ("tenant", text("String", "a")),
        ("attempt", text("Number", "3")),
        ("bytes", Attribute { data_type: "Binary".to_owned(), value: bytes }),
    ];
    Message {
        body: r#"{"event_type":"play","n":1,"big":18446744073709551615,"a":[1,{"b":null}]}"#.into(),
        attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        sent_ms: Some(NOW_MS - 60_000),
        dead_letter_source_arn: Some("arn:main".to_owned()),
        ..Message::default()
    }
}

fn matches(filter: &Filter) -> bool {
    filter.matches(&message(), NOW_MS)
}

#[test]
fn without_conditions_all_match() {
    assert!(matches(&Filter::default()));
    assert!(Filter::default().matches(&Message::default(), 0));
}

#[test]
fn a_reason_is_one_of_the_given() {
    let reasons = |reasons: &[&str]| Filter {
        reasons: Some(reasons.iter().map(|&reason| reason.to_owned()).collect()),
        ..Filter::default()
    };
    assert!(matches(&reasons(&["throttled", "timeout"])));
    assert!(!matches(&reasons(&["throttled", "Timeout"])));
    assert!(!reasons(&["timeout"]).matches(&Message::default(), NOW_MS));
}

#[test]
fn an_attribute_of_text_or_number_has_the_value() {
    let with = |pairs: &[(&str, &str)]| Filter {
        attributes: pairs.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect(),
        ..Filter::default()
    };
    assert!(matches(&with(&[("tenant", "a"), ("attempt", "3")])));
    assert!(!matches(&with(&[("tenant", "a"), ("attempt", "4")])));
    assert!(!matches(&with(&[("bytes", "a")])));
    assert!(!matches(&with(&[("none", "a")])));
}

#[test]
fn the_body_has_equal_values_at_the_pointers() {
    let with = |pointer: &str, value: Value| Filter {
        body: [(pointer.to_owned(), value)].into(),
        ..Filter::default()
    };
    for (pointer, value) in [
        ("/event_type", json!("play")),
        ("/n", json!(1)),
        ("/n", json!(1.0)),
        ("/big", json!(u64::MAX)),
        ("/a", json!([1.0, {"b": null}])),
        ("/a/1/b", json!(null)),
        ("", json!({"event_type": "play", "n": 1, "big": u64::MAX, "a": [1, {"b": null}]})),
    ] {
        assert!(matches(&with(pointer, value.clone())), "{pointer} {value}");
    }
    for (pointer, value) in [
        ("/event_type", json!("skip")),
        ("/n", json!("1")),
        ("/n", json!(2)),
        ("/big", json!(u64::MAX - 1)),
        ("/a", json!([1])),
        ("/a/1", json!({"b": null, "c": 1})),
        ("/none", json!(null)),
    ] {
        assert!(!matches(&with(pointer, value.clone())), "{pointer} {value}");
    }
    let no_json = Message { body: "play".to_owned(), ..Message::default() };
    assert!(!with("", json!("play")).matches(&no_json, NOW_MS));
}

#[test]
fn ages_are_counted_from_when_the_message_was_sent() {
    let aged =
        |min, max| Filter { min_age_seconds: min, max_age_seconds: max, ..Filter::default() };
    for (min, max, expected) in [
        (Some(60), Some(60), true),
        (Some(61), None, false),
        (None, Some(59), false),
        (Some(0), Some(86_400), true),
        (Some(u64::MAX), None, false),
        (None, Some(u64::MAX), true),
    ] {
        assert_eq!(matches(&aged(min, max)), expected, "{min:?} {max:?}");
    }
    let unsent = Message { sent_ms: None, ..message() };
    assert!(!aged(Some(0), None).matches(&unsent, NOW_MS));
    // The clocks differ: nothing is younger than now.
    let ahead = Message { sent_ms: Some(NOW_MS + 5_000), ..message() };
    assert!(aged(Some(0), Some(0)).matches(&ahead, NOW_MS));
}

#[test]
fn the_text_is_a_part_of_the_body_as_it_is_written() {
    let with = |text: &str| Filter { text: Some(text.to_owned()), ..Filter::default() };
    assert!(matches(&with(r#""event_type":"play""#)));
    assert!(!matches(&with("PLAY")));
}

#[test]
fn the_source_is_that_of_sqs_else_the_one_told() {
    let with = |arn: &str| Filter { source_arn: Some(arn.to_owned()), ..Filter::default() };
    assert!(matches(&with("arn:main")));
    assert!(!matches(&with("arn:other")));
    let mut quarantined = message();
    quarantined.dead_letter_source_arn = None;
    assert!(!with("arn:main").matches(&quarantined, NOW_MS));
    quarantined.attributes.insert("sluice.source_arn".to_owned(), text("String", "arn:main"));
    assert!(with("arn:main").matches(&quarantined, NOW_MS));
}

#[test]
fn all_conditions_must_hold() {
    let filter = Filter {
        reasons: Some(vec!["timeout".to_owned()]),
        text: Some("play".to_owned()),
        max_age_seconds: Some(60),
        ..Filter::default()
    };
    assert!(matches(&filter));
    assert!(!matches(&Filter { text: Some("skip".to_owned()), ..filter.clone() }));
    assert!(!matches(&Filter { max_age_seconds: Some(1), ..filter.clone() }));
    assert!(!matches(&Filter { reasons: Some(vec!["other".to_owned()]), ..filter }));
}
