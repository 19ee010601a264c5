//! Alarms are told in Google Chat where a webhook is given, and none is lost on the way.

use serde_json::json;

use crate::stack::{SECRET_ARN, Stack, template};

const URL: &str = "https://chat.googleapis.com/v1/spaces/A/messages?key=k";

#[test]
fn a_stack_without_a_webhook_tells_nobody_in_google_chat() {
    let stack = Stack::default();
    assert!(!stack.has("AlertNotifierSubscription") && !stack.has("AlertNotifierPermission"));
    let variables = &stack.properties("AlertNotifierFunction")["Environment"]["Variables"];
    for name in ["GOOGLE_CHAT_WEBHOOK_URL", "GOOGLE_CHAT_SECRET_ARN"] {
        assert!(variables[name].is_null(), "{variables}");
    }
}

#[test]
fn the_topic_invokes_the_function_where_a_webhook_is_given() {
    for (parameter, value, variable) in [
        ("ChatSecretArn", SECRET_ARN, "GOOGLE_CHAT_SECRET_ARN"),
        ("ChatWebhookUrl", URL, "GOOGLE_CHAT_WEBHOOK_URL"),
    ] {
        let stack = Stack::with(&[(parameter, value), ("ChatTimeZone", "Asia/Seoul")]);
        assert_eq!(
            stack.properties("AlertNotifierSubscription"),
            &json!({
                "TopicArn": "${AlertsTopic}",
                "Protocol": "lambda",
                "Endpoint": "${AlertNotifierFunction.Arn}",
                "RedrivePolicy": { "deadLetterTargetArn": "${AlertsDeadLetterQueue.Arn}" },
            })
        );
        assert_eq!(
            stack.properties("AlertNotifierPermission"),
            &json!({
                "Action": "lambda:InvokeFunction",
                "FunctionName": "${AlertNotifierFunction}",
                "Principal": "sns.amazonaws.com",
                "SourceArn": "${AlertsTopic}",
            })
        );
        let variables = &stack.properties("AlertNotifierFunction")["Environment"]["Variables"];
        assert_eq!(variables[variable], value);
        assert_eq!(variables["TIME_ZONE"], "Asia/Seoul");
        assert_eq!(variables["ERROR_LINES"], 5);
    }
}

#[test]
fn an_alert_that_cannot_be_told_is_kept() {
    let stack = Stack::default();
    assert_eq!(
        stack.properties("AlertNotifierFunction")["EventInvokeConfig"],
        json!({
            "MaximumRetryAttempts": 2,
            "MaximumEventAgeInSeconds": 21600,
            "DestinationConfig": {
                "OnFailure": { "Type": "SQS", "Destination": "${AlertsDeadLetterQueue.Arn}" },
            },
        })
    );
}

#[test]
fn the_webhooks_key_is_not_shown_with_the_stacks_parameters() {
    assert_eq!(template()["Parameters"]["ChatWebhookUrl"]["NoEcho"], true);
}
