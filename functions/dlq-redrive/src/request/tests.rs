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
        canary: Some(Canary { messages: 10, wait: Duration::from_mins(1) }),
    };
    assert_eq!(action, Action::Redrive(expected));
}

#[test]
fn errors_name_the_field() {
    for (payload, error) in [
        (json!([]), "payload: must be a JSON object"),
        (json!({}), "action: must be redrive, inspect, status or cancel"),
        (json!({"action": "purge"}), "action: must be redrive, inspect, status or cancel"),
        (json!({"action": 1}), "action: must be redrive, inspect, status or cancel"),
        (json!({"action": "redrive", "dry_run": true}), "dry_run: there is no such field"),
        (json!({"action": "redrive", "dry_run": null}), "dry_run: there is no such field"),
        (json!({"action": "status", "dryRun": true}), "dryRun: there is no such field"),
        (json!({"action": "inspect", "canary": {}}), "canary: there is no such field"),
        (
            json!({"action": "redrive", "source": "music-dlq"}),
            "source: must be the URL or the ARN of a queue",
        ),
        (
            json!({"action": "redrive", "destination": 1}),
            "destination: must be the URL or the ARN of a queue",
        ),
        (json!({"action": "redrive", "filter": []}), "filter: must be an object"),
        (
            json!({"action": "redrive", "filter": {"reasons": ["a"]}}),
            "filter.reasons: there is no such field",
        ),
        (
            json!({"action": "redrive", "filter": {"reason": []}}),
            "filter.reason: must be a list of texts that is not empty",
        ),
        (
            json!({"action": "redrive", "filter": {"reason": "timeout"}}),
            "filter.reason: must be a list of texts that is not empty",
        ),
        (
            json!({"action": "redrive", "filter": {"attribute": {"a": true}}}),
            "filter.attribute: must be an object of attributes' names and values, texts or numbers",
        ),
        (
            json!({"action": "redrive", "filter": {"body": {"event_type": "play"}}}),
            "filter.body: must be an object of JSON pointers, such as \"/event_type\", and values",
        ),
        (
            json!({"action": "redrive", "filter": {"minAgeSeconds": -1}}),
            "filter.minAgeSeconds: must be a whole number from 0",
        ),
        (
            json!({"action": "redrive", "filter": {"minAgeSeconds": 2, "maxAgeSeconds": 1}}),
            "filter.minAgeSeconds: must not be more than maxAgeSeconds",
        ),
        (
            json!({"action": "redrive", "filter": {"text": ""}}),
            "filter.text: must be a text that is not empty",
        ),
        (json!({"action": "redrive", "mode": "fast"}), "mode: must be native, selective or auto"),
        (json!({"action": "redrive", "dryRun": "no"}), "dryRun: must be true or false"),
        (
            json!({"action": "redrive", "maxMessages": 1.5}),
            "maxMessages: must be a whole number from 0",
        ),
        (
            json!({"action": "redrive", "ratePerSecond": 0}),
            "ratePerSecond: must be a whole number from 1 to 4294967295",
        ),
        (
            json!({"action": "redrive", "maxRedrives": "3"}),
            "maxRedrives: must be a whole number from 0",
        ),
        (
            json!({"action": "redrive", "canary": {"messages": 0, "waitSeconds": 1}}),
            "canary.messages: must be a whole number from 1",
        ),
        (
            json!({"action": "redrive", "canary": {"messages": 1}}),
            "canary.waitSeconds: must be a whole number",
        ),
        (
            json!({"action": "redrive", "canary": {"messages": 1, "waitSeconds": 901}}),
            "canary.waitSeconds: must be a whole number from 0 to 900",
        ),
    ] {
        assert_eq!(parse(&payload).unwrap_err().to_string(), error, "{payload}");
    }
    let long = parse(&json!({"action": "status", "x".repeat(1_000): 1})).unwrap_err();
    assert_eq!(long.to_string(), format!("{}: there is no such field", "x".repeat(100)));
    let error = Request::parse(b"{\"action\":\"redrive\",}", None).unwrap_err();
    assert_eq!(error.to_string(), "payload: is no JSON at line 1");
}

#[test]
fn the_source_is_no_destination() {
    let both = json!({"action": "redrive", "source": SOURCE, "destination": SOURCE_ARN});
    let error = parse(&both).unwrap().source(None).unwrap_err();
    assert_eq!(error.to_string(), "destination: must not be the source");
    let request = parse(&json!({"action": "redrive", "destination": SOURCE_ARN})).unwrap();
    let error = request.source(Queue::parse(SOURCE, None).as_ref()).unwrap_err();
    assert_eq!(error.to_string(), "destination: must not be the source");
}

#[test]
fn native_is_refused_what_it_cannot_do() {
    for (name, value) in [
        ("filter", json!({})),
        ("dryRun", json!(true)),
        ("maxMessages", json!(1)),
        ("maxRedrives", json!(1)),
        ("canary", json!({"messages": 1, "waitSeconds": 1})),
    ] {
        let error = parse(&json!({"action": "redrive", "mode": "native", name: value}));
        let expected = format!("{name}: cannot be had in the mode native");
        assert_eq!(error.unwrap_err().to_string(), expected);
        assert_eq!(redrive_of(&json!({"action": "redrive", name: value})).mode, Mode::Selective);
    }
    let fast = json!({"action": "redrive", "mode": "native", "ratePerSecond": 501});
    let error = parse(&fast).unwrap_err().to_string();
    assert_eq!(error, "ratePerSecond: must be at most 500 in the mode native");
}

#[test]
fn auto_is_native_where_only_destination_and_rate_are_asked() {
    for payload in [
        json!({"action": "redrive"}),
        json!({"action": "redrive", "mode": "auto", "dryRun": false, "filter": null}),
        json!({"action": "redrive", "destination": DESTINATION, "ratePerSecond": 500}),
    ] {
        assert_eq!(redrive_of(&payload).mode, Mode::Native, "{payload}");
    }
    // Faster than a task can be.
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
