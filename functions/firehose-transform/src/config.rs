//! The function's settings, read from the environment once at start.

use shared::aws::Aws;
use shared::config::{ConfigError, Environment};
use shared::event::{self, Model};
use shared::telemetry;
use tracing::Level;

use crate::source;

/// This function's own variables; with those of the event model
/// ([`event::VARIABLES`]) and of the logs ([`telemetry::VARIABLES`]) they are all that a user
/// sets.
pub const VARIABLES: &[&str] =
    &["DROP_ACTIONS", "RESPONSE_BUDGET_BYTES", "REINGEST", "MAX_REINGESTS"];

/// The largest answer to a synchronous invocation, in bytes (source: AWS Lambda Developer
/// Guide, "Lambda quotas").
pub const LAMBDA_RESPONSE_BYTES: usize = 6_291_556;

/// All settings of the function.
#[derive(Debug)]
pub struct Config {
    /// The function's name: the dimension of its metrics.
    pub function_name: String,
    /// From which level on the function logs.
    pub log_level: Level,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// Which input becomes which document field.
    pub model: Model,
    /// Records with one of these actions are dropped.
    pub drop_actions: Vec<String>,
    /// The largest answer, in bytes; at most [`LAMBDA_RESPONSE_BYTES`].
    pub response_budget_bytes: usize,
    /// Whether records that do not fit in the answer are put back into their source.
    pub reingest: bool,
    /// How often one record is put back at most.
    pub max_reingests: u32,
    /// How to call AWS.
    pub aws: Aws,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable with a value that does not parse, or that Lambda
    /// sets and is missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let actions = environment.get("DROP_ACTIONS").unwrap_or_default().split(',').map(str::trim);
        Ok(Self {
            function_name: environment.function_name("firehose-transform")?,
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            model: event::model(environment)?,
            drop_actions: actions.filter(|action| !action.is_empty()).map(str::to_owned).collect(),
            response_budget_bytes: environment
                .number("RESPONSE_BUDGET_BYTES", 6_000_000, 1_000, usize::MAX)?
                .min(LAMBDA_RESPONSE_BYTES),
            reingest: environment.switch("REINGEST", true)?,
            max_reingests: environment.number("MAX_REINGESTS", 3, 0, u32::MAX)?,
            aws: Aws::from_environment(environment, &[source::FIREHOSE, source::KINESIS]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let lambda = [
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
            ("AWS_LAMBDA_FUNCTION_NAME", "transform"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ];
        Config::from_environment(&lambda.iter().chain(variables).copied().collect())
    }

    #[test]
    fn has_the_documented_defaults() {
        let config = config(&[]).unwrap();
        assert_eq!(config.function_name, "transform");
        assert_eq!(config.log_level, Level::INFO);
        assert_eq!(config.metrics_namespace, "Sluice");
        assert_eq!(config.drop_actions, [""; 0]);
        assert_eq!(config.response_budget_bytes, 6_000_000);
        assert!(config.reingest);
        assert_eq!(config.max_reingests, 3);
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
        assert_eq!(config.aws.endpoint(source::FIREHOSE), Some("http://all"));
        assert_eq!(config.aws.endpoint(source::KINESIS), Some("http://kinesis"));
    }

    #[test]
    fn no_budget_is_larger_than_lambda_lets_an_answer_be() {
        let config = config(&[("RESPONSE_BUDGET_BYTES", "100000000")]).unwrap();
        assert_eq!(config.response_budget_bytes, LAMBDA_RESPONSE_BYTES);
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed() {
        for (variable, value, allowed) in [
            ("LOG_LEVEL", "INFO", "error, warn, info, debug or trace"),
            ("METRICS_NAMESPACE", "", "1 to 255 letters, digits and .-_/#: and spaces"),
            ("RESPONSE_BUDGET_BYTES", "999", "a whole number from 1000 to 18446744073709551615"),
            ("REINGEST", "true", "on or off"),
            ("MAX_REINGESTS", "-1", "a whole number from 0 to 4294967295"),
            ("EXTRA_MAX_BYTES", "32001", "a whole number from 0 to 32000"),
        ] {
            let error = config(&[(variable, value)]).unwrap_err().to_string();
            assert_eq!(error, format!("{variable} is {value:?}, but must be {allowed}"));
        }
        let error = Config::from_environment(&Environment::default()).unwrap_err();
        assert!(error.to_string().contains("cargo sluice invoke firehose-transform"), "{error}");
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
