//! The event that an alarm sends through SNS.
//!
//! Source: Amazon CloudWatch user guide, "Amazon SNS notification schemas".

use jiff::Timestamp;
use local::monitoring::timestamp;
use serde_json::{Value, json};

use crate::demo::notification::{self, TOPIC};

/// The alarm's name.
pub(super) const NAME: &str = "sluice-demo-plays-errors";

/// Returns the event of an alarm that changes to `ALARM` at `now_ms`, because `function` had
/// `errors` in the minute before.
pub(super) fn event(function: &str, errors: u64, now_ms: u64) -> Value {
    let now = timestamp(now_ms);
    let minute_ms = i64::try_from(now_ms.saturating_sub(60_000)).unwrap_or_default();
    let minute = Timestamp::from_millisecond(minute_ms).unwrap_or_default();
    let reason = format!(
        "Threshold Crossed: 1 out of the last 1 datapoints [{errors}.0 ({})] was greater than the \
         threshold (0.0) (minimum 1 datapoint for OK -> ALARM transition).",
        minute.strftime("%d/%m/%y %H:%M:00")
    );
    let message = json!({
        "AlarmName": NAME,
        "AlarmDescription": "An invocation failed: see the function's log.",
        "AWSAccountId": "123456789012",
        "NewStateValue": "ALARM",
        "NewStateReason": reason,
        "StateChangeTime": now.replace('Z', "+0000"),
        "Region": "US East (N. Virginia)",
        "AlarmArn": format!("arn:aws:cloudwatch:us-east-1:123456789012:alarm:{NAME}"),
        "OldStateValue": "OK",
        "OKActions": [TOPIC],
        "AlarmActions": [TOPIC],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "Errors",
            "Namespace": "AWS/Lambda",
            "StatisticType": "Statistic",
            "Statistic": "SUM",
            "Unit": null,
            "Dimensions": [{"name": "FunctionName", "value": function}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0.0,
            "TreatMissingData": "notBreaching",
            "EvaluateLowSampleCountPercentile": "",
        },
    });
    let subject = format!("ALARM: \"{NAME}\" in US East (N. Virginia)");
    notification::event(&subject, &message.to_string(), now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_json_in_a_text() {
        let event = event("plays", 3, 1_709_296_496_789);
        let message = event["Records"][0]["Sns"]["Message"].as_str().unwrap();
        let message: Value = message.parse().unwrap();
        assert_eq!(message["StateChangeTime"], "2024-03-01T12:34:56.789+0000");
        assert_eq!(
            message["NewStateReason"],
            "Threshold Crossed: 1 out of the last 1 datapoints [3.0 (01/03/24 12:33:00)] was \
             greater than the threshold (0.0) (minimum 1 datapoint for OK -> ALARM transition)."
        );
        assert_eq!(message["Trigger"]["Dimensions"][0]["value"], "plays");
    }
}
