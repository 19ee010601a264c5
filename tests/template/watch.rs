//! The function that notifies people of pipelines: off until it is switched on, and open to
//! everyone who knows the secret.

use serde_json::{Value, json};
use shared::config::Environment;

use crate::stack::{PIPELINES, PREFECT, Stack, object};

const FUNCTION: &str = "${WatchPipelineAlertsFunction.Arn}";

fn is_of_pipelines((name, _): &(&str, &Value)) -> bool {
    name.starts_with("Watch") || name.starts_with("Pipeline")
}

#[test]
fn a_stack_without_a_secret_takes_no_calls() {
    let stack = Stack::default();
    assert_eq!(stack.resources().chain(stack.outputs()).find(is_of_pipelines), None);
    assert!(stack.of_type("AWS::Lambda::Url").is_empty());
    assert!(Stack::with(&[PIPELINES]).resources().filter(is_of_pipelines).count() >= 8);
}

#[test]
fn everyone_may_call_the_url_and_nothing_else() {
    for stack in Stack::variants() {
        let urls = stack.of_type("AWS::Lambda::Url");
        let open: Vec<_> = stack
            .of_type("AWS::Lambda::Permission")
            .into_iter()
            .map(|(_, permission)| &permission["Properties"])
            .filter(|permission| permission["Principal"] == "*")
            .collect();
        if !stack.has("WatchPipelineAlertsFunction") {
            assert!(urls.is_empty() && open.is_empty());
            continue;
        }
        let url = json!({"TargetFunctionArn": FUNCTION, "AuthType": "NONE"});
        assert_eq!(urls.iter().map(|(_, url)| &url["Properties"]).collect::<Vec<_>>(), [&url]);
        let [invoke, call] = [
            json!({
                "Action": "lambda:InvokeFunction", "FunctionName": FUNCTION, "Principal": "*",
                "InvokedViaFunctionUrl": true,
            }),
            json!({
                "Action": "lambda:InvokeFunctionUrl", "FunctionName": FUNCTION, "Principal": "*",
                "FunctionUrlAuthType": "NONE",
            }),
        ];
        assert_eq!(open, [&invoke, &call]);
        let outputs: Vec<_> = stack.outputs().filter(is_of_pipelines).collect();
        let [(_, log), (_, url)] = outputs[..] else { panic!("{outputs:?}") };
        assert_eq!(log["Value"], "${WatchPipelineAlertsLogGroup}");
        assert_eq!(url["Value"], "${WatchPipelineAlertsUrl.FunctionUrl}");
    }
}

#[test]
fn the_function_has_its_topic_its_secrets_and_the_time_to_retry() {
    let topic = "arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts";
    let ui = ("PrefectUiUrl", "https://prefect.test");
    for (parameters, expected) in [
        (&[PIPELINES][..], json!({"WEBHOOK_SECRET_ARN": PIPELINES.1})),
        (
            &[PIPELINES, PREFECT[0], PREFECT[1], ui],
            json!({
                "WEBHOOK_SECRET_ARN": PIPELINES.1, "PREFECT_API_URL": PREFECT[0].1,
                "PREFECT_API_SECRET_ARN": PREFECT[1].1, "PREFECT_UI_URL": ui.1,
            }),
        ),
    ] {
        let stack = Stack::with(parameters);
        let mut variables = object(stack.variables("pipeline-alerts")).clone();
        assert_eq!(variables["ALERTS_TOPIC_ARN"], "${AlertsTopic}");
        variables["ALERTS_TOPIC_ARN"] = json!(topic);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let own = variables.iter().map(|(name, value)| (name.clone(), text(value)));
        let lambda = testkit::LAMBDA.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment: Environment = lambda.into_iter().chain(own).collect();
        pipeline_alerts::Config::from_environment(&environment).unwrap();
        for common in ["ALERTS_TOPIC_ARN", "LOG_LEVEL", "METRICS_NAMESPACE"] {
            variables.remove(common);
        }
        assert_eq!(Value::Object(variables), expected);
        // Prefect waits for five seconds; after that the notice is still published.
        assert_eq!(stack.function("pipeline-alerts")["Timeout"], 10);
    }
}
