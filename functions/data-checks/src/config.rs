//! The function's settings, read from the environment once at start.

use std::time::Duration;

use shared::aws::{Aws, Service};
use shared::cloudwatch::CLOUDWATCH;
use shared::config::{ConfigError, Environment};
use shared::google::BigQuery;
use shared::notice::Publisher;
use shared::opensearch::Auth;
use shared::redshift::REDSHIFT_DATA;
use shared::secrets::{self, SECRETS_MANAGER};
use shared::telemetry;
use shared::url::Url;
use tracing::Level;

use crate::definition::{Check, parse_all};
use crate::definitions::SSM;
use crate::ends::RDS_DATA;

/// This function's own variables, in addition to [`telemetry::VARIABLES`],
/// [`shared::notice::VARIABLES`] and [`shared::opensearch::AUTH_VARIABLES`].
pub const VARIABLES: &[&str] = &[
    "CHECKS_PATH",
    "CHECKS",
    "CHECK_TIMEOUT_SECONDS",
    "REPEAT_HOURS",
    "GOOGLE_CREDENTIALS_SECRET_ARN",
    "BIGQUERY_ENDPOINT_URL",
    "DEADLINE_MARGIN_MS",
];

const SERVICES: [Service; 5] = [CLOUDWATCH, RDS_DATA, REDSHIFT_DATA, SECRETS_MANAGER, SSM];

/// All settings of the function.
#[derive(Debug)]
pub struct Config {
    /// `AWS_LAMBDA_FUNCTION_NAME`: the dimension of the metrics.
    pub(crate) function_name: String,
    /// `LOG_LEVEL`, default `info`.
    pub log_level: Level,
    /// `METRICS_NAMESPACE`, default `Sluice`.
    pub(crate) metrics_namespace: String,
    /// `ALERTS_TOPIC_ARN`
    pub(crate) publisher: Publisher,
    /// `CHECKS_PATH` or `CHECKS`.
    pub(crate) checks: Checks,
    /// `CHECK_TIMEOUT_SECONDS`, default 60: maximum time for a source or target.
    pub(crate) check_timeout: Duration,
    /// `REPEAT_HOURS`, default 24: interval at which a failure is notified again; 0 is never.
    pub(crate) repeat_hours: u64,
    /// `GOOGLE_CREDENTIALS_SECRET_ARN`, default none: without it, BigQuery cannot be queried.
    pub(crate) google_secret_arn: Option<String>,
    /// `BIGQUERY_ENDPOINT_URL`, default Google's.
    pub(crate) bigquery_endpoint: Url,
    /// The authentication for OpenSearch.
    pub(crate) opensearch_auth: Auth,
    /// `DEADLINE_MARGIN_MS`, default 1,000: nothing is published in this time before the deadline.
    pub(crate) deadline_margin: Duration,
    /// Region, credentials and endpoints of AWS.
    pub(crate) aws: Aws,
}

/// The source of the checks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Checks {
    /// `CHECKS_PATH`: the path of parameters in Systems Manager.
    Path(String),
    /// `CHECKS`
    Here(Vec<Check>),
}

impl Config {
    /// Reads the settings. A blank value counts as not set, except for `ALERTS_TOPIC_ARN`.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid or missing. It never contains the
    /// value of `CHECKS`, or of a variable for a secret's ARN.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let function_name = environment.function_name("data-checks")?;
        let publisher = Publisher::from_environment(environment)?;
        let environment = &environment.clone().without_blanks();
        let timeout_seconds = environment.number("CHECK_TIMEOUT_SECONDS", 60, 1, 600)?;
        let deadline_margin = environment.deadline_margin(1_000)?;
        Ok(Self {
            function_name,
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            publisher,
            checks: checks(environment)?,
            check_timeout: Duration::from_secs(timeout_seconds),
            repeat_hours: environment.number("REPEAT_HOURS", 24, 0, 168)?,
            google_secret_arn: secrets::arn(environment, "GOOGLE_CREDENTIALS_SECRET_ARN")?,
            bigquery_endpoint: BigQuery::endpoint(environment)?,
            opensearch_auth: Auth::from_environment(environment)?,
            deadline_margin,
            aws: Aws::from_environment(environment, &SERVICES),
        })
    }
}

fn checks(environment: &Environment) -> Result<Checks, ConfigError> {
    let path_form = "the path of parameters in Systems Manager, such as /sluice/checks";
    let path = environment.parse_with("CHECKS_PATH", path_form, parse_path)?;
    match (path, environment.get("CHECKS")) {
        (Some(path), None) => Ok(Checks::Path(path)),
        (None, Some(text)) => parse_all(text).map(Checks::Here).map_err(|reason| {
            let allowed = format!("a JSON array of checks as the README describes them: {reason}");
            ConfigError::new("CHECKS", "…", allowed)
        }),
        (Some(path), Some(_)) => {
            Err(ConfigError::new("CHECKS_PATH", &path, "not set where CHECKS is set"))
        }
        (None, None) => {
            let allowed = format!("{path_form}, unless CHECKS is set");
            Err(ConfigError::new("CHECKS_PATH", "", allowed))
        }
    }
}

/// Parses a path of parameters (source: AWS Systems Manager API reference, `GetParametersByPath`).
fn parse_path(text: &str) -> Option<String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    let is_path = text.starts_with('/') && !text.contains("//") && text.bytes().all(is_allowed);
    let path = text.trim_end_matches('/');
    is_path.then(|| if path.is_empty() { "/" } else { path }.to_owned())
}

#[cfg(test)]
mod tests {
    use testkit::LAMBDA;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:google-AbCdEf";
    const TOPIC: (&str, &str) = ("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:alerts");
    const PATH: (&str, &str) = ("CHECKS_PATH", "/sluice/checks");

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let all = LAMBDA.iter().chain(&[TOPIC]).chain(variables).copied();
        Config::from_environment(&all.collect())
    }

    #[test]
    fn has_the_documented_defaults_also_for_blank_values() {
        let blank: Vec<_> = VARIABLES[1..].iter().map(|name| (*name, " ")).collect();
        let more = [PATH, ("LOG_LEVEL", ""), ("METRICS_NAMESPACE", "")];
        for variables in [&[PATH][..], &[&blank[..], &more].concat()] {
            let config = config(variables).unwrap();
            assert_eq!(config.function_name, testkit::FUNCTION_NAME);
            assert_eq!((config.log_level, &*config.metrics_namespace), (Level::INFO, "Sluice"));
            assert_eq!(config.checks, Checks::Path("/sluice/checks".to_owned()));
            assert_eq!((config.check_timeout, config.repeat_hours), (Duration::from_mins(1), 24));
            assert_eq!(config.google_secret_arn, None);
            assert_eq!(config.bigquery_endpoint.as_str(), "https://bigquery.googleapis.com");
            assert_eq!(config.deadline_margin, Duration::from_secs(1));
        }
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("CHECKS", "[]"),
            ("CHECK_TIMEOUT_SECONDS", "600"),
            ("REPEAT_HOURS", "0"),
            ("GOOGLE_CREDENTIALS_SECRET_ARN", ARN),
            ("BIGQUERY_ENDPOINT_URL", "http://127.0.0.1:9050/"),
            ("OPENSEARCH_AUTH", "none"),
            ("DEADLINE_MARGIN_MS", "250"),
            ("LOG_LEVEL", "debug"),
            ("METRICS_NAMESPACE", "Team/Music"),
            ("AWS_ENDPOINT_URL_SSM", "http://ssm"),
            ("AWS_ENDPOINT_URL_RDS_DATA", "http://rds"),
            ("AWS_ENDPOINT_URL_REDSHIFT_DATA", "http://redshift"),
            ("AWS_ENDPOINT_URL_CLOUDWATCH", "http://cloudwatch"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets"),
        ])
        .unwrap();
        assert_eq!(config.checks, Checks::Here(Vec::new()));
        assert_eq!((config.check_timeout, config.repeat_hours), (Duration::from_mins(10), 0));
        assert_eq!(config.google_secret_arn.as_deref(), Some(ARN));
        assert_eq!(config.bigquery_endpoint.as_str(), "http://127.0.0.1:9050");
        assert!(matches!(config.opensearch_auth, Auth::None));
        assert_eq!(config.deadline_margin, Duration::from_millis(250));
        assert_eq!((config.log_level, &*config.metrics_namespace), (Level::DEBUG, "Team/Music"));
        for (service, url) in [
            (SSM, "http://ssm"),
            (RDS_DATA, "http://rds"),
            (REDSHIFT_DATA, "http://redshift"),
            (CLOUDWATCH, "http://cloudwatch"),
            (SECRETS_MANAGER, "http://secrets"),
        ] {
            assert_eq!(config.aws.endpoint(service), Some(url));
        }
    }

    #[test]
    fn a_path_has_no_slash_at_its_end() {
        for (path, expected) in [("/", "/"), ("/a/b/", "/a/b"), ("/A-1/b_2.c", "/A-1/b_2.c")] {
            let checks = config(&[("CHECKS_PATH", path)]).unwrap().checks;
            assert_eq!(checks, Checks::Path(expected.to_owned()));
        }
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed_and_no_secret() {
        let path = "the path of parameters in Systems Manager, such as /sluice/checks";
        let checks = "a JSON array of checks as the README describes them: ";
        let named = r#"[{"name": "plays", "target": {"kind": "hush"}}]"#;
        for (variables, variable, shown, allowed) in [
            (&[][..], "CHECKS_PATH", "", path),
            (&[("CHECKS_PATH", "checks")], "CHECKS_PATH", "checks", path),
            (&[("CHECKS_PATH", "/a//b")], "CHECKS_PATH", "/a//b", path),
            (&[("CHECKS_PATH", "/a/*")], "CHECKS_PATH", "/a/*", path),
            (&[PATH, ("CHECKS", "[]")], "CHECKS_PATH", PATH.1, "not set where CHECKS is set"),
            (&[("CHECKS", "hush")], "CHECKS", "…", checks),
            (
                &[("CHECKS", named)],
                "CHECKS",
                "…",
                &format!("{checks}check plays: `target.kind` must be redshift, rds, bigquery or o"),
            ),
            (
                &[PATH, ("CHECK_TIMEOUT_SECONDS", "0")],
                "CHECK_TIMEOUT_SECONDS",
                "0",
                "a whole number from 1 to 600",
            ),
            (
                &[PATH, ("REPEAT_HOURS", "169")],
                "REPEAT_HOURS",
                "169",
                "a whole number from 0 to 168",
            ),
            (
                &[PATH, ("GOOGLE_CREDENTIALS_SECRET_ARN", "{\"private_key\":\"hush\"}")],
                "GOOGLE_CREDENTIALS_SECRET_ARN",
                "…",
                "the ARN of a secret of AWS Secrets Manager",
            ),
            (
                &[PATH, ("BIGQUERY_ENDPOINT_URL", "https://ada:hush@a.test")],
                "BIGQUERY_ENDPOINT_URL",
                "…",
                "an http or https URL without user",
            ),
            (&[PATH, ("OPENSEARCH_AUTH", "x")], "OPENSEARCH_AUTH", "x", "sigv4, basic or none"),
            (
                &[PATH, ("DEADLINE_MARGIN_MS", "-1")],
                "DEADLINE_MARGIN_MS",
                "-1",
                "a whole number from 0 to 900000",
            ),
            (&[PATH, ("LOG_LEVEL", "loud")], "LOG_LEVEL", "loud", "error, warn, info, debug or"),
        ] {
            let error = config(variables).unwrap_err().to_string();
            let beginning = format!("{variable} is {shown:?}, but must be {allowed}");
            assert!(error.starts_with(&beginning), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
