//! An anomaly that AWS Cost Anomaly Detection detected.

use aws_sdk_costexplorer::types;
use jiff::civil::Date;
use serde_json::Value;

/// An anomaly, from Cost Explorer or from a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Anomaly {
    pub(crate) id: String,
    /// The service, or whatever the monitor watches.
    pub(crate) subject: String,
    /// The additional cost, in USD, if it is known.
    pub(crate) impact: Option<f64>,
    pub(crate) expected: Option<f64>,
    pub(crate) actual: Option<f64>,
    /// The day on which it began.
    pub(crate) since: Option<Date>,
    pub(crate) causes: Vec<Cause>,
    /// Its page in the console.
    pub(crate) link: Option<String>,
}

/// A cause of an anomaly.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cause {
    /// Service, region, usage type and account, as far as they are known.
    pub(crate) parts: Vec<String>,
    /// Its contribution to the cost, in USD.
    pub(crate) contribution: Option<f64>,
}

impl Anomaly {
    /// The anomaly of a message (source: "Creating an Amazon SNS topic for anomaly notifications" and
    /// "Using EventBridge with Cost Anomaly Detection", AWS Cost Management User Guide). `None` for
    /// anything else.
    pub(crate) fn parse(message: &Value) -> Option<Self> {
        let impact = message.get("impact").filter(|impact| !impact.is_null())?;
        let expected = number(&impact["totalExpectedSpend"]);
        let actual = number(&impact["totalActualSpend"]);
        let more = actual.zip(expected).map(|(actual, expected)| actual - expected);
        let causes = message["rootCauses"].as_array().into_iter().flatten();
        let dimension = text(message, &["dimensionalValue", "dimensionValue"]);
        Some(Self {
            id: text(message, &["anomalyId"])?.to_owned(),
            impact: number(&impact["totalImpact"]).or(more).or(number(&impact["maxImpact"])),
            expected,
            actual,
            since: text(message, &["anomalyStartDate"]).and_then(date),
            subject: subject(dimension, message["rootCauses"][0]["service"].as_str()),
            causes: causes.map(cause).collect(),
            link: text(message, &["anomalyDetailsLink"])
                .filter(|url| url.starts_with("https://"))
                .map(str::to_owned),
        })
    }

    /// The anomaly of an answer; `None` if a person marked it as not an anomaly.
    pub(crate) fn reported(anomaly: types::Anomaly) -> Option<Self> {
        if anomaly.feedback == Some(types::AnomalyFeedbackType::No) {
            return None;
        }
        let service = anomaly.root_causes().first().and_then(|cause| cause.service());
        let impact = anomaly.impact.as_ref();
        Some(Self {
            subject: subject(anomaly.dimension_value(), service),
            impact: impact.map(|impact| impact.total_impact),
            expected: impact.and_then(|impact| impact.total_expected_spend),
            actual: impact.and_then(|impact| impact.total_actual_spend),
            since: anomaly.anomaly_start_date().and_then(date),
            causes: Vec::new(),
            link: None,
            id: anomaly.anomaly_id,
        })
    }
}

/// The value of a monitor's dimension. For a monitor of accounts, it is an account: then the
/// service of the first cause says more.
fn subject(dimension: Option<&str>, service: Option<&str>) -> String {
    let is_account = |value: &str| value.bytes().all(|byte| byte.is_ascii_digit());
    let service = service.filter(|service| !service.is_empty());
    let dimension = dimension.filter(|value| !value.is_empty());
    let chosen = dimension.filter(|value| !is_account(value)).or(service).or(dimension);
    chosen.unwrap_or("unknown service").to_owned()
}

fn cause(cause: &Value) -> Cause {
    let account = text(cause, &["linkedAccountName", "linkedAccount"]);
    let parts = [text(cause, &["service"]), text(cause, &["region"]), text(cause, &["usageType"])];
    Cause {
        parts: parts.into_iter().chain([account]).flatten().map(str::to_owned).collect(),
        contribution: number(&cause["impact"]["contribution"]),
    }
}

/// A number, which may be a text.
fn number(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    number.is_finite().then_some(number)
}

/// The first of these members that is a text and not empty.
fn text<'a>(value: &'a Value, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| value[*name].as_str().filter(|text| !text.is_empty()))
}

/// The day of `2021-05-25` and of `2021-05-25T00:00:00Z`.
fn date(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_subject_is_the_service() {
        for (dimension, service, expected) in [
            (Some("Amazon EC2"), Some("Amazon S3"), "Amazon EC2"),
            (Some("123456789012"), Some("Amazon S3"), "Amazon S3"),
            (Some(""), Some("Amazon S3"), "Amazon S3"),
            (None, Some("Amazon S3"), "Amazon S3"),
            (Some("123456789012"), None, "123456789012"),
            (Some("123456789012"), Some(""), "123456789012"),
            (None, None, "unknown service"),
        ] {
            assert_eq!(subject(dimension, service), expected, "{dimension:?} {service:?}");
        }
    }

    #[test]
    fn the_impact_is_what_is_known_of_it() {
        for (impact, expected) in [
            (json!({"totalImpact": 7.5, "maxImpact": 1}), Some(Some(7.5))),
            (json!({"totalImpact": " 7.5", "maxImpact": 1}), Some(Some(7.5))),
            (
                json!({"totalActualSpend": "9", "totalExpectedSpend": 2, "maxImpact": 1}),
                Some(Some(7.0)),
            ),
            (
                json!({"totalImpact": "many", "totalActualSpend": 9, "maxImpact": 1}),
                Some(Some(1.0)),
            ),
            (json!({"totalImpact": "NaN"}), Some(None)),
            (json!({}), Some(None)),
            (json!(null), None),
        ] {
            let message = json!({"anomalyId": "a", "impact": impact});
            let found = Anomaly::parse(&message).map(|anomaly| anomaly.impact);
            assert_eq!(found, expected, "{message}");
        }
    }

    #[test]
    fn days_have_a_time_or_not() {
        for (text, expected) in [
            ("2026-11-20", Some("2026-11-20")),
            ("2026-11-20T00:00:00Z", Some("2026-11-20")),
            ("yesterday!", None),
            ("2026", None),
            ("어제어제어제", None),
        ] {
            assert_eq!(date(text).map(|date| date.to_string()).as_deref(), expected, "{text}");
        }
    }
}
