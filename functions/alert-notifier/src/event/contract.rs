//! The fixtures have the forms of `aws_lambda_events`.

use aws_lambda_events::cloudwatch_alarms::CloudWatchAlarm;
use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::sns::SnsEvent;
use aws_lambda_events::sqs::SqsEvent;
use serde::de::DeserializeOwned;
use serde_json::Value;
use testkit::{Fixture, fixtures};

use super::{Alert, Content, alerts};

struct Event {
    name: String,
    json: Value,
    alerts: Vec<Alert>,
}

impl Event {
    fn parse<T: DeserializeOwned>(&self) -> T {
        let parsed = serde_json::from_value(self.json.clone());
        parsed.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

/// Returns the fixtures whose event has a member.
fn events(pointer: &str) -> Vec<Event> {
    let event = |Fixture { name, event, .. }: Fixture<Value>| {
        let json = serde_json::from_slice(&event).unwrap_or_default();
        Event { name, json, alerts: alerts(&event, "request") }
    };
    let events = fixtures("alert-notifier", 15).into_iter().map(event);
    events.filter(|event| event.json.pointer(pointer).is_some()).collect()
}

fn alarm_name(alert: &Alert) -> &str {
    let Content::Alarm(alarm) = &alert.content else { panic!("{alert:?}") };
    &alarm.name
}

#[test]
fn messages_of_sns() {
    let mut records = 0;
    for event in events("/Records/0/Sns") {
        let sns: SnsEvent = event.parse();
        assert_eq!(sns.records.len(), event.alerts.len(), "{}", event.name);
        for (record, alert) in sns.records.iter().zip(&event.alerts) {
            match &alert.content {
                Content::Alarm(_) => assert_eq!(alert.id, record.sns.message_id, "{}", event.name),
                Content::Notice(notice) => assert!(record.sns.message.contains(&notice.title)),
                Content::Note { subject, text } => {
                    let sent = (&record.sns.subject, &record.sns.message);
                    assert_eq!((subject, text), sent, "{}", event.name);
                }
            }
            records += 1;
        }
    }
    assert!(records >= 30, "{records}");
}

#[test]
fn messages_of_sqs() {
    let queued = events("/Records/0/body");
    assert!(!queued.is_empty());
    for event in queued {
        let sqs: SqsEvent = event.parse();
        for (record, alert) in sqs.records.iter().zip(&event.alerts) {
            let body = record.body.as_deref().unwrap();
            let id = record.message_id.as_deref().unwrap();
            assert!(body.contains(&alert.id) || alert.id == id, "{}: {alert:?}", event.name);
        }
    }
}

#[test]
fn events_of_eventbridge() {
    let events = events("/detail-type");
    assert!(events.len() >= 6, "{}", events.len());
    for event in events {
        let parsed: EventBridgeEvent<Value> = event.parse();
        assert_eq!(parsed.id.as_ref(), Some(&event.alerts[0].id), "{}", event.name);
        if parsed.detail["state"].is_object() && parsed.detail["operation"].is_null() {
            assert_eq!(parsed.detail["alarmName"], *alarm_name(&event.alerts[0]));
        }
    }
}

#[test]
fn actions_of_an_alarm() {
    let events = events("/alarmData");
    assert!(!events.is_empty());
    for event in events {
        let alarm: CloudWatchAlarm = event.parse();
        assert_eq!(alarm.alarm_data.alarm_name, alarm_name(&event.alerts[0]), "{}", event.name);
    }
}
