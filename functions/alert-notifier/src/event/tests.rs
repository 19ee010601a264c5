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
fn what_has_no_id_has_the_invocations() {
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
fn one_id_for_two_contents_is_two_alerts() {
    let id = json!("a");
    let event = json!({"Records": [
        record(&id, &json!("1")), record(&id, &json!("2")), record(&id, &json!("1"))]});
    assert_eq!(texts(&of(&event)), [("a", "1"), ("a-1", "2"), ("a", "1")]);
}

#[test]
fn what_cannot_be_used_is_an_alert_with_the_text_as_it_came() {
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
    // Deeper than any parser goes.
    let deep = "[".repeat(100_000);
    assert_eq!(texts(&alerts(deep.as_bytes(), "request")), [("request", deep.as_str())]);
}

#[test]
fn a_record_of_another_form_is_told_as_it_is() {
    for record in
        [json!(5), json!(null), json!({"body": "x"}), json!({"Sns": {}}), json!({"Sns": 1})]
    {
        let expected = record.to_string();
        assert_eq!(texts(&of(&json!({"Records": [record]}))), [("request-0", expected.as_str())]);
    }
    // An empty message is told, as one.
    assert_eq!(
        texts(&of(&json!({"Records": [record(&json!("a"), &json!(" "))]}))),
        [("a", "\" \"")]
    );
}

#[test]
fn of_a_member_that_comes_twice_the_last_counts() {
    let event = br#"{"Records":[{"Sns":{"Message":"1","Message":"2"}}],"Records":[{"Sns":{"MessageId":"a","Message":"3"}}]}"#;
    assert_eq!(texts(&alerts(event, "request")), [("a", "3")]);
}
