//! The functions are watched: whose logs log-metrics gets, and what of them.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::stack::{FUNCTION, Stack, list, project, texts};

const SUBSCRIPTION: &str = "AWS::Logs::SubscriptionFilter";
const WATCHER: &str = "LogMetricsFunction";
const LOG_GROUPS: &str = "arn:aws:logs:eu-west-1:123456789012:log-group:";

/// The subscribed log groups, each with its subscription.
fn subscribed(stack: &Stack) -> BTreeMap<&str, &Value> {
    let subscriptions = stack.of_type(SUBSCRIPTION);
    let count = subscriptions.len();
    let groups: BTreeMap<_, _> = subscriptions
        .into_iter()
        .map(|(_, filter)| {
            (filter["Properties"]["LogGroupName"].as_str().unwrap_or_default(), filter)
        })
        .collect();
    // Counted once.
    assert_eq!(groups.len(), count);
    groups
}

#[test]
fn every_functions_log_is_read_but_the_readers_own() {
    let stack = Stack::default();
    let groups = subscribed(&stack);
    for (name, function) in stack.of_type(FUNCTION) {
        let group = function["Properties"]["LoggingConfig"]["LogGroup"].as_str().unwrap();
        let Some(filter) = groups.get(group) else {
            assert_eq!(name, WATCHER, "nobody reads the log of {name}");
            continue;
        };
        assert_ne!(name, WATCHER, "its own lines would come round for ever");
        let properties = &filter["Properties"];
        assert_eq!(properties["DestinationArn"], "${LogMetricsFunction.Arn}", "{name}");
        assert_eq!(properties["FilterPattern"], pattern(&stack), "{name}");
        // CloudWatch Logs refuses a destination that it may not invoke.
        assert_eq!(texts(&filter["DependsOn"]), ["LogMetricsPermission"], "{name}");
    }
    assert_eq!(groups.len(), stack.of_type(FUNCTION).len() - 1);
}

#[test]
fn the_whole_account_is_read_once_and_only_if_it_is_asked_for() {
    assert!(!Stack::default().has("LogMetricsAccountSubscription"));
    let stack = Stack::with(&[("AccountSubscription", "ENABLED")]);
    assert!(stack.of_type(SUBSCRIPTION).is_empty(), "what is sent twice is counted twice");
    let policy = stack.resource("LogMetricsAccountSubscription");
    assert_eq!(texts(&policy["DependsOn"]), ["LogMetricsPermission"]);
    let properties = &policy["Properties"];
    assert_eq!(properties["PolicyType"], "SUBSCRIPTION_FILTER_POLICY");
    assert_eq!(properties["Scope"], "ALL");
    let but_its_own = r#"LogGroupName NOT IN ["${LogMetricsLogGroup}"]"#;
    assert_eq!(properties["SelectionCriteria"], but_its_own);
    let document = properties["PolicyDocument"].as_str().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(document).unwrap(),
        json!({
            "DestinationArn": "${LogMetricsFunction.Arn}",
            "FilterPattern": pattern(&Stack::default()),
            "Distribution": "Random",
        })
    );
}

#[test]
fn only_log_groups_of_this_account_may_invoke_the_reader() {
    let own = format!("{LOG_GROUPS}/aws/lambda/sluice-dev-*");
    let all = format!("{LOG_GROUPS}*");
    for (parameters, log_groups) in [(&[][..], own), (&[("AccountSubscription", "ENABLED")], all)] {
        let stack = Stack::with(parameters);
        let permissions = stack.of_type("AWS::Lambda::Permission");
        let permissions: Vec<_> = permissions
            .iter()
            .map(|(_, permission)| &permission["Properties"])
            .filter(|permission| permission["FunctionName"] == "${LogMetricsFunction.Arn}")
            .collect();
        let expected = json!({
            "Action": "lambda:InvokeFunction",
            "FunctionName": "${LogMetricsFunction.Arn}",
            "Principal": "logs.amazonaws.com",
            "SourceAccount": "123456789012",
            "SourceArn": log_groups,
        });
        assert_eq!(permissions, [&expected]);
    }
    // The pattern holds the log groups that are subscribed.
    let stack = Stack::default();
    for group in subscribed(&stack).keys() {
        let group = stack.properties(group.trim_start_matches("${").trim_end_matches('}'));
        let name = group["LogGroupName"].as_str().unwrap();
        assert!(name.starts_with("/aws/lambda/sluice-dev-"), "{name}");
    }
}

/// The filter pattern of every subscription.
fn pattern(stack: &Stack) -> Value {
    let (_, first) = stack.of_type(SUBSCRIPTION)[0];
    first["Properties"]["FilterPattern"].clone()
}

/// The terms of which a log event must have one.
fn terms(pattern: &str) -> Vec<&str> {
    let mut terms: Vec<_> = pattern.split('?').map(|term| term.trim().trim_matches('"')).collect();
    assert_eq!(terms.remove(0), "", "a term that is not optional");
    terms
}

#[test]
fn the_filter_lets_every_line_pass_that_is_counted() {
    let pattern = pattern(&Stack::default());
    let terms = terms(pattern.as_str().unwrap());
    assert!(terms.len() >= 10, "{terms:?}");
    let mut counted = 0;
    let folder = project().join("events/log-metrics/decoded");
    for entry in fs::read_dir(folder).unwrap() {
        let batch = fs::read_to_string(entry.unwrap().path()).unwrap();
        let batch: Value = serde_json::from_str(&batch).unwrap();
        for message in list(&batch["logEvents"]) {
            let message = message["message"].as_str().unwrap();
            if log_metrics::line::read(message).is_some() {
                counted += 1;
                assert!(terms.iter().any(|term| message.contains(term)), "{message}");
            }
        }
    }
    assert!(counted > 60, "only {counted} lines");
}
