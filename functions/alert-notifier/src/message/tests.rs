use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use testkit::{Fixture, fixture, holds};

use super::{CUT, Context, MAX_BYTES, Writer, fitting};
use crate::event::{Alert, Content, alerts};
use crate::logs::LogLine;

fn writer() -> Writer {
    Writer { zone: TimeZone::UTC, secrets: vec!["AIzaSecret".to_owned()] }
}

/// Returns the message for the first alert of an event.
fn posted(event: &str, context: &Context) -> Value {
    let body = writer().posting(&alerts(event.as_bytes(), "request")[0], context).body;
    assert!(body.len() <= MAX_BYTES, "{} bytes", body.len());
    serde_json::from_slice(&body).unwrap()
}

fn alarm(extra: &Value) -> String {
    let mut alarm = json!({"AlarmName": "plays", "NewStateValue": "ALARM"});
    alarm.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    alarm.to_string()
}

/// The texts of a card's rows by their labels.
fn rows(message: &Value) -> Map<String, Value> {
    let widgets = message["cardsV2"][0]["card"]["sections"][0]["widgets"].as_array().unwrap();
    let row = |widget: &Value| {
        let row = &widget["decoratedText"];
        (row["topLabel"].as_str().unwrap().to_owned(), row["text"].clone())
    };
    widgets.iter().map(row).collect()
}

#[test]
fn long_texts_are_cut_between_characters_with_a_note() {
    for text in ["a".repeat(40_000), "재🔥".repeat(20_000), "\"\\\n<&".repeat(10_000)] {
        let message = posted(&alarm(&json!({"AlarmDescription": text})), &Context::default());
        let shown = message.to_string();
        assert!(shown.contains(CUT));
        // As much as fits is shown.
        assert!(shown.len() > MAX_BYTES - 200, "{}", shown.len());
        let description = rows(&message)["Description"].as_str().unwrap().to_owned();
        assert!(description.ends_with('…'));
        let note = posted(&text, &Context::default());
        assert!(note["text"].as_str().unwrap().ends_with(&format!("…\n{CUT}")));
    }
    let short = posted(&alarm(&json!({"AlarmDescription": "short"})), &Context::default());
    assert!(!short.to_string().contains(CUT));
}

#[test]
fn a_text_that_fits_exactly_is_not_cut() {
    let written = |length: usize| {
        let body = fitting(|max| json!({"text": "a".repeat(length.min(max))}));
        serde_json::from_slice::<Value>(&body).unwrap()["text"].as_str().unwrap().len()
    };
    let most = MAX_BYTES - r#"{"text":""}"#.len();
    assert_eq!(written(most), most);
    assert_eq!(written(most + 1), most);
}

#[test]
fn all_texts_can_be_too_long_at_once() {
    let long = "<🔥\"".repeat(2_000);
    let dimensions: Vec<_> =
        (0..100).map(|at| json!({"name": format!("{at}{long}"), "value": long})).collect();
    let event = alarm(&json!({
        "AlarmName": long, "NewStateValue": "OK", "AlarmDescription": long, "NewStateReason": long,
        "AWSAccountId": long, "Region": long, "AlarmArn": long, "AlarmRule": long,
        "TriggeringChildren": vec![json!({"Arn": long}); 100],
        "AlarmContributorId": long, "AlarmContributorAttributes": {"a": long},
        "Trigger": {"MetricName": long, "Namespace": long, "Dimensions": dimensions,
                    "Threshold": long, "Metrics": vec![json!({"Expression": long}); 100]},
    }));
    let line = |at_ms| LogLine { at_ms, text: long.clone(), ..LogLine::default() };
    let lines = (0..50).map(line).collect();
    let context = Context { lines, began_ms: Some(0), log_group: Some(long.clone()) };
    let message = posted(&event, &context);
    assert!(message.to_string().contains(CUT));
}

#[test]
fn secrets_are_masked_in_every_text() {
    let hidden = "see https://wiki.example/?token=hush password=hush AIzaSecret";
    let message = posted(
        &alarm(&json!({"AlarmDescription": hidden, "NewStateReason": hidden, "AlarmRule": hidden})),
        &Context {
            lines: vec![LogLine { text: hidden.to_owned(), ..LogLine::default() }],
            ..Context::default()
        },
    );
    let shown = message.to_string();
    assert!(!shown.contains("hush") && !shown.contains("AIza"), "{shown}");
    assert_eq!(shown.matches("token=***").count(), 4);
    // The URL with a secret is not a button.
    assert!(!shown.contains("Runbook"));
    let note = posted(hidden, &Context::default());
    assert_eq!(note["text"], "see https://wiki.example/?token=*** password=*** ***");
}

#[test]
fn a_negative_duration_is_not_shown() {
    let recovered = alarm(&json!({
        "NewStateValue": "OK", "StateChangeTime": "2024-11-21T16:00:40.989+0000"}));
    let lasted = |began_ms| {
        let context = Context { began_ms, ..Context::default() };
        rows(&posted(&recovered, &context)).remove("Was in alarm for")
    };
    assert_eq!(lasted(Some(1_732_204_840_989 - 61_000)), Some(json!("1 min 1 s")));
    assert_eq!(lasted(Some(1_732_204_840_989 + 1)), None);
    assert_eq!(lasted(None), None);
}

fn notice(extra: &Value) -> String {
    let mut notice = json!({
        "sluice": "notice", "version": 1, "source": "warehouse-watch", "kind": "lock",
        "state": "ALARM", "title": "locked", "thread": "lock/1", "at": "2024-11-21T16:00:00Z",
    });
    notice.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    notice.to_string()
}

#[test]
fn a_card_has_all_parts_of_a_notice() {
    let long = "<🔥\"".repeat(300);
    let facts: Vec<_> = (0..300)
        .map(|at| json!({"label": format!("label {at}"), "value": format!("value {at}")}))
        .collect();
    let links: Vec<_> =
        (0..30).map(|at| json!({"text": long, "url": format!("https://c.example/{at}")})).collect();
    let error_lines: Vec<_> = (0..300).map(|at| format!("line {at}")).collect();
    let all = json!({"facts": facts, "lines": error_lines, "links": links});
    let message = posted(&notice(&all), &Context::default());
    let shown = message.to_string();
    assert!(!shown.contains(CUT), "{} bytes", shown.len());
    for at in 0..300 {
        assert!(shown.contains(&format!("line {at}")) && shown.contains(&format!("value {at}")));
    }
    let sections = message["cardsV2"][0]["card"]["sections"].as_array().unwrap();
    let widgets: usize =
        sections.iter().map(|section| section["widgets"].as_array().unwrap().len()).sum();
    assert_eq!(widgets, 41 + 51 + 1);
    // Every part is too long.
    let facts = vec![json!({"label": long, "value": long}); 100];
    let parts = json!({"facts": facts, "lines": vec![long.clone(); 100], "links": links,
        "text": long, "title": long, "source": long, "kind": long, "thread": long});
    assert!(posted(&notice(&parts), &Context::default()).to_string().contains(CUT));
}

#[test]
fn secrets_are_masked_in_a_notice() {
    let hidden = "password=hush AIzaSecret";
    let links = json!([
        {"text": "a", "url": "https://wiki.example/?token=hush"},
        {"text": "b", "url": "javascript:alert(1)"},
        {"text": "c", "url": "https://wiki.example/a b"},
        {"text": "d", "url": "https://wiki.example/d"},
    ]);
    let facts = json!([{"label": "Password", "value": "hush"}, {"label": "User", "value": hidden}]);
    let all = json!({"title": hidden, "text": hidden, "lines": [hidden], "facts": facts,
        "links": links});
    let message = posted(&notice(&all), &Context::default());
    let shown = message.to_string();
    assert!(!shown.contains("hush") && !shown.contains("AIza"), "{shown}");
    assert_eq!(rows(&message)["Password"], "***");
    assert_eq!(shown.matches("openLink").count(), 1);
}

#[test]
fn summaries_name_every_alert() {
    let text = "재🔥<users/all>\n\"password=hush\" ".repeat(100);
    let note = |at: usize| Alert {
        id: at.to_string(),
        content: Content::Note { subject: Some(format!("note {at}")), text: text.clone() },
    };
    let alerts: Vec<Alert> = (0..200).map(note).collect();
    let summaries = writer().summaries(&alerts);
    assert!(summaries.len() > 1);
    let mut named = 0;
    for summary in &summaries {
        assert!(summary.body.len() <= MAX_BYTES, "{} bytes", summary.body.len());
        let message: Value = serde_json::from_slice(&summary.body).unwrap();
        let shown = message["text"].as_str().unwrap();
        assert!(!shown.contains("hush") && !shown.contains("<users"), "{shown}");
        let lines: Vec<_> = shown.lines().collect();
        let first = format!("{} more alerts at the same time (titles only):", lines.len() - 1);
        assert_eq!(lines[0], first);
        for (line, id) in lines[1..].iter().zip(&summary.alerts) {
            assert!(line.starts_with(&format!("note {named}: ")), "{line}");
            assert_eq!(*id, named.to_string());
            named += 1;
        }
    }
    assert_eq!(named, 200);
    let ids: Vec<_> = summaries.iter().map(|summary| &summary.id).collect();
    assert_ne!(ids[0], ids[1]);
}

/// Any JSON.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}|[\\x00-\\x1f<>&*_\"\\\\재🔥]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-zA-Z]{0,8}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const FORMS: [&str; 10] = [
    "single-metric",
    "metric-math",
    "composite",
    "contributor",
    "eventbridge-single-metric",
    "eventbridge-anomaly-band",
    "eventbridge-contributor",
    "lambda-action",
    "notice",
    "log-alarm",
];

/// Returns the event of a fixture, or the message of its SNS record.
fn form(name: &str) -> Value {
    let Fixture { event, .. } = fixture::<Value>("alert-notifier", name);
    let event: Value = serde_json::from_slice(&event).unwrap();
    match event["Records"][0]["Sns"]["Message"].as_str() {
        Some(message) => message.parse().unwrap(),
        None => event,
    }
}

/// Replaces the value at `path`. Each step chooses a member.
fn mutate(value: &mut Value, path: &[usize], new: Value) {
    if let Some((step, rest)) = path.split_first() {
        match value {
            Value::Object(members) if !members.is_empty() => {
                let at = step % members.len();
                return members.values_mut().skip(at).take(1).for_each(|inner| {
                    mutate(inner, rest, new.clone());
                });
            }
            Value::Array(items) if !items.is_empty() => {
                let at = step % items.len();
                return mutate(&mut items[at], rest, new);
            }
            _ => {}
        }
    }
    *value = new;
}

#[test]
fn mutated_events_are_posted_with_the_alarms_name() {
    let mutation = (vec(0_usize..12, 1..6), any_json());
    let values = (0..FORMS.len(), vec(mutation, 0..4), any::<bool>());
    holds(256, &values, |(which, mutations, through_sns)| {
        let mut event = form(FORMS[which]);
        for (path, new) in mutations {
            mutate(&mut event, &path, new);
        }
        let name = ["/AlarmName", "/detail/alarmName", "/alarmData/alarmName", "/title"]
            .iter()
            .find_map(|path| event.pointer(path)?.as_str())
            .map(str::to_owned);
        let event = if through_sns {
            json!({"Records": [{"Sns": {"Message": event.to_string()}}]})
        } else {
            event
        };
        for alert in alerts(event.to_string().as_bytes(), "request") {
            let body = writer().posting(&alert, &Context::default()).body;
            assert!(body.len() <= MAX_BYTES);
            let message: Value = serde_json::from_slice(&body).unwrap();
            let title = &message["cardsV2"][0]["card"]["header"]["title"];
            let shown = message["text"].as_str().or(title.as_str()).unwrap();
            // Alphanumeric names are not changed.
            if let Some(name) = name.as_ref().filter(|name| name.chars().all(char::is_alphanumeric))
            {
                assert!(shown.contains(name.as_str()), "{name}: {shown}");
            }
        }
    });
}

#[test]
fn any_bytes_are_posted() {
    holds(256, &vec(any::<u8>(), 0..200), |event| {
        for alert in alerts(&event, "request") {
            let body = writer().posting(&alert, &Context::default()).body;
            let message: Value = serde_json::from_slice(&body).unwrap();
            let is_note = matches!(alert.content, Content::Note { .. });
            assert!(!is_note || message["text"] != "", "{message}");
        }
    });
}

#[test]
fn a_text_of_ten_megabytes_is_posted() {
    let huge = "재생 실패 ".repeat(700_000);
    assert!(huge.len() > 9_000_000);
    let alert = Alert {
        id: "a".to_owned(),
        content: Content::Note { subject: Some(huge.clone()), text: huge },
    };
    let body = writer().posting(&alert, &Context::default()).body;
    assert!((MAX_BYTES - 20..=MAX_BYTES).contains(&body.len()), "{}", body.len());
}
