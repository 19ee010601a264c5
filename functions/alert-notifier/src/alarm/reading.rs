//! The value of an alarm's metric and what it is compared with.

use serde_json::Value;

use crate::fields::{items, member, scalar, text};

/// At most so many data points are shown.
const SHOWN_POINTS: usize = 5;

/// A value, and what it is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The data points that were looked at.
    pub values: Vec<String>,
    /// The sign of the comparison.
    pub sign: Option<&'static str>,
    /// The threshold.
    pub threshold: Option<String>,
    /// Lower and upper end of the band of an anomaly alarm.
    pub band: Option<(String, String)>,
    /// Over how many periods.
    pub periods: Option<u64>,
}

impl Reading {
    /// From the alarm's configuration, the reason for its state, and `reasonData`, which is JSON
    /// in a text.
    pub(super) fn of(configuration: &Value, reason: Option<&str>, data: Option<&Value>) -> Self {
        let data = match data {
            Some(Value::String(data)) => serde_json::from_str(data).unwrap_or_default(),
            Some(data) => data.clone(),
            None => Value::Null,
        };
        let reason = reason.unwrap_or_default();
        let operator = text(configuration, &["ComparisonOperator", "comparisonOperator"]);
        let points = |name: &str| -> Vec<String> {
            items(&data, &[name]).iter().filter_map(scalar).take(SHOWN_POINTS).collect()
        };
        let of_data = points("recentDatapoints");
        let ends = |name, words| {
            points(name).first().cloned().or_else(|| bracketed(reason, words).first().cloned())
        };
        let lower = ends("recentLowerThresholds", "lower threshold");
        let upper = ends("recentUpperThresholds", "upper threshold");
        let band = lower.zip(upper);
        let told = text(configuration, &["Threshold", "threshold"]);
        let told = told.or_else(|| text(&data, &["threshold"])).or_else(|| threshold(reason));
        // A band's message has a `Threshold` of 0, which nothing is compared with.
        let threshold = if band.is_some() { None } else { told };
        let periods = member(configuration, &["EvaluationPeriods", "evaluationPeriods"]);
        Self {
            values: if of_data.is_empty() { bracketed(reason, "datapoint") } else { of_data },
            sign: operator.as_deref().map_or_else(|| sign(reason), sign_of_operator),
            threshold,
            band,
            periods: periods.and_then(Value::as_u64),
        }
    }

    /// `5 (threshold: > 0)`, or as much of it as is known.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        let against = match (&self.band, &self.threshold) {
            (Some((lower, upper)), _) => Some(format!("expected: {lower} to {upper}")),
            (None, Some(threshold)) => {
                let sign = self.sign.map(|sign| format!("{sign} ")).unwrap_or_default();
                Some(format!("threshold: {sign}{threshold}"))
            }
            (None, None) => None,
        };
        let values = self.values.join(", ");
        match (values.is_empty(), against) {
            (true, None) => None,
            (true, Some(against)) => Some(against),
            (false, None) => Some(values),
            (false, Some(against)) => Some(format!("{values} ({against})")),
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

/// From a reason such as `Threshold Crossed: 1 out of the last 1 datapoints [99.5 (02/10/19
/// 16:59:00)] was greater than the threshold (50.0) (minimum 1 datapoint for …).`
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
    let (number, _) = rest.split_once(')')?;
    number.parse::<f64>().ok()?;
    Some(without_zero(number))
}

/// The numbers in the brackets after `words`.
fn bracketed(reason: &str, words: &str) -> Vec<String> {
    let inside = || {
        let (_, rest) = reason.split_once(words)?;
        let (_, rest) = rest.split_once('[')?;
        rest.split_once(']').map(|(inside, _)| inside)
    };
    let number = |point: &str| {
        let number = point.split_whitespace().next()?;
        number.parse::<f64>().ok()?;
        Some(without_zero(number))
    };
    inside().unwrap_or_default().split(", ").filter_map(number).take(SHOWN_POINTS).collect()
}

fn without_zero(number: &str) -> String {
    number.strip_suffix(".0").unwrap_or(number).to_owned()
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
    fn a_value_stands_against_its_threshold() {
        let trigger = json!({"Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"});
        assert_eq!(shown(&trigger, REASON, None).unwrap(), "3, 2.5 (threshold: > 1)");
        // EventBridge tells neither: the reason does.
        assert_eq!(shown(&Value::Null, REASON, None).unwrap(), "3, 2.5 (threshold: ≥ 2)");
        let data = json!("{\"recentDatapoints\":[7.0],\"threshold\":9.5}");
        assert_eq!(shown(&Value::Null, REASON, Some(&data)).unwrap(), "7 (threshold: ≥ 9.5)");
    }

    #[test]
    fn an_anomaly_stands_against_its_band() {
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
    fn what_is_not_told_is_not_shown() {
        assert_eq!(shown(&Value::Null, "Unchecked: Initial alarm creation", None), None);
        assert_eq!(shown(&Value::Null, "datapoint [x] the threshold (y)", None), None);
        assert_eq!(shown(&json!({"Threshold": 5}), "", None).unwrap(), "threshold: 5");
        assert_eq!(shown(&Value::Null, "datapoint [1.0 (x)]", None).unwrap(), "1");
        assert_eq!(shown(&json!([]), "", Some(&json!("{"))), None);
    }
}
