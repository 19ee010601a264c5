//! The function's settings, read from the environment once at start.

use std::time::Duration;

use shared::aws::Aws;
use shared::config::{ConfigError, Environment};
use shared::cost::COST_EXPLORER;
use shared::notice::Publisher;
use shared::telemetry;
use tracing::Level;

use crate::change::Thresholds;
use crate::period::Period;

/// This function's own variables, in addition to [`telemetry::VARIABLES`] and
/// [`shared::notice::VARIABLES`].
pub const VARIABLES: &[&str] = &[
    "PERIOD",
    "SETTLE_DAYS",
    "METRIC",
    "EXCLUDE_RECORD_TYPES",
    "TOP_SERVICES",
    "ALERT_PERCENT",
    "ALERT_USD",
    "FORECAST",
    "ANOMALIES",
    "MAX_REQUESTS",
    "DEADLINE_MARGIN_MS",
];

/// The metrics of Cost Explorer that are costs (source: AWS Cost Explorer API reference,
/// `GetCostAndUsage`).
const METRICS: [&str; 5] =
    ["UnblendedCost", "BlendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost"];

/// All settings of the function.
#[derive(Debug)]
pub struct Config {
    /// `LOG_LEVEL`, default `info`.
    pub log_level: Level,
    /// `METRICS_NAMESPACE`, default `Sluice`.
    pub(crate) metrics_namespace: String,
    /// `ALERTS_TOPIC_ARN`
    pub(crate) publisher: Publisher,
    /// `PERIOD`, default `week`.
    pub(crate) period: Period,
    /// `SETTLE_DAYS`, default 1: days before today that are not reported yet.
    pub(crate) settle_days: u8,
    /// `METRIC`, default `UnblendedCost`.
    pub(crate) metric: &'static str,
    /// `EXCLUDE_RECORD_TYPES`, default `Credit,Refund`: record types to exclude.
    pub(crate) excluded: Vec<String>,
    /// `TOP_SERVICES`, default 10: maximum number of services in a report.
    pub(crate) top_services: usize,
    /// `ALERT_PERCENT`, default 20, and `ALERT_USD`, default 10.
    pub(crate) thresholds: Thresholds,
    /// `FORECAST`, default `on`.
    pub(crate) has_forecast: bool,
    /// `ANOMALIES`, default `on`.
    pub(crate) has_anomalies: bool,
    /// `MAX_REQUESTS`, default 10: maximum number of requests to Cost Explorer in a run.
    pub(crate) max_requests: u32,
    /// `DEADLINE_MARGIN_MS`, default 2,000: no work is started in this time before the deadline.
    pub(crate) deadline_margin: Duration,
    /// Region, credentials and endpoints of AWS.
    pub(crate) aws: Aws,
}

impl Config {
    /// Reads the settings. A blank value counts as not set, except for `ALERTS_TOPIC_ARN` and
    /// `EXCLUDE_RECORD_TYPES`.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid or missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        environment.function_name("cost-report")?;
        let publisher = Publisher::from_environment(environment)?;
        let excluded = excluded(environment)?;
        let environment = &environment.clone().without_blanks();
        let period = environment.parse_with("PERIOD", "day, week or month", Period::parse)?;
        let metric = |text: &str| METRICS.iter().copied().find(|metric| *metric == text);
        let metric = environment.parse_with("METRIC", &METRICS.join(", "), metric)?;
        let deadline_margin = environment.deadline_margin(2_000)?;
        Ok(Self {
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            publisher,
            period: period.unwrap_or(Period::Week),
            settle_days: environment.number("SETTLE_DAYS", 1, 0, 3)?,
            metric: metric.unwrap_or(METRICS[0]),
            excluded,
            top_services: environment.number("TOP_SERVICES", 10, 1, 30)?,
            thresholds: Thresholds {
                percent: decimal(environment, "ALERT_PERCENT", 20.0)?,
                amount: decimal(environment, "ALERT_USD", 10.0)?,
            },
            has_forecast: environment.switch("FORECAST", true)?,
            has_anomalies: environment.switch("ANOMALIES", true)?,
            max_requests: environment.number("MAX_REQUESTS", 10, 1, 100)?,
            deadline_margin,
            aws: Aws::from_environment(environment, &[COST_EXPLORER]),
        })
    }
}

/// If it is empty, all record types are included.
fn excluded(environment: &Environment) -> Result<Vec<String>, ConfigError> {
    let parse = |text: &str| {
        let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
        let is_name = |name: &String| (1..=100).contains(&name.len());
        match text.trim() {
            "" => Some(Vec::new()),
            _ => names.iter().all(is_name).then_some(names),
        }
    };
    let allowed = "record types of Cost Explorer with commas between them, or set to nothing";
    let excluded = environment.parse_with("EXCLUDE_RECORD_TYPES", allowed, parse)?;
    Ok(excluded.unwrap_or_else(|| ["Credit", "Refund"].map(str::to_owned).into()))
}

fn decimal(environment: &Environment, name: &str, default: f64) -> Result<f64, ConfigError> {
    let parse = |text: &str| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number = is_plain.then(|| text.parse::<f64>().ok()).flatten()?;
        (number <= 1_000_000.0).then_some(number)
    };
    let allowed = "a number from 0 to 1000000";
    Ok(environment.parse_with(name, allowed, parse)?.unwrap_or(default))
}

#[cfg(test)]
mod tests {
    use testkit::LAMBDA;

    use super::*;

    const TOPIC: (&str, &str) = ("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:alerts");

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let all = LAMBDA.iter().chain([&TOPIC]).chain(variables).copied();
        Config::from_environment(&all.collect())
    }

    #[test]
    fn has_the_documented_defaults_also_for_blank_values() {
        let blank = VARIABLES.iter().filter(|name| **name != "EXCLUDE_RECORD_TYPES");
        let blank: Vec<_> = blank.map(|name| (*name, " ")).collect();
        for variables in [&[][..], &blank] {
            let config = config(variables).unwrap();
            assert_eq!((config.log_level, &*config.metrics_namespace), (Level::INFO, "Sluice"));
            assert_eq!((config.period, config.settle_days), (Period::Week, 1));
            assert_eq!(config.metric, "UnblendedCost");
            assert_eq!(config.excluded, ["Credit", "Refund"]);
            assert_eq!((config.top_services, config.max_requests), (10, 10));
            assert_eq!(config.thresholds, Thresholds { percent: 20.0, amount: 10.0 });
            assert!(config.has_forecast && config.has_anomalies);
            assert_eq!(config.deadline_margin, Duration::from_secs(2));
        }
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("PERIOD", "month"),
            ("SETTLE_DAYS", "3"),
            ("METRIC", "NetAmortizedCost"),
            ("EXCLUDE_RECORD_TYPES", "Tax, Bundled Discount"),
            ("TOP_SERVICES", "30"),
            ("ALERT_PERCENT", "12.5"),
            ("ALERT_USD", "0"),
            ("FORECAST", "off"),
            ("ANOMALIES", "off"),
            ("MAX_REQUESTS", "1"),
            ("DEADLINE_MARGIN_MS", "250"),
            ("AWS_ENDPOINT_URL_COST_EXPLORER", "http://ce"),
        ])
        .unwrap();
        assert_eq!((config.period, config.settle_days), (Period::Month, 3));
        assert_eq!(config.metric, "NetAmortizedCost");
        assert_eq!(config.excluded, ["Tax", "Bundled Discount"]);
        assert_eq!((config.top_services, config.max_requests), (30, 1));
        assert_eq!(config.thresholds, Thresholds { percent: 12.5, amount: 0.0 });
        assert!(!config.has_forecast && !config.has_anomalies);
        assert_eq!(config.deadline_margin, Duration::from_millis(250));
        assert_eq!(config.aws.endpoint(COST_EXPLORER), Some("http://ce"));
    }

    #[test]
    fn set_to_nothing_every_record_type_counts() {
        for empty in ["", " "] {
            let config = config(&[("EXCLUDE_RECORD_TYPES", empty)]).unwrap();
            assert_eq!(config.excluded, [""; 0]);
        }
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed() {
        for (variable, value, allowed) in [
            ("ALERTS_TOPIC_ARN", "alerts", "the ARN of an SNS topic"),
            ("PERIOD", "year", "day, week or month"),
            ("SETTLE_DAYS", "4", "a whole number from 0 to 3"),
            ("METRIC", "UsageQuantity", "UnblendedCost, BlendedCost, AmortizedCost, Net"),
            ("EXCLUDE_RECORD_TYPES", "Credit,,Tax", "record types of Cost Explorer"),
            ("TOP_SERVICES", "0", "a whole number from 1 to 30"),
            ("TOP_SERVICES", "31", "a whole number from 1 to 30"),
            ("ALERT_PERCENT", "-1", "a number from 0 to 1000000"),
            ("ALERT_PERCENT", "NaN", "a number from 0 to 1000000"),
            ("ALERT_USD", ".", "a number from 0 to 1000000"),
            ("FORECAST", "yes", "on or off"),
            ("ANOMALIES", "1", "on or off"),
            ("MAX_REQUESTS", "0", "a whole number from 1 to 100"),
            ("DEADLINE_MARGIN_MS", "900001", "a whole number from 0 to 900000"),
            ("LOG_LEVEL", "INFO", "error, warn, info, debug or trace"),
        ] {
            let error = config(&[(variable, value)]).unwrap_err().to_string();
            let beginning = format!("{variable} is {value:?}, but must be {allowed}");
            assert!(error.starts_with(&beginning), "{error}");
        }
        let error = Config::from_environment(&LAMBDA.into_iter().collect()).unwrap_err();
        assert_eq!(error.variable, "ALERTS_TOPIC_ARN");
    }
}
