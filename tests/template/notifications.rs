//! Alarms are posted to Google Chat if a webhook is set, and are not lost.

use serde_json::json;

use crate::stack::{SECRET_ARN, Stack, template};

const URL: &str = "https://chat.googleapis.com/v1/spaces/A/messages?key=k";
const SUBSCRIPTION: &str = "HealthAlertNotifierTopicSubscription";
const PERMISSION: &str = "HealthAlertNotifierPermission";

#[test]
fn a_stack_without_a_webhook_posts_nothing() {
    let stack = Stack::default();
    assert!(!stack.has(SUBSCRIPTION) && !stack.has(PERMISSION));
    let variables = stack.variables("alert-notifier");
    for name in ["GOOGLE_CHAT_WEBHOOK_URL", "GOOGLE_CHAT_SECRET_ARN"] {
        assert!(variables[name].is_null(), "{variables}");
    }
}

#[test]
fn the_topic_invokes_the_function_if_a_webhook_is_set() {
    for (parameter, value, variable) in [
        ("ChatSecretArn", SECRET_ARN, "GOOGLE_CHAT_SECRET_ARN"),
        ("ChatWebhookUrl", URL, "GOOGLE_CHAT_WEBHOOK_URL"),
    ] {
        let stack = Stack::with(&[(parameter, value), ("ChatTimeZone", "Asia/Seoul")]);
        assert_eq!(
            stack.properties(SUBSCRIPTION),
            &json!({
                "TopicArn": "${AlertsTopic}",
                "Protocol": "lambda",
                "Endpoint": "${HealthAlertNotifierFunction.Arn}",
                "RedrivePolicy": { "deadLetterTargetArn": "${HealthAlertsDeadLetterQueue.Arn}" },
            })
        );
        assert_eq!(
            stack.properties(PERMISSION),
            &json!({
                "Action": "lambda:InvokeFunction",
                "FunctionName": "${HealthAlertNotifierFunction}",
                "Principal": "sns.amazonaws.com",
                "SourceArn": "${AlertsTopic}",
            })
        );
        let variables = stack.variables("alert-notifier");
        assert_eq!(variables[variable], value);
        assert_eq!(variables["TIME_ZONE"], "Asia/Seoul");
        assert_eq!(variables["ERROR_LINES"], 5);
    }
}

#[test]
fn an_alert_that_cannot_be_posted_is_kept() {
    let stack = Stack::default();
    let queue = "${HealthAlertsDeadLetterQueue.Arn}";
    assert_eq!(
        stack.function("alert-notifier")["EventInvokeConfig"],
        json!({
            "MaximumRetryAttempts": 2,
            "MaximumEventAgeInSeconds": 21600,
            "DestinationConfig": { "OnFailure": { "Type": "SQS", "Destination": queue } },
        })
    );
}

#[test]
fn the_key_of_the_webhook_is_not_shown_in_the_parameters() {
    assert_eq!(template()["Parameters"]["ChatWebhookUrl"]["NoEcho"], true);
    // Neither is the parameter of health.yaml.
    let health = suite::read("templates/health.yaml");
    assert_eq!(health["Parameters"]["ChatWebhookUrl"]["NoEcho"], true);
    // This transform would write the values of parameters into the processed template.
    for path in ["template.yaml", "templates/health.yaml"] {
        assert_eq!(suite::read(path)["Transform"], "AWS::Serverless-2016-10-31", "{path}");
    }
}
