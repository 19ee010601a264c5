mod broken;

use serde_json::json;

use super::*;

/// The events in a body, as found after one of them was refused.
fn events(body: &str) -> Result<Vec<String>, Refusal> {
    let mut contents = Contents::default();
    // Earlier contents do not matter.
    contents.open(|text| text.extend_from_slice(b"[1,2,3]")).unwrap();
    contents.open(|text| text.extend_from_slice(body.as_bytes()))?;
    assert!(contents.look_again() && !contents.look_again());
    let count = contents.count();
    assert!(contents.event(count).is_none());
    let event = |at| String::from_utf8(contents.event(at).unwrap().0.to_vec()).unwrap();
    Ok((0..count).map(event).collect())
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
        // Not events, but returned as such: refused when they are read.
        "oops",
        "oops\n{\"a\":",
        "no event at all",
        "2024-03-01T12:34:56Z",
        "5",
        "{\"a\":1",
        "[1,2",
        "[INFO] nothing to see",
        "\"a\":1}",
        "{\n\"a\":NaN\n}",
    ] {
        let trimmed = body.trim_start_matches('\u{feff}').trim();
        assert_eq!(events(body).unwrap(), [trimmed], "{body}");
    }
}

#[test]
fn finds_events_one_after_the_other() {
    for (body, expected) in [
        (r#"{"a":1}{"b":2}"#, &[r#"{"a":1}"#, r#"{"b":2}"#][..]),
        ("{\"a\":1} \r\n{\"b\":2}", &[r#"{"a":1}"#, r#"{"b":2}"#]),
        ("{\n\"a\":1\n}\n{\"b\":2}", &["{\n\"a\":1\n}", r#"{"b":2}"#]),
        ("{\n \"a\":1\n}{\n \"b\":2\n}", &["{\n \"a\":1\n}", "{\n \"b\":2\n}"]),
        (r#"{"a":1} 5 "x" [6]{"b":2}"#, &[r#"{"a":1}"#, "5", "\"x\"", "[6]", r#"{"b":2}"#]),
        // Events before an unreadable part.
        (r#"{"a":1} x"#, &[r#"{"a":1}"#, "x"]),
        (r#"{"a":1}{"b":2}{"c":"#, &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":"#]),
        ("{\n\"a\":1\n}\n{\n\"b\":NaN\n}", &["{\n\"a\":1\n}", "{\n\"b\":NaN\n}"]),
    ] {
        assert_eq!(events(body).unwrap(), expected, "{body}");
    }
}

#[test]
fn a_broken_element_leaves_its_neighbours() {
    let (a, c) = (r#"{"a":1}"#, r#"{"c":[3,"],"]}"#);
    for broken in [
        r#"{"b":NaN}"#,
        "NaN",
        r#"{"b":}"#,
        r#"{"b":1,}"#,
        r#"{"b":1}x"#,
        r#"{"b":1}{"b":2}"#,
        r#"{"b":[1}"#,
        r#"{"b":1]}"#,
        r#"{"b":1}}"#,
        r#"{"b":"\x"}"#,
        r#"{"b":"\ud800"}"#,
        "{\"b\":\"\n\"}",
        "{'b':1}",
    ] {
        assert_eq!(events(&format!("[{a},{broken},{c}]")).unwrap(), [a, broken, c], "{broken}");
        assert_eq!(events(&format!("[{broken} ,\n{c}]")).unwrap(), [broken, c], "{broken}");
        assert_eq!(events(&format!("[{a},{broken}\n]")).unwrap(), [a, broken], "{broken}");
        let lines = format!("[\n{a},\n{broken},\n{c}\n]");
        assert_eq!(events(&lines).unwrap(), [a, broken, c], "{broken}");
    }
    assert_eq!(events(&format!("[{a},,{c},]")).unwrap(), [a, c]);
    assert_eq!(events(&format!("[{a},{{\"b\":2]")).unwrap(), [a, "{\"b\":2"]);
}

#[test]
fn of_an_array_that_is_cut_off_the_complete_elements_are_left() {
    let (a, b) = (r#"{"a":1}"#, r#"{"b":2}"#);
    for (body, expected) in [
        (format!("[{a},{b}"), &[a, b][..]),
        (format!("[{a},{b} ,\n"), &[a, b]),
        (format!("[{a},{b},{{\"c\":"), &[a, b, "{\"c\":"]),
        (format!("[{a},\n{b},\n{{\"c\":\"x"), &[a, b, "{\"c\":\"x"]),
        // The end of the string is not known.
        (format!("[{a},{{\"c\":\"x}},{b}"), &[a, "{\"c\":\"x},{\"b\":2}"]),
        // The beginning of a list is not an event.
        (format!("[{a},{{\"c\":[1,{b},{b}"), &[a, "{\"c\":[1,{\"b\":2},{\"b\":2}"]),
        (format!("[{a}] {b},"), &[a, "{\"b\":2},"]),
        (format!("[{a}]]"), &[a, "]"]),
    ] {
        assert_eq!(events(&body).unwrap(), expected, "{body}");
    }
}

#[test]
fn a_broken_line_leaves_its_neighbours() {
    let (a, c) = (r#"{"a":1}"#, r#"{"c":3}"#);
    for broken in
        [r#"{"b":NaN}"#, "oops", r#""action":"play"}"#, r#"{"b":"#, r#"{"b":1} x"#, "[1", "5"]
    {
        assert_eq!(events(&format!("{a}\n{broken}\n{c}")).unwrap(), [a, broken, c], "{broken}");
        assert_eq!(events(&format!("{broken}\r\n\n{c}\n")).unwrap(), [broken, c], "{broken}");
        assert_eq!(events(&format!("{a}\n{broken}")).unwrap(), [a, broken], "{broken}");
    }
    // A log line before the events is also a line.
    assert_eq!(events(&format!("[INFO] two\n{a}\n{c}")).unwrap(), ["[INFO] two", a, c]);
    assert_eq!(events(&format!("oops\n{a}{c}\n{a} {c}")).unwrap(), ["oops", a, c, a, c]);
    // A line within a larger object is not an event.
    let within = format!("{{\n \"x\":NaN,\n \"list\":[\n  {a},\n  {c}\n ]\n}}");
    assert_eq!(events(&within).unwrap(), [within]);
}

#[test]
fn what_is_found_quickly_is_found_carefully_too() {
    let mut contents = Contents::default();
    for body in [r#"{"a":1}"#, "{\"a\":1}\n\n {\"b\":2}\r\n5", "[{\"a\":1}, 2 ,[3]]", "{\n\"a\":1}"]
    {
        contents.open(|text| text.extend_from_slice(body.as_bytes())).unwrap();
        let found = contents.events.clone();
        assert!(contents.look_again());
        assert_eq!(contents.events, found, "{body}");
    }
}

#[test]
fn knows_what_s3_and_the_extended_client_send() {
    let holds =
        |body: &str| Contents::default().open(|text| text.extend_from_slice(body.as_bytes()));
    let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2024-03-01T12:30:00.000Z","Bucket":"music"}"#;
    for body in [test, &test.replace(',', " ,\n "), &sns(test)] {
        assert_eq!(holds(body), Ok(Holds::TestEvent), "{body}");
    }
    for body in [
        &*test.replace("Amazon S3", "x"),
        &test.replace("\"Event\"", "\"What\""),
        &format!("{test}\n{test}"),
        &format!("[{test},{test}]"),
        &format!("{{\"x\":{test}}}"),
        &test.replace('}', ""),
    ] {
        assert_eq!(holds(body), Ok(Holds::Events), "{body}");
    }
    let place = r#"{"s3BucketName":"b","s3Key":"k"}"#;
    for body in [
        format!("[\"software.amazon.payloadoffloading.PayloadS3Pointer\",{place}]"),
        format!("[ \"com.amazon.sqs.javamessaging.MessageS3Pointer\" ,\n{place} ]"),
        sns(&format!("[\"another.Pointer\",{place}]")),
    ] {
        assert_eq!(holds(&body), Ok(Holds::LargePayloadPointer), "{body}");
    }
    for body in [
        format!("[{place},{place}]"),
        format!("\"software.amazon.payloadoffloading.PayloadS3Pointer\"\n{place}"),
        "[\"x\",{\"s3BucketName\":\"b\"}]".to_owned(),
        "[\"x\",{\"s3BucketName\":\"b\",\"s3Key\":1}]".to_owned(),
        format!("[\"x\",{place},1]"),
        "[\"x\",\"y\"]".to_owned(),
    ] {
        assert_eq!(holds(&body), Ok(Holds::Events), "{body}");
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
    // An envelope is one level itself.
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(126), "]".repeat(126));
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
        assert_eq!(events(body).unwrap_err().reason(), "empty", "{body}");
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
    ] {
        assert_eq!(events(body).unwrap(), [body]);
    }
    let envelope = r#"{"detail-type":"x","detail":{}}"#;
    assert_eq!(events(&format!("{envelope} x")).unwrap(), [envelope, "x"]);
}

#[test]
fn what_is_not_utf8_is_no_envelope() {
    for body in [
        &b"{\"Type\":\"Notification\",\"MessageId\":\"\xff\",\"Message\":\"{}\"}"[..],
        b"{\"messageType\":\"DATA_MESSAGE\",\"logGroup\":\"g\",\"logStream\":\"\xff\",\"owner\":\"1\",\
          \"logEvents\":[{\"id\":\"1\",\"timestamp\":1,\"message\":\"{}\"}]}",
    ] {
        let mut contents = Contents::default();
        let holds = contents.open(|text| text.extend_from_slice(body));
        assert_eq!((holds, contents.count()), (Ok(Holds::Events), 1));
        let (event, around) = contents.event(0).unwrap();
        assert!(event == body && around.is_none());
    }
}

#[test]
fn more_than_three_envelopes_are_not_opened() {
    let mut body = "{\"a\":1}".to_owned();
    for _ in 0..20 {
        body = event_bridge(&body);
    }
    let found = events(&body).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("{\"version\"") && found[0].len() < body.len(), "{found:?}");
}
