use serde_json::{Value, json};

use super::{Alarm, Contributor};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:alerts";
const ARN: &str = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:plays";

fn sns(extra: &Value) -> Alarm {
    let mut message = json!({"AlarmName": "plays", "NewStateValue": "ALARM"});
    message.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    Alarm::of_sns(&message, Some(TOPIC)).unwrap()
}

fn event(detail: &Value) -> Value {
    json!({"account": "123456789012", "region": "eu-west-1", "resources": [ARN], "detail": detail})
}

#[test]
fn an_alarm_has_the_same_arn_in_every_form() {
    let through_sns = sns(&json!({"AlarmArn": ARN, "Region": "EU (Ireland)"}));
    let composed = sns(&json!({"AWSAccountId": "123456789012", "Region": "EU (Ireland)"}));
    let detail = json!({"alarmName": "plays", "state": {"value": "ALARM"}});
    let through_eventbridge = Alarm::of_event(&event(&detail)).unwrap();
    let mut without_arn = event(&detail);
    without_arn["resources"] = json!([]);
    let without_arn = Alarm::of_event(&without_arn).unwrap();
    let action = json!({"alarmArn": ARN, "alarmData": detail});
    let action = Alarm::of_event(&action).unwrap();
    for alarm in [&through_sns, &composed, &through_eventbridge, &without_arn, &action] {
        assert_eq!(alarm.place.arn, ARN);
        assert_eq!(alarm.place.region.as_deref(), Some("eu-west-1"));
        assert_eq!(alarm.place.account.as_deref(), Some("123456789012"));
    }
    let elsewhere = sns(&json!({"AlarmArn": ARN.replace("eu-west-1", "us-east-1")}));
    assert_ne!(elsewhere.place.arn, ARN);
}

#[test]
fn a_text_that_is_not_a_region_is_not_used() {
    for arn in ["arn:aws:cloudwatch:evil.example/:1:alarm:plays", "plays", ""] {
        let alarm = sns(&json!({"AlarmArn": arn}));
        assert_eq!(alarm.place.region.as_deref(), Some("eu-west-1"), "{arn}");
    }
    let mut event = event(&json!({"alarmName": "plays", "state": {"value": "OK"}}));
    (event["resources"], event["region"]) = (Value::Null, json!("evil.example#"));
    assert_eq!(Alarm::of_event(&event).unwrap().place.region, None);
}

#[test]
fn without_a_name_that_of_the_arn_is_used() {
    let alarm = Alarm::of_event(&event(&json!({"state": {"value": "OK"}}))).unwrap();
    assert_eq!(alarm.name, "plays");
    assert_eq!(Alarm::of_event(&json!({"detail": {"state": {"value": "OK"}}})), None);
    assert_eq!(Alarm::of_event(&json!({"detail": 5, "resources": "x"})), None);
    assert_eq!(Alarm::of_sns(&json!({"AlarmName": ["plays"]}), None), None);
}

#[test]
fn an_operation_on_an_alarm_is_not_a_change_of_its_state() {
    let state = json!({"value": "INSUFFICIENT_DATA"});
    let detail = json!({"alarmName": "plays", "operation": "update", "state": state});
    assert_eq!(Alarm::of_event(&event(&detail)), None);
}

#[test]
fn times_are_read_with_their_offset() {
    let at = |time: &str| sns(&json!({"StateChangeTime": time})).changed_ms;
    assert_eq!(at("2019-10-02T17:04:40.989+0000"), Some(1_570_035_880_989));
    assert_eq!(at("2019-10-03T02:04:40.989+0900"), Some(1_570_035_880_989));
    assert_eq!(at("2019-10-02T17:04:40Z"), Some(1_570_035_880_000));
    for time in ["", "soon", "é000", "2019-99-99T00:00:00+0000", "+0000"] {
        assert_eq!(at(time), None, "{time}");
    }
    let mut event = event(&json!({"alarmName": "plays", "state": {"value": "OK"}}));
    event["time"] = json!("2019-10-02T17:04:40Z");
    assert_eq!(Alarm::of_event(&event).unwrap().changed_ms, Some(1_570_035_880_000));
}

#[test]
fn the_function_is_in_a_dimension_or_in_the_contributor() {
    let dimension = |value: &str| {
        let dimensions =
            json!([{"name": "Stage", "value": "x"}, {"name": "FunctionName", "value": value}]);
        sns(&json!({"Trigger": {"MetricName": "Errors", "Dimensions": dimensions}}))
    };
    assert_eq!(dimension("plays-transform").function(), Some("plays-transform"));
    assert_eq!(dimension("us-east-1.redirector").function(), Some("us-east-1.redirector"));
    for other in ["plays/../x", "evil.example", "us-east-1.", "us-east-1.a.b", ".plays"] {
        assert_eq!(dimension(other).function(), None, "{other}");
    }
    assert_eq!(dimension(&"a".repeat(65)).function(), None);
    let contributor = sns(&json!({
        "AlarmContributorId": "6d44", "AlarmContributorAttributes": {"FunctionName": "plays"}}));
    assert_eq!(contributor.function(), Some("plays"));
    let attributes = vec![("FunctionName".to_owned(), "plays".to_owned())];
    let expected = Contributor { id: Some("6d44".to_owned()), attributes };
    assert_eq!(contributor.contributor, Some(expected));
    assert_eq!(sns(&json!({})).function(), None);
}

#[test]
fn only_an_alarm_that_fired_recovers() {
    for (new, old, recovered) in [
        ("OK", json!("ALARM"), true),
        ("OK", Value::Null, true),
        ("OK", json!("INSUFFICIENT_DATA"), false),
        ("ALARM", json!("OK"), false),
        ("INSUFFICIENT_DATA", json!("ALARM"), false),
    ] {
        let alarm = sns(&json!({"NewStateValue": new, "OldStateValue": old}));
        assert_eq!(alarm.recovered(), recovered, "{old} to {new}");
        assert_eq!(alarm.fires(), new == "ALARM");
    }
}

#[test]
fn the_evaluated_time_is_the_periods() {
    let trigger = json!({"MetricName": "Errors", "Period": 300, "EvaluationPeriods": 3});
    assert_eq!(sns(&json!({"Trigger": trigger})).evaluated_ms(), 900_000);
    assert_eq!(sns(&json!({})).evaluated_ms(), 60_000);
    let hostile = json!({"MetricName": "E", "Period": u64::MAX, "EvaluationPeriods": u64::MAX});
    assert_eq!(sns(&json!({"Trigger": hostile})).evaluated_ms(), u64::MAX);
}

#[test]
fn a_function_of_another_account_is_not_looked_up() {
    let query = |account: Value| {
        let metric = json!({"Namespace": "AWS/Lambda", "MetricName": "Errors",
            "Dimensions": [{"name": "FunctionName", "value": "plays"}]});
        json!({"Id": "m", "AccountId": account, "MetricStat": {"Metric": metric, "Stat": "Sum"}})
    };
    let (own, other) = (json!("123456789012"), json!("210987654321"));
    for (accounts, others) in [
        (vec![own.clone()], vec![]),
        (vec![Value::Null], vec![]),
        (vec![other.clone()], vec!["210987654321"]),
        // Metric math on both.
        (vec![own.clone(), other.clone()], vec!["210987654321"]),
        (
            vec![json!("333333333333"), Value::Null, other.clone()],
            vec!["210987654321", "333333333333"],
        ),
    ] {
        let metrics: Vec<Value> = accounts.into_iter().map(query).collect();
        let alarm = sns(&json!({"AlarmArn": ARN, "Trigger": {"Metrics": metrics}}));
        assert_eq!(alarm.other_accounts().into_iter().collect::<Vec<_>>(), others);
        assert_eq!(alarm.function(), others.is_empty().then_some("plays"));
    }
    let queries = json!([{"id": "m", "accountId": other, "metricStat": {"metric": {
        "name": "Errors", "dimensions": {"FunctionName": "plays"}}}}]);
    let detail = json!({"alarmName": "plays", "state": {"value": "ALARM"},
        "configuration": {"metrics": queries}});
    let alarm = Alarm::of_event(&event(&detail)).unwrap();
    assert!(alarm.other_accounts().contains("210987654321") && alarm.function().is_none());
    let grouped = sns(&json!({"AlarmArn": ARN, "AlarmContributorAttributes":
        {"AWS.AccountId": other, "FunctionName": "plays"}}));
    assert_eq!(grouped.function(), None);
}
