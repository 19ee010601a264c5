//! The log groups and lines that log-metrics receives.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::stack::{Stack, list, referred, texts};

const SUBSCRIPTION: &str = "AWS::Logs::SubscriptionFilter";
const PERMISSION: &str = "HealthLogMetricsPermission";
const LOG_GROUPS: &str = "arn:aws:logs:eu-west-1:123456789012:log-group:";

#[test]
fn every_log_is_read_except_that_of_log_metrics() {
    let stack = Stack::complete();
    let mut subscribed: BTreeMap<&str, &Value> = BTreeMap::new();
    for (name, filter) in stack.of_type(SUBSCRIPTION) {
        let group = referred(&filter["Properties"]["LogGroupName"]);
        assert!(subscribed.insert(group, filter).is_none(), "{name}: its events count twice");
    }
    for (name, function) in stack.functions() {
        let group = referred(&function["LoggingConfig"]["LogGroup"]);
        let filter = subscribed.remove(group);
        // Its own lines would invoke it forever.
        assert_eq!(filter.is_none(), name == "log-metrics", "{name}");
        if let Some(filter) = filter {
            let properties = &filter["Properties"];
            assert_eq!(properties["FilterName"], "sluice-dev-log-metrics");
            assert_eq!(properties["DestinationArn"], "${HealthLogMetricsFunction.Arn}", "{name}");
            assert_eq!(properties["FilterPattern"], pattern(&stack), "{name}");
            // CloudWatch Logs rejects a destination that it may not invoke. Other stacks wait for
            // health.yaml as a whole.
            let within = stack.resource(group)["DependsOn"] == PERMISSION;
            assert_eq!(within, group.starts_with("Health"), "{name}");
            assert_eq!(filter["DependsOn"] == PERMISSION, within, "{name}");
        }
    }
    assert!(subscribed.is_empty(), "{subscribed:?}");
}

#[test]
fn the_whole_account_is_read_once_and_only_on_request() {
    const POLICY: &str = "HealthLogMetricsAccountSubscription";
    assert!(!Stack::default().has(POLICY));
    let stack = Stack::with(&[("AccountSubscription", "ENABLED")]);
    assert!(stack.of_type(SUBSCRIPTION).is_empty(), "events that are sent twice count twice");
    assert_eq!(texts(&stack.resource(POLICY)["DependsOn"]), [PERMISSION]);
    let properties = stack.properties(POLICY);
    assert_eq!(properties["PolicyType"], "SUBSCRIPTION_FILTER_POLICY");
    assert_eq!(properties["Scope"], "ALL");
    let except_its_own = r#"LogGroupName NOT IN ["${HealthLogMetricsLogGroup}"]"#;
    assert_eq!(properties["SelectionCriteria"], except_its_own);
    let document = properties["PolicyDocument"].as_str().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(document).unwrap(),
        json!({
            "DestinationArn": "${HealthLogMetricsFunction.Arn}",
            "FilterPattern": pattern(&Stack::default()),
            "Distribution": "Random",
        })
    );
}

#[test]
fn only_log_groups_of_this_account_may_invoke_the_reader() {
    // The log groups of the suite have this prefix (see storage.rs).
    let own = format!("{LOG_GROUPS}/aws/lambda/sluice-dev-*");
    let all = format!("{LOG_GROUPS}*");
    for (parameters, log_groups) in [(&[][..], own), (&[("AccountSubscription", "ENABLED")], all)] {
        let stack = Stack::with(parameters);
        let permissions = stack.of_type("AWS::Lambda::Permission");
        let permissions: Vec<_> = permissions
            .iter()
            .map(|(_, permission)| &permission["Properties"])
            .filter(|permission| permission["FunctionName"] == "${HealthLogMetricsFunction.Arn}")
            .collect();
        let expected = json!({
            "Action": "lambda:InvokeFunction",
            "FunctionName": "${HealthLogMetricsFunction.Arn}",
            "Principal": "logs.amazonaws.com",
            "SourceAccount": "123456789012",
            "SourceArn": log_groups,
        });
        assert_eq!(permissions, [&expected]);
    }
}

/// The filter pattern of every subscription.
fn pattern(stack: &Stack) -> Value {
    let (_, first) = stack.of_type(SUBSCRIPTION)[0];
    first["Properties"]["FilterPattern"].clone()
}

#[test]
fn the_filter_matches_every_line_that_counts() {
    let pattern = pattern(&Stack::default());
    // A log event must contain one of these terms.
    let mut terms: Vec<_> = pattern.as_str().unwrap().split('?').collect();
    assert_eq!(terms.remove(0), "", "a term that is not optional");
    assert!(terms.len() >= 10, "{terms:?}");
    let mut counted = 0;
    let folder = suite::project().join("events/log-metrics/decoded");
    for entry in fs::read_dir(folder).unwrap() {
        let batch = fs::read_to_string(entry.unwrap().path()).unwrap();
        let batch: Value = serde_json::from_str(&batch).unwrap();
        for message in list(&batch["logEvents"]) {
            let message = message["message"].as_str().unwrap();
            if log_metrics::line::read(message).is_some() {
                counted += 1;
                let found =
                    terms.iter().any(|term| message.contains(term.trim().trim_matches('"')));
                assert!(found, "{message}");
            }
        }
    }
    assert!(counted > 60, "only {counted} lines");
}
