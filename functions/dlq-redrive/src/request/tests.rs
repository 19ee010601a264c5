use super::*;
use serde_json::json;

const SOURCE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq";
const SOURCE_ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:music-dlq";
const DESTINATION: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/music";

fn parse(payload: &Value) -> Result<Request, Error> {
    Request::parse(payload.to_string().as_bytes(), None)
}

fn redrive_of(payload: &Value) -> Redrive {
    match parse(payload).unwrap().action {
        Action::Redrive(redrive) => redrive,
        action => panic!("{action:?}"),
    }
}

#[test]
fn all_but_the_action_have_defaults() {
    let request = parse(&json!({"action": "redrive"})).unwrap();
    assert_eq!(request.source, None);
    let expected = Redrive {
        destination: None,
        mode: Mode::Native,
        filter: Filter::default(),
        dry_run: false,
        max_messages: u64::MAX,
        rate_per_second: None,
        max_redrives: None,
        canary: None,
    };
    assert_eq!(request.action, Action::Redrive(expected));
    let own = Queue::parse(SOURCE, None).unwrap();
    assert_eq!(request.source(Some(&own)).unwrap(), own);
    let error = request.source(None).unwrap_err().to_string();
    assert_eq!(error, "source: must be the URL or the ARN of a queue: DLQ_URL is not set");
    let canary = redrive_of(&json!({"action": "redrive", "canary": {"messages": 5}})).canary;
    assert_eq!(canary.unwrap().wait_seconds, 60);
}

#[test]
fn reads_every_field() {
    let request = parse(&json!({
        "action": "redrive", "source": SOURCE_ARN, "destination": DESTINATION,
        "filter": {"reason": ["timeout"], "attribute": {"tenant": "a", "attempt": 3},
            "body": {"/event_type": "play"}, "minAgeSeconds": 0, "maxAgeSeconds": 86400,
            "sourceArn": "arn:main", "text": "x"},
        "mode": "auto", "dryRun": true, "maxMessages": 1000, "ratePerSecond": 50,
        "maxRedrives": 3, "canary": {"messages": 10, "waitSeconds": 60}
    }));
    let Request { source, action } = request.unwrap();
    assert_eq!(source.unwrap().arn.as_deref(), Some(SOURCE_ARN));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = Redrive {
        destination: Queue::parse(DESTINATION, None),
        mode: Mode::Selective,
        filter: Filter {
            reasons: Some(vec!["timeout".to_owned()]),
            attributes: [pair("attempt", "3"), pair("tenant", "a")].into(),
            body: [("/event_type".to_owned(), json!("play"))].into(),
            min_age_seconds: Some(0),
            max_age_seconds: Some(86_400),
            source_arn: Some("arn:main".to_owned()),
            text: Some("x".to_owned()),
        },
        dry_run: true,
        max_messages: 1_000,
        rate_per_second: Some(50),
        max_redrives: Some(3),
        canary: Some(Canary { messages: NonZeroU64::new(10).unwrap(), wait_seconds: 60 }),
    };
    assert_eq!(action, Action::Redrive(expected));
}

/// Asserts that a redrive with this member is an error of this field.
fn assert_error(name: &str, value: &Value, expected: &str) {
    let error = parse(&json!({"action": "redrive", name: value})).unwrap_err();
    assert_eq!(error.to_string(), expected, "{name}: {value}");
}

#[test]
fn errors_name_the_field() {
    let action = "action: must be redrive, inspect, status or cancel";
    for (payload, error) in [
        (json!([]), "payload: is not a JSON object at line 1"),
        (json!({}), action),
        (json!({"action": "purge"}), action),
        (json!({"action": 1}), action),
        (
            json!({"action": "status", "dryRun": true}),
            "dryRun: unknown field `dryRun`, expected `source`",
        ),
    ] {
        assert_eq!(parse(&payload).unwrap_err().to_string(), error, "{payload}");
    }
    for (name, value, error) in [
        ("source", json!("music-dlq"), "source: must be the URL or the ARN of a queue"),
        ("destination", json!(1), "destination: invalid type: integer `1`, expected a string"),
        ("filter", json!({"reason": []}), "filter.reason: must not be empty"),
        ("filter", json!({"reason": [""]}), "filter.reason: must not be empty"),
        (
            "filter",
            json!({"reason": "timeout"}),
            "filter.reason: invalid type: string \"timeout\", expected a sequence",
        ),
        (
            "filter",
            json!({"attribute": {"a": true}}),
            "filter.attribute.a: expected a string or a number",
        ),
        (
            "filter",
            json!({"body": {"event_type": "play"}}),
            "filter.body: must have JSON pointers as names, such as \"/event_type\"",
        ),
        (
            "filter",
            json!({"minAgeSeconds": -1}),
            "filter.minAgeSeconds: invalid value: integer `-1`, expected u64",
        ),
        (
            "filter",
            json!({"minAgeSeconds": 2, "maxAgeSeconds": 1}),
            "filter.minAgeSeconds: must not be more than maxAgeSeconds",
        ),
        ("filter", json!({"text": ""}), "filter.text: must not be empty"),
        ("filter", json!({"sourceArn": ""}), "filter.sourceArn: must not be empty"),
        (
            "mode",
            json!("fast"),
            "mode: unknown variant `fast`, expected one of `auto`, `native`, `selective`",
        ),
        ("dryRun", json!("no"), "dryRun: invalid type: string \"no\", expected a boolean"),
        (
            "maxMessages",
            json!(1.5),
            "maxMessages: invalid type: floating point `1.5`, expected u64",
        ),
        (
            "ratePerSecond",
            json!(0),
            "ratePerSecond: invalid value: integer `0`, expected a nonzero u32",
        ),
        ("maxRedrives", json!("3"), "maxRedrives: invalid type: string \"3\", expected u64"),
        (
            "canary",
            json!({"messages": 0, "waitSeconds": 1}),
            "canary.messages: invalid value: integer `0`, expected a nonzero u64",
        ),
        ("canary", json!({"waitSeconds": 1}), "canary: missing field `messages`"),
        (
            "canary",
            json!({"messages": 1, "waitSeconds": 901}),
            "canary.waitSeconds: must be at most 900",
        ),
    ] {
        assert_error(name, &value, error);
    }
    for (name, value, field) in [
        ("dry_run", json!(true), "dry_run"),
        ("dry_run", json!(null), "dry_run"),
        ("filter", json!({"reasons": ["a"]}), "filter.reasons"),
    ] {
        let error = parse(&json!({"action": "redrive", name: value})).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{field}: unknown field `")), "{error}");
    }
    let long = parse(&json!({"action": "status", "x".repeat(1_000): 1})).unwrap_err();
    assert_eq!(long.to_string().chars().count(), 256 + ": ".len() + 256);
    let error = Request::parse(b"{\"action\":\"redrive\",}", None).unwrap_err();
    assert_eq!(error.to_string(), "payload: is not a JSON object at line 1");
}

#[test]
fn the_source_and_the_destination_differ() {
    let both = json!({"action": "redrive", "source": SOURCE, "destination": SOURCE_ARN});
    let error = parse(&both).unwrap().source(None).unwrap_err();
    assert_eq!(error.to_string(), "destination: must not be the source");
    let request = parse(&json!({"action": "redrive", "destination": SOURCE_ARN})).unwrap();
    let error = request.source(Queue::parse(SOURCE, None).as_ref()).unwrap_err();
    assert_eq!(error.to_string(), "destination: must not be the source");
}

#[test]
fn native_mode_rejects_fields_that_it_does_not_support() {
    for (name, value) in [
        ("filter", json!({})),
        ("dryRun", json!(true)),
        ("maxMessages", json!(1)),
        ("maxRedrives", json!(1)),
        ("canary", json!({"messages": 1, "waitSeconds": 1})),
    ] {
        let error = parse(&json!({"action": "redrive", "mode": "native", name: value}));
        let expected = format!("{name}: is not available in the mode native");
        assert_eq!(error.unwrap_err().to_string(), expected);
        assert_eq!(redrive_of(&json!({"action": "redrive", name: value})).mode, Mode::Selective);
    }
    let fast = json!({"action": "redrive", "mode": "native", "ratePerSecond": 501});
    let error = parse(&fast).unwrap_err().to_string();
    assert_eq!(error, "ratePerSecond: must be at most 500 in the mode native");
}

#[test]
fn auto_is_native_if_only_destination_and_rate_are_set() {
    for payload in [
        json!({"action": "redrive"}),
        json!({"action": "redrive", "mode": "auto", "dryRun": false, "filter": null}),
        json!({"action": "redrive", "destination": DESTINATION, "ratePerSecond": 500}),
    ] {
        assert_eq!(redrive_of(&payload).mode, Mode::Native, "{payload}");
    }
    // Faster than a move task.
    let payload = json!({"action": "redrive", "ratePerSecond": 501});
    assert_eq!(redrive_of(&payload).mode, Mode::Selective);
    let payload = json!({"action": "redrive", "mode": "selective"});
    assert_eq!(redrive_of(&payload).mode, Mode::Selective);
}

#[test]
fn inspect_takes_a_filter_and_a_limit() {
    let payload = json!({"action": "inspect", "filter": {"text": "x"}, "maxMessages": 5});
    let filter = Filter { text: Some("x".to_owned()), ..Filter::default() };
    assert_eq!(parse(&payload).unwrap().action, Action::Inspect { filter, max_messages: 5 });
}
