//! The function's settings, read from the environment once at start.

use shared::aws::Aws;
use shared::config::{ConfigError, Environment};
use shared::event::{self, Model};
use shared::metric_rules::MetricRules;
use shared::telemetry;
use tracing::Level;

use crate::source;
use crate::summary;

/// This function's own variables, in addition to [`event::VARIABLES`],
/// [`metric_rules::VARIABLES`](shared::metric_rules::VARIABLES) and [`telemetry::VARIABLES`].
pub const VARIABLES: &[&str] =
    &["DROP_ACTIONS", "RESPONSE_BUDGET_BYTES", "REINGEST", "MAX_REINGESTS", "SPLIT"];

/// Maximum size of the answer to a synchronous invocation (source: AWS Lambda Developer Guide,
/// "Lambda quotas").
pub const LAMBDA_RESPONSE_BYTES: usize = 6_291_556;

/// All settings of the function.
#[derive(Debug)]
pub struct Config {
    /// The function's name: the dimension of its metrics.
    pub function_name: String,
    /// Minimum level of the log.
    pub log_level: Level,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// The mapping of inputs to document fields.
    pub model: Model,
    /// `METRIC_RULES` (none): metrics from documents.
    pub metric_rules: MetricRules,
    /// `DROP_ACTIONS`: records with one of these actions are dropped.
    pub drop_actions: Vec<String>,
    /// `RESPONSE_BUDGET_BYTES` (6,000,000): maximum size of the answer, at most
    /// [`LAMBDA_RESPONSE_BYTES`].
    pub response_budget_bytes: usize,
    /// `REINGEST` (on): whether records that do not fit in the answer are put back.
    pub reingest: bool,
    /// `MAX_REINGESTS` (3): maximum number of times that a record is put back.
    pub max_reingests: u32,
    /// `SPLIT` (off): whether a record may be compressed and contain several events.
    pub split: bool,
    /// `AWS_LAMBDA_LOG_GROUP_NAME` (`/aws/lambda/` and the function's name): log events of this group
    /// are dropped.
    pub log_group: String,
    /// How to call AWS.
    pub aws: Aws,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid, or that Lambda sets and is missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let mut model = event::model(environment)?;
        let metrics = summary::METRICS.map(|(name, _)| name);
        let function_name = environment.function_name("firehose-transform")?;
        let log_group = environment.get("AWS_LAMBDA_LOG_GROUP_NAME").map(str::to_owned);
        Ok(Self {
            log_group: log_group.unwrap_or_else(|| format!("/aws/lambda/{function_name}")),
            function_name,
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            metric_rules: MetricRules::from_environment(environment, &mut model, &metrics)?,
            model,
            drop_actions: event::drop_actions(environment),
            response_budget_bytes: environment
                .number("RESPONSE_BUDGET_BYTES", 6_000_000, 1_000, usize::MAX)?
                .min(LAMBDA_RESPONSE_BYTES),
            reingest: environment.switch("REINGEST", true)?,
            max_reingests: environment.number("MAX_REINGESTS", 3, 0, u32::MAX)?,
            split: environment.switch("SPLIT", false)?,
            aws: Aws::from_environment(environment, &[source::FIREHOSE, source::KINESIS]),
        })
    }
}

#[cfg(test)]
mod tests {
    use testkit::{FUNCTION_NAME, LAMBDA};

    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_environment(&LAMBDA.iter().chain(variables).copied().collect())
    }

    #[test]
    fn has_the_documented_defaults() {
        let config = config(&[]).unwrap();
        assert_eq!(config.function_name, FUNCTION_NAME);
        assert_eq!(config.log_level, Level::INFO);
        assert_eq!(config.metrics_namespace, "Sluice");
        assert_eq!(config.drop_actions, [""; 0]);
        assert_eq!(config.response_budget_bytes, 6_000_000);
        assert!(config.reingest);
        assert_eq!(config.max_reingests, 3);
        assert!(!config.split);
        assert_eq!(config.log_group, format!("/aws/lambda/{FUNCTION_NAME}"));
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("LOG_LEVEL", "debug"),
            ("METRICS_NAMESPACE", "Team/Music"),
            ("DROP_ACTIONS", "ping, heart beat,,"),
            ("RESPONSE_BUDGET_BYTES", "1000"),
            ("REINGEST", "off"),
            ("MAX_REINGESTS", "0"),
            ("SPLIT", "on"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/own"),
            ("AWS_ENDPOINT_URL", "http://all"),
            ("AWS_ENDPOINT_URL_KINESIS", "http://kinesis"),
        ])
        .unwrap();
        assert_eq!(config.log_level, Level::DEBUG);
        assert_eq!(config.metrics_namespace, "Team/Music");
        assert_eq!(config.drop_actions, ["ping", "heart beat"]);
        assert_eq!(config.response_budget_bytes, 1_000);
        assert!(!config.reingest);
        assert_eq!(config.max_reingests, 0);
        assert!(config.split);
        assert_eq!(config.log_group, "/own");
        assert_eq!(config.aws.endpoint(source::FIREHOSE), Some("http://all"));
        assert_eq!(config.aws.endpoint(source::KINESIS), Some("http://kinesis"));
    }

    #[test]
    fn the_budget_is_at_most_the_limit_of_lambda() {
        let config = config(&[("RESPONSE_BUDGET_BYTES", "100000000")]).unwrap();
        assert_eq!(config.response_budget_bytes, LAMBDA_RESPONSE_BYTES);
    }

    #[test]
    fn credentials_are_not_shown() {
        let config = config(&[
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("AWS_SESSION_TOKEN", "hush"),
        ]);
        assert!(!format!("{:?}", config.unwrap()).contains("hush"));
    }
}
