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

fn filter(conditions: &Value) -> Filter {
    serde_json::from_value(conditions.clone()).unwrap()
}

#[test]
fn an_empty_filter_matches_every_message() {
    assert!(matches(&Filter::default()));
    assert!(Filter::default().matches(&Message::default(), 0));
}

#[test]
fn all_conditions_must_hold() {
    for (conditions, expected) in [
        (json!({"reason": ["throttled", "timeout"]}), true),
        (json!({"reason": ["throttled", "Timeout"]}), false),
        (json!({"attribute": {"tenant": "a", "attempt": 3}}), true),
        (json!({"attribute": {"tenant": "a", "attempt": 4}}), false),
        (json!({"attribute": {"bytes": "a"}}), false),
        (json!({"attribute": {"missing": "a"}}), false),
        (json!({"text": "\"event_type\":\"play\""}), true),
        (json!({"text": "PLAY"}), false),
        (json!({"sourceArn": "arn:main"}), true),
        (json!({"sourceArn": "arn:other"}), false),
        (json!({"reason": ["timeout"], "text": "play", "maxAgeSeconds": 60}), true),
        (json!({"reason": ["timeout"], "text": "skip", "maxAgeSeconds": 60}), false),
        (json!({"reason": ["timeout"], "text": "play", "maxAgeSeconds": 1}), false),
        (json!({"reason": ["other"], "text": "play", "maxAgeSeconds": 60}), false),
    ] {
        assert_eq!(matches(&filter(&conditions)), expected, "{conditions}");
    }
    assert!(!filter(&json!({"reason": ["timeout"]})).matches(&Message::default(), NOW_MS));
    // The attribute, if SQS does not know the source.
    let mut quarantined = Message { dead_letter_source_arn: None, ..message() };
    let from_main = filter(&json!({"sourceArn": "arn:main"}));
    assert!(!from_main.matches(&quarantined, NOW_MS));
    quarantined.attributes.insert("sluice.source_arn".to_owned(), text("String", "arn:main"));
    assert!(from_main.matches(&quarantined, NOW_MS));
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
    // Other values of the body do not matter, even if a `Value` cannot hold them.
    let deep = "[".repeat(200) + &"]".repeat(200);
    for other in ["1e400", &deep] {
        let body = format!(r#" {{"x":{other},"a/b":[0,{{"~":"stop","~":"play"}}]}} "#);
        let message = Message { body, ..Message::default() };
        assert!(with("/a~1b/1/~0", json!("play")).matches(&message, NOW_MS), "{other}");
        for (pointer, value) in
            [("/a~1b/01/~0", json!("play")), ("/x", json!("play")), ("/a~1b/2", json!(null))]
        {
            assert!(!with(pointer, value).matches(&message, NOW_MS), "{pointer}: {other}");
        }
    }
    let not_json = Message { body: "play".to_owned(), ..Message::default() };
    assert!(!with("", json!("play")).matches(&not_json, NOW_MS));
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
    // The clocks differ.
    let ahead = Message { sent_ms: Some(NOW_MS + 5_000), ..message() };
    assert!(aged(Some(0), Some(0)).matches(&ahead, NOW_MS));
}
