//! The function's settings, read from the environment once at start.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::aws::Aws;
use shared::aws::query::{EC2, RDS};
use shared::config::{ConfigError, Environment};
use shared::cost::{COST_EXPLORER, Keep, Prices};
use shared::notice::Publisher;
use shared::s3::S3;
use shared::telemetry;
use tracing::Level;

use crate::clients::{CLOUDWATCH, LAMBDA, SSM};
use crate::kind::Kind;

/// This function's own variables, in addition to [`telemetry::VARIABLES`],
/// [`shared::notice::VARIABLES`] and [`shared::cost::VARIABLES`].
pub const VARIABLES: &[&str] = &[
    "KINDS",
    "USAGE_DOCUMENT",
    "USED_PERCENT",
    "HEADROOM_PERCENT",
    "MIN_USD",
    "LINES",
    "COST_REQUESTS",
    "DEADLINE_MARGIN_MS",
];

/// All settings of the function.
#[derive(Debug)]
pub struct Config {
    /// `LOG_LEVEL`, default `info`.
    pub log_level: Level,
    /// `METRICS_NAMESPACE`, default `Sluice`.
    pub(crate) metrics_namespace: String,
    /// `ALERTS_TOPIC_ARN`
    pub(crate) publisher: Publisher,
    /// `KINDS`, default all.
    pub(crate) kinds: BTreeSet<Kind>,
    /// `USAGE_DOCUMENT`, default none: `large-volume` is not checked.
    pub(crate) usage_document: Option<String>,
    /// The rules for findings.
    pub(crate) rules: Rules,
    /// `LINES`, default 40: maximum number of findings in the notice.
    pub(crate) lines: usize,
    /// `COST_REQUESTS`, default 5: maximum number of requests to Cost Explorer in a run.
    pub(crate) cost_requests: u32,
    /// `DEADLINE_MARGIN_MS`, default 2,000: no work is started in this time before the deadline.
    pub(crate) deadline_margin: Duration,
    /// The function's own region, on which it reports.
    pub(crate) region: String,
    /// Credentials and endpoints of AWS.
    pub(crate) aws: Aws,
}

/// The rules for findings, and for what is left out.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// `USED_PERCENT`, default 30: a volume with less of it used is too large.
    pub(crate) used_percent: u32,
    /// `HEADROOM_PERCENT`, default 50: free space of a smaller volume, in percent of the used size.
    pub(crate) headroom_percent: u32,
    /// `MIN_USD`, default 1: findings that save less are left out.
    pub(crate) min_usd: f64,
    /// `PRICES`
    pub(crate) prices: Prices,
    /// `KEEP_TAG`
    pub(crate) keep: Keep,
}

impl Config {
    /// Reads the settings. A blank value counts as not set, except for `ALERTS_TOPIC_ARN`.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid or missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        environment.function_name("rightsizing")?;
        let publisher = Publisher::from_environment(environment)?;
        let environment = &environment.clone().without_blanks();
        let services = [EC2.service, RDS.service, CLOUDWATCH, COST_EXPLORER, LAMBDA, S3, SSM];
        let aws = Aws::from_environment(environment, &services);
        let names = Kind::ALL.map(Kind::name).join(", ");
        let allowed = format!("* or names separated by commas, of {names}");
        let kinds = environment.parse_with("KINDS", &allowed, Kind::parse_all)?;
        let allowed = "the name of an SSM document";
        let document = environment.parse_with("USAGE_DOCUMENT", allowed, document)?;
        let min_usd = environment.parse_with("MIN_USD", "a number from 0", |text| {
            text.parse::<f64>().ok().filter(|usd| usd.is_finite() && *usd >= 0.0)
        })?;
        let mut kinds = kinds.unwrap_or_else(|| Kind::ALL.into());
        if document.is_none() {
            kinds.remove(&Kind::LargeVolume);
        }
        let deadline_margin = environment.deadline_margin(2_000)?;
        Ok(Self {
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            publisher,
            kinds,
            usage_document: document,
            rules: Rules {
                used_percent: environment.number("USED_PERCENT", 30, 1, 99)?,
                headroom_percent: environment.number("HEADROOM_PERCENT", 50, 0, 1_000)?,
                min_usd: min_usd.unwrap_or(1.0),
                prices: Prices::from_environment(environment)?,
                keep: Keep::from_environment(environment)?,
            },
            lines: environment.number("LINES", 40, 0, 1_000)?,
            cost_requests: environment.number("COST_REQUESTS", 5, 1, 100)?,
            deadline_margin,
            region: aws.region.clone().unwrap_or_else(|| "us-east-1".to_owned()),
            aws,
        })
    }
}

/// A name, or an ARN (source: AWS Systems Manager API reference, `SendCommand`).
fn document(text: &str) -> Option<String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
    let is_name = (3..=200).contains(&text.len()) && text.bytes().all(is_allowed);
    is_name.then(|| text.to_owned())
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
        let blank: Vec<_> = VARIABLES.iter().map(|name| (*name, " ")).collect();
        for variables in [&[][..], &blank] {
            let config = config(variables).unwrap();
            let kinds = BTreeSet::from([Kind::Bucket, Kind::Gp2Volume, Kind::Graviton]);
            assert_eq!((config.kinds, config.usage_document), (kinds, None));
            assert_eq!((config.rules.used_percent, config.rules.headroom_percent), (30, 50));
            assert_eq!((config.lines, config.cost_requests), (40, 5));
            assert_eq!(config.rules.prices, Prices::default());
            assert_eq!(config.deadline_margin, Duration::from_secs(2));
            assert!((config.rules.min_usd - 1.0).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("KINDS", "large-volume, bucket"),
            ("USAGE_DOCUMENT", "sluice-dev-volume-usage"),
            ("USED_PERCENT", "20"),
            ("HEADROOM_PERCENT", "0"),
            ("MIN_USD", "0.5"),
            ("LINES", "7"),
            ("COST_REQUESTS", "1"),
            ("DEADLINE_MARGIN_MS", "250"),
            ("AWS_REGION", "eu-west-1"),
        ])
        .unwrap();
        assert_eq!(config.kinds, [Kind::Bucket, Kind::LargeVolume].into());
        assert_eq!(config.usage_document.as_deref(), Some("sluice-dev-volume-usage"));
        assert_eq!((config.rules.used_percent, config.rules.headroom_percent), (20, 0));
        assert_eq!((config.lines, config.cost_requests), (7, 1));
        assert_eq!(
            (config.deadline_margin, &*config.region),
            (Duration::from_millis(250), "eu-west-1")
        );
        assert!((config.rules.min_usd - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed() {
        for (variable, value, allowed) in [
            ("ALERTS_TOPIC_ARN", "alerts", "the ARN of an SNS topic"),
            ("KINDS", "bucket,volume", "* or names separated by commas, of bucket, gp2-volume"),
            ("USAGE_DOCUMENT", "a document", "the name of an SSM document"),
            ("USED_PERCENT", "100", "a whole number from 1 to 99"),
            ("HEADROOM_PERCENT", "1001", "a whole number from 0 to 1000"),
            ("MIN_USD", "-1", "a number from 0"),
            ("LINES", "1001", "a whole number from 0 to 1000"),
            ("COST_REQUESTS", "0", "a whole number from 1 to 100"),
            ("PRICES", "{\"gp9\":1}", "a JSON object of prices"),
            ("DEADLINE_MARGIN_MS", "900001", "a whole number from 0 to 900000"),
        ] {
            let error = config(&[(variable, value)]).unwrap_err().to_string();
            let beginning = format!("{variable} is {value:?}, but must be {allowed}");
            assert!(error.starts_with(&beginning), "{error}");
        }
    }
}
