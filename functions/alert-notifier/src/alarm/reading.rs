//! The value of an alarm's metric and its threshold.

use serde_json::Value;

use crate::fields::{items, member, scalar, text, without_zero};

/// Maximum number of data points that are shown.
const SHOWN_POINTS: usize = 5;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The data points that the alarm evaluated.
    values: Vec<String>,
    /// The sign of the comparison.
    sign: Option<&'static str>,
    threshold: Option<String>,
    /// Lower and upper end of the band of an anomaly alarm.
    band: Option<(String, String)>,
    /// Number of periods that the alarm evaluates.
    pub(super) periods: Option<u64>,
}

impl Reading {
    /// Combines the alarm's configuration, the reason for its state, and `reasonData`, which is JSON
    /// or JSON in a text.
    pub(super) fn of(configuration: &Value, reason: Option<&str>, data: Option<&Value>) -> Self {
        let data = match data {
            Some(Value::String(data)) => serde_json::from_str(data).unwrap_or_default(),
            Some(data) => data.clone(),
            None => Value::Null,
        };
        let reason = reason.unwrap_or_default();
        let operator = text(configuration, &["ComparisonOperator", "comparisonOperator"]);
        let points = |name: &str, words: &str| -> Vec<String> {
            let points = items(&data, &[name]).iter().filter_map(scalar);
            let points: Vec<_> = points.take(SHOWN_POINTS).collect();
            if points.is_empty() { bracketed(reason, words) } else { points }
        };
        let first = |name, words| points(name, words).into_iter().next();
        let lower = first("recentLowerThresholds", "lower threshold");
        let upper = first("recentUpperThresholds", "upper threshold");
        let band = lower.zip(upper);
        let threshold = text(configuration, &["Threshold", "threshold"])
            .or_else(|| text(&data, &["threshold"]))
            .or_else(|| threshold(reason))
            // The message of a band has an unused `Threshold` of 0.
            .filter(|_| band.is_none());
        let periods = member(configuration, &["EvaluationPeriods", "evaluationPeriods"]);
        Self {
            values: points("recentDatapoints", "datapoint"),
            sign: operator.as_deref().map_or_else(|| sign(reason), sign_of_operator),
            threshold,
            band,
            periods: periods.and_then(Value::as_u64),
        }
    }

    /// Returns `5 (threshold: > 0)`, or as much of it as is known.
    pub(crate) fn shown(&self) -> Option<String> {
        let limit = match (&self.band, &self.threshold) {
            (Some((lower, upper)), _) => Some(format!("expected: {lower} to {upper}")),
            (None, Some(threshold)) => {
                let sign = self.sign.map(|sign| format!("{sign} ")).unwrap_or_default();
                Some(format!("threshold: {sign}{threshold}"))
            }
            (None, None) => None,
        };
        let values = (!self.values.is_empty()).then(|| self.values.join(", "));
        match (values, limit) {
            (Some(values), Some(limit)) => Some(format!("{values} ({limit})")),
            (values, limit) => values.or(limit),
        }
    }
}

fn sign_of_operator(operator: &str) -> Option<&'static str> {
    match operator {
        "GreaterThanThreshold" => Some(">"),
        "GreaterThanOrEqualToThreshold" => Some("≥"),
        "LessThanThreshold" => Some("<"),
        "LessThanOrEqualToThreshold" => Some("≤"),
        _ => None,
    }
}

/// Finds the comparison in a reason such as `Threshold Crossed: 1 out of the last 1 datapoints [99.5
/// (02/10/19 16:59:00)] was greater than the threshold (50.0) (minimum 1 datapoint for …).`
fn sign(reason: &str) -> Option<&'static str> {
    let signs = [
        ("greater than or equal to the threshold", "≥"),
        ("less than or equal to the threshold", "≤"),
        ("greater than the threshold", ">"),
        ("less than the threshold", "<"),
    ];
    signs.iter().find(|(words, _)| reason.contains(words)).map(|(_, sign)| *sign)
}

fn threshold(reason: &str) -> Option<String> {
    let (_, rest) = reason.split_once("the threshold (")?;
    number(rest.split_once(')')?.0)
}

/// Returns the numbers in the brackets after `words`.
fn bracketed(reason: &str, words: &str) -> Vec<String> {
    let inside = || {
        let (_, rest) = reason.split_once(words)?;
        let (_, rest) = rest.split_once('[')?;
        Some(rest.split_once(']')?.0)
    };
    let points = inside().unwrap_or_default().split(", ");
    let numbers = points.filter_map(|point| number(point.split_whitespace().next()?));
    numbers.take(SHOWN_POINTS).collect()
}

fn number(text: &str) -> Option<String> {
    text.parse::<f64>().ok()?;
    Some(without_zero(text).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const REASON: &str = "Threshold Crossed: 2 out of the last 3 datapoints [3.0 (02/10/19 \
                          16:59:00), 2.5 (02/10/19 16:58:00)] were greater than or equal to the \
                          threshold (2.0) (minimum 2 datapoints for OK -> ALARM transition).";

    fn shown(configuration: &Value, reason: &str, data: Option<&Value>) -> Option<String> {
        Reading::of(configuration, Some(reason), data).shown()
    }

    #[test]
    fn a_value_is_shown_with_its_threshold() {
        let trigger = json!({"Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"});
        assert_eq!(shown(&trigger, REASON, None).unwrap(), "3, 2.5 (threshold: > 1)");
        // Events of EventBridge have the threshold in the reason only.
        assert_eq!(shown(&Value::Null, REASON, None).unwrap(), "3, 2.5 (threshold: ≥ 2)");
        let data = json!("{\"recentDatapoints\":[7.0],\"threshold\":9.5}");
        assert_eq!(shown(&Value::Null, REASON, Some(&data)).unwrap(), "7 (threshold: ≥ 9.5)");
    }

    #[test]
    fn an_anomaly_is_shown_with_its_band() {
        let reason = "Thresholds Crossed: 1 out of the last 1 datapoints [0.0 (03/10/19 15:58:00)] \
                      was less than the lower thresholds [0.02] or greater than the upper \
                      thresholds [0.3] (minimum 1 datapoint for OK -> ALARM transition).";
        let trigger = json!({"Threshold": 0, "ThresholdMetricId": "ad1"});
        assert_eq!(shown(&trigger, reason, None).unwrap(), "0 (expected: 0.02 to 0.3)");
        let data = json!({"recentDatapoints": [1], "recentLowerThresholds": [2],
                          "recentUpperThresholds": [3]});
        assert_eq!(shown(&trigger, "", Some(&data)).unwrap(), "1 (expected: 2 to 3)");
    }

    #[test]
    fn only_known_parts_are_shown() {
        assert_eq!(shown(&Value::Null, "Unchecked: Initial alarm creation", None), None);
        assert_eq!(shown(&Value::Null, "datapoint [x] the threshold (y)", None), None);
        assert_eq!(shown(&json!({"Threshold": 5}), "", None).unwrap(), "threshold: 5");
        assert_eq!(shown(&Value::Null, "datapoint [1.0 (x)]", None).unwrap(), "1");
        assert_eq!(shown(&json!([]), "", Some(&json!("{"))), None);
    }
}
