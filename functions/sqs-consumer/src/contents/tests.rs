use serde_json::json;

use super::*;

/// The events in a body.
fn events(body: &str) -> Result<Vec<String>, Refusal> {
    let mut contents = Contents::default();
    // What was there before does not matter.
    contents.open(Body { content: "[1,2,3]", escaped: false }).unwrap();
    let escaped = serde_json::to_string(body).unwrap();
    for body in [
        Body { content: body, escaped: false },
        Body { content: &escaped[1..escaped.len() - 1], escaped: true },
    ] {
        contents.open(body)?;
    }
    let event = |at| String::from_utf8(contents.event(at).unwrap().to_vec()).unwrap();
    assert_eq!(contents.event(contents.count()), None);
    Ok((0..contents.count()).map(event).collect())
}

fn sns(message: &str) -> String {
    json!({"Type": "Notification", "MessageId": "n", "TopicArn": "arn", "Message": message})
        .to_string()
}

fn event_bridge(detail: &str) -> String {
    format!(r#"{{"version":"0","detail-type":"Play","source":"app","detail":{detail},"id":"e"}}"#)
}

#[test]
fn finds_one_event() {
    for body in [
        r#"{"a":1}"#,
        " \n{\"a\":\n1}\t\r\n",
        "\u{feff}{\"a\":1}",
        "{\n  \"a\": [\n    1\n  ]\n}",
        // No events, but nothing else either: refused when they are read.
        "oops",
        "5",
        "{\"a\":1} {\"b\":2}",
        "{\"a\":1",
        "[1,2",
        "[1,2]]",
        "[1,\u{c}2]",
        "{\n\"a\":1\n}\n{\"b\":2}",
        "oops\n{\"a\":1}",
    ] {
        let trimmed = body.trim_start_matches('\u{feff}').trim();
        assert_eq!(events(body).unwrap(), [trimmed], "{body}");
    }
}

#[test]
fn finds_the_elements_of_an_array() {
    assert_eq!(events("[{\"a\":1}]").unwrap(), ["{\"a\":1}"]);
    assert_eq!(
        events(" [ {\"a\":[1]} ,\n2,\"x,]\" , null ]\n").unwrap(),
        ["{\"a\":[1]}", "2", "\"x,]\"", "null"]
    );
}

#[test]
fn an_element_beyond_the_limits_is_an_element() {
    let deep = format!("{}\"]}}\"{}", "[".repeat(200), "]".repeat(200));
    let long = "1".repeat(1_001);
    let body = format!("[{{\"a\":1}},{deep},{{\"n\":{long}}},{long} , {{\"b\":2}}]");
    let number = format!("{{\"n\":{long}}}");
    assert_eq!(events(&body).unwrap(), ["{\"a\":1}", &deep, &number, &long, "{\"b\":2}"]);
    let lines = format!("{deep}\n{{\"b\":2}}");
    assert_eq!(events(&lines).unwrap(), [&*deep, "{\"b\":2}"]);
    let pretty = format!("{{\n\"a\":{deep}\n}}");
    assert_eq!(events(&pretty).unwrap(), [pretty]);
}

#[test]
fn each_event_of_an_array_may_be_as_deep_as_one_alone() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(127), "]".repeat(127));
    assert_eq!(events(&format!("[{deep},{deep}]")).unwrap(), [&*deep, &*deep]);
    assert_eq!(events(&event_bridge(&deep)).unwrap(), [deep]);
}

#[test]
fn finds_lines() {
    assert_eq!(events("{\"a\":1}\n{\"b\":2}").unwrap(), ["{\"a\":1}", "{\"b\":2}"]);
    assert_eq!(events("\n{\"a\":1}\r\n\r\n \n oops \n5\n").unwrap(), ["{\"a\":1}", "oops", "5"]);
    assert_eq!(events("[1]\n[2]").unwrap(), ["[1]", "[2]"]);
}

#[test]
fn nothing_is_no_event() {
    for body in
        ["", " \n\t\r", "\u{feff}", "[]", " [ \n ] ", &sns(""), &sns("[]"), &event_bridge("[]")]
    {
        assert_eq!(events(body), Err(Refusal::Empty), "{body}");
    }
}

#[test]
fn looks_into_envelopes() {
    let event = r#"{"a":"\"\\ é"}"#;
    let many = "[{\"a\":1},{\"b\":2}]";
    assert_eq!(events(&sns(event)).unwrap(), [event]);
    assert_eq!(events(&event_bridge(event)).unwrap(), [event]);
    assert_eq!(events(&sns(many)).unwrap(), ["{\"a\":1}", "{\"b\":2}"]);
    assert_eq!(events(&sns("{\"a\":1}\n{\"b\":2}")).unwrap(), ["{\"a\":1}", "{\"b\":2}"]);
    assert_eq!(events(&event_bridge(many)).unwrap(), ["{\"a\":1}", "{\"b\":2}"]);
    assert_eq!(events(&sns(&event_bridge(event))).unwrap(), [event]);
    assert_eq!(events(&event_bridge(&sns(event))).unwrap(), [event]);
    assert_eq!(events(&sns("oops")).unwrap(), ["oops"]);
    assert_eq!(events(&event_bridge("\"oops\"")).unwrap(), ["\"oops\""]);
}

#[test]
fn an_envelope_may_be_written_in_any_way() {
    let escaped = r#" {"T\u0079pe":"Notif\u0069cation","\u004dessage":"{\"a\":\"\\u00e9\"}"} "#;
    assert_eq!(events(escaped).unwrap(), [r#"{"a":"\u00e9"}"#]);
    let escaped = r#"{"detail\u002dtype":"x","d\u0065tail":{"a":1}}"#;
    assert_eq!(events(escaped).unwrap(), [r#"{"a":1}"#]);
    let pretty = "{\n \"detail-type\" : \"x\",\n \"detail\" : {\"a\":\n1}\n}";
    assert_eq!(events(pretty).unwrap(), ["{\"a\":\n1}"]);
}

#[test]
fn what_only_looks_like_an_envelope_is_an_event() {
    for body in [
        r#"{"Type":"Notification"}"#,
        r#"{"Type":"Notification","Message":{"a":1}}"#,
        r#"{"Type":"Notification","Message":"{}","Type":"Other"}"#,
        r#"{"Type":"SubscriptionConfirmation","Message":"{}","x":"Notification"}"#,
        r#"{"x":{"Type":"Notification","Message":"{}"}}"#,
        r#"{"Message":"{}","x":"Notification"}"#,
        r#"{"detail-type":5,"detail":{}}"#,
        r#"{"detail-type":"x"}"#,
        r#"{"detail":{},"x":"detail-type"}"#,
        r#"{"detail-type":"x","detail":{}} x"#,
    ] {
        assert_eq!(events(body).unwrap(), [body]);
    }
}

#[test]
fn envelopes_without_end_are_not_followed() {
    let mut body = "{\"a\":1}".to_owned();
    for _ in 0..20 {
        body = event_bridge(&body);
    }
    let found = events(&body).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("{\"version\"") && found[0].len() < body.len(), "{found:?}");
}
