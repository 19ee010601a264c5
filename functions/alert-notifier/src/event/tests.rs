use serde_json::{Value, json};

use super::{Alert, Content, alerts};

fn of(event: &Value) -> Vec<Alert> {
    alerts(event.to_string().as_bytes(), "request")
}

fn record(id: &Value, message: &Value) -> Value {
    json!({"Sns": {"MessageId": id, "Subject": "subject", "Message": message}})
}

fn texts(alerts: &[Alert]) -> Vec<(&str, &str)> {
    fn text(alert: &Alert) -> (&str, &str) {
        let text = match &alert.content {
            Content::Note { text, .. } => text,
            Content::Alarm(alarm) => &alarm.name,
            Content::Notice(notice) => &notice.title,
        };
        (&alert.id, text)
    }
    alerts.iter().map(text).collect()
}

const ALARM: &str = r#"{"AlarmName":"plays","NewStateValue":"ALARM"}"#;

#[test]
fn every_record_is_an_alert_under_its_message_id() {
    let event = json!({"Records": [
        record(&json!("a"), &json!(ALARM)),
        record(&json!("b"), &json!("text")),
        record(&json!("c"), &json!({"detail": {"alarmName": "in", "state": {"value": "OK"}}})),
        record(&json!("d"), &json!("[1]")),
        record(&json!("e"), &json!(5)),
    ]});
    let alerts = of(&event);
    let expected = [("a", "plays"), ("b", "text"), ("c", "in"), ("d", "[1]"), ("e", "5")];
    assert_eq!(texts(&alerts), expected);
    assert!(matches!(alerts[0].content, Content::Alarm(_)));
    assert!(
        matches!(&alerts[1].content, Content::Note { subject: Some(title), .. } if title == "subject")
    );
    assert!(matches!(alerts[2].content, Content::Alarm(_)));
}

#[test]
fn without_an_id_the_invocations_is_used() {
    let odd = [json!(null), json!(["x"]), json!("a b"), json!("i".repeat(129)), json!("")];
    for id in odd {
        let event =
            json!({"Records": [record(&json!("a"), &json!("1")), record(&id, &json!("2"))]});
        assert_eq!(texts(&of(&event)), [("a", "1"), ("request-1", "2")], "{id}");
    }
    assert_eq!(of(&json!({"id": "event", "x": 1}))[0].id, "event");
    assert_eq!(of(&json!({"id": {}, "x": 1}))[0].id, "request");
}

#[test]
fn two_contents_under_one_id_are_two_alerts() {
    let id = json!("a");
    let event = json!({"Records": [
        record(&id, &json!("1")), record(&id, &json!("2")), record(&id, &json!("1"))]});
    assert_eq!(texts(&of(&event)), [("a", "1"), ("a-1", "2"), ("a", "1")]);
}

#[test]
fn any_other_event_is_a_note_with_its_text() {
    for event in [
        "{\"Records\":[]}",
        "{ \"Records\" : null }",
        "[]",
        "\"text\"",
        "null",
        "no JSON",
        "{\"AlarmName\":\"plays\"}",
        "{\"AlarmName\":\"\",\"NewStateValue\":\"ALARM\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"detail\":{\"alarmName\":\"plays\"}}",
    ] {
        assert_eq!(texts(&alerts(event.as_bytes(), "request")), [("request", event)]);
    }
    assert_eq!(texts(&alerts(b"a\xff", "request")), [("request", "a\u{fffd}")]);
    for event in [&b""[..], b" \n"] {
        assert_eq!(texts(&alerts(event, "request")), [("request", "an empty event")]);
    }
    // Nested too deeply to be parsed.
    let deep = "[".repeat(100_000);
    assert_eq!(texts(&alerts(deep.as_bytes(), "request")), [("request", deep.as_str())]);
}

#[test]
fn a_record_of_another_form_is_a_note() {
    for record in
        [json!(5), json!(null), json!({"body": "x"}), json!({"Sns": {}}), json!({"Sns": 1})]
    {
        let expected = record.to_string();
        assert_eq!(texts(&of(&json!({"Records": [record]}))), [("request-0", expected.as_str())]);
    }
    // An empty message is posted as JSON.
    assert_eq!(
        texts(&of(&json!({"Records": [record(&json!("a"), &json!(" "))]}))),
        [("a", "\" \"")]
    );
}

#[test]
fn of_duplicate_members_the_last_is_used() {
    let event = br#"{"Records":[{"Sns":{"Message":"1","Message":"2"}}],"Records":[{"Sns":{"MessageId":"a","Message":"3"}}]}"#;
    assert_eq!(texts(&alerts(event, "request")), [("a", "3")]);
}

/// The event of an on-failure destination.
fn failed(event: &Value) -> Value {
    json!({
        "version": "1.0",
        "timestamp": "2024-03-01T12:45:00.000Z",
        "requestContext": {
            "requestId": "failed",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:notifier:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responsePayload": {"errorType": "NotPosted"},
    })
}

/// A record of SQS.
fn queued(id: &str, body: &str) -> Value {
    json!({"messageId": id, "receiptHandle": "r", "body": body, "eventSource": "aws:sqs"})
}

fn notice() -> Value {
    json!({
        "sluice": "notice", "version": 1, "source": "warehouse-watch", "kind": "long_query",
        "state": "ALARM", "title": "Query 7", "thread": "query/7", "at": "2024-03-01T12:50:00Z",
        "facts": [],
    })
}

#[test]
fn a_dead_letter_has_the_alerts_of_its_event() {
    let events = [
        json!({"Records": [record(&json!("a"), &json!(ALARM)), record(&json!("b"), &json!("text"))]}),
        json!({"id": "event", "detail": {"alarmName": "in", "state": {"value": "OK"}}}),
        json!({"alarmData": {"alarmName": "in", "state": {"value": "OK"}}}),
        notice(),
    ];
    for event in &events {
        let expected = alerts(event.to_string().as_bytes(), "failed");
        let letter = failed(event);
        assert_eq!(of(&letter), expected);
        // As a message of the queue, failed twice, and both.
        let message = queued("m", &letter.to_string());
        assert_eq!(of(&json!({"Records": [message]})), expected);
        assert_eq!(of(&failed(&letter)), expected);
        assert_eq!(of(&failed(&json!({"Records": [message]}))), expected);
    }
}

#[test]
fn a_dead_letter_of_another_function_is_a_note() {
    for payload in [json!({"artist": "a"}), json!("text"), json!({"Records": [{"s3": {}}]})] {
        let letter = failed(&payload).to_string();
        assert_eq!(texts(&alerts(letter.as_bytes(), "request")), [("request", &*letter)]);
        let message = json!({"Records": [record(&json!("a"), &json!(letter))]});
        assert_eq!(texts(&of(&message)), [("a", &*letter)]);
    }
    let null = failed(&Value::Null).to_string();
    assert_eq!(texts(&alerts(null.as_bytes(), "request")), [("request", &*null)]);
}

#[test]
fn messages_of_a_queue_have_the_alerts_of_their_bodies() {
    // A dead letter of SNS, and a message that SNS delivers to a queue.
    let envelope = json!({
        "Type": "Notification", "MessageId": "sns", "TopicArn": "arn:aws:sns:eu-west-1:1:alerts",
        "Subject": "subject", "Message": ALARM,
    });
    let object = json!({"Records": [{"s3": {"object": {"key": "k"}}}]}).to_string();
    let event = json!({"Records": [
        queued("a", ALARM),
        queued("b", "text"),
        queued("c", &envelope.to_string()),
        queued("d", "[1]"),
        queued("e", &notice().to_string()),
    ]});
    let alerts = of(&event);
    let Content::Notice(own) = &alerts[4].content else { panic!("{:?}", alerts[4]) };
    let id = own.id();
    let expected =
        [("a", "plays"), ("b", "text"), ("sns", "plays"), ("d", "[1]"), (&*id, "Query 7")];
    assert_eq!(texts(&alerts), expected);
    // A message of SNS with records of its own is one note.
    let message = json!({"Records": [record(&json!("a"), &json!(object))]});
    assert_eq!(texts(&of(&message)), [("a", &*object)]);
}
