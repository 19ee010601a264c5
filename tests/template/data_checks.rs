//! The function that compares sources and targets: only with the operator's policy, and off until
//! it is switched on.

use serde_json::{Value, json};
use shared::config::Environment;

use crate::stack::{DATA_CHECKS, SECRET_ARN, Stack, object};

fn is_of_checks((name, _): &(&str, &Value)) -> bool {
    name.contains("DataChecks")
}

#[test]
fn a_stack_without_the_operators_policy_checks_nothing() {
    let stack = Stack::default();
    assert_eq!(stack.resources().chain(stack.outputs()).find(is_of_checks), None);
    let stack = Stack::with(&[DATA_CHECKS]);
    let role = stack.properties("WatchDataChecksRole");
    assert_eq!(role["ManagedPolicyArns"], json!([DATA_CHECKS.1]));
    let outputs: Vec<_> = stack.outputs().filter(is_of_checks).collect();
    let [(_, log)] = outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(log["Value"], "${WatchDataChecksLogGroup}");
    assert!(!stack.has("WatchPipelineAlertsFunction"));
}

#[test]
fn the_checks_run_every_hour_only_if_enabled() {
    for (parameters, state) in [
        (&[DATA_CHECKS][..], "DISABLED"),
        (&[DATA_CHECKS, ("DataChecksSchedule", "ENABLED")], "ENABLED"),
    ] {
        let stack = Stack::with(parameters);
        let function = stack.function("data-checks");
        let schedule = &function["Events"]["Schedule"]["Properties"];
        assert_eq!(
            (&schedule["State"], &schedule["Schedule"]),
            (&json!(state), &json!("rate(1 hour)"))
        );
        // Lambda retries a run with the same time, whose window is the same.
        assert_eq!(
            (&function["Timeout"], &function["EventInvokeConfig"]),
            (&json!(300), &Value::Null)
        );
    }
}

#[test]
fn the_function_has_its_topic_and_its_checks() {
    let topic = "arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts";
    let defaults = json!({
        "CHECKS_PATH": "/sluice-dev/checks", "CHECK_TIMEOUT_SECONDS": 60, "REPEAT_HOURS": 24,
    });
    let others = json!({
        "CHECKS_PATH": "/music/checks", "CHECK_TIMEOUT_SECONDS": "30", "REPEAT_HOURS": "6",
        "GOOGLE_CREDENTIALS_SECRET_ARN": SECRET_ARN,
    });
    for (parameters, expected) in [
        (&[][..], defaults),
        (
            &[
                ("ChecksPath", "/music/checks"),
                ("CheckTimeoutSeconds", "30"),
                ("DataChecksRepeatHours", "6"),
                ("GoogleCredentialsSecretArn", SECRET_ARN),
            ],
            others,
        ),
    ] {
        let stack = Stack::with(&[&[DATA_CHECKS], parameters].concat());
        let mut variables = object(stack.variables("data-checks")).clone();
        assert_eq!(variables["ALERTS_TOPIC_ARN"], "${AlertsTopic}");
        variables["ALERTS_TOPIC_ARN"] = json!(topic);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let own = variables.iter().map(|(name, value)| (name.clone(), text(value)));
        let lambda = testkit::LAMBDA.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment: Environment = lambda.into_iter().chain(own).collect();
        data_checks::Config::from_environment(&environment).unwrap();
        for common in ["ALERTS_TOPIC_ARN", "LOG_LEVEL", "METRICS_NAMESPACE"] {
            variables.remove(common);
        }
        assert_eq!(Value::Object(variables), expected);
    }
}
