//! The function's settings, read from the environment once at start.

use shared::config::{ConfigError, Environment};
use shared::telemetry;
use tracing::Level;

/// This function's own variables: none. Those of the logs and metrics ([`telemetry::VARIABLES`])
/// are all that a user sets.
pub const VARIABLES: &[&str] = &[];

/// All settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// From which level on the function logs.
    pub log_level: Level,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// Where the log groups are: subscriptions do not cross regions.
    pub region: Option<String>,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable with a value that does not parse, or that Lambda
    /// sets and is missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        // Only to say how to run it where Lambda is not: the metrics are of other functions.
        environment.function_name("log-metrics")?;
        let region = environment.get("AWS_REGION").filter(|region| !region.is_empty());
        Ok(Self {
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            region: region.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let lambda =
            [("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"), ("AWS_LAMBDA_FUNCTION_NAME", "logs")];
        Config::from_environment(&lambda.iter().chain(variables).copied().collect())
    }

    #[test]
    fn has_the_documented_defaults() {
        let config = config(&[]).unwrap();
        assert_eq!(config.log_level, Level::INFO);
        assert_eq!(config.metrics_namespace, "Sluice");
        assert_eq!(config.region, None);
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("LOG_LEVEL", "debug"),
            ("METRICS_NAMESPACE", "Team/Music"),
            ("AWS_REGION", "eu-west-1"),
        ])
        .unwrap();
        assert_eq!(config.log_level, Level::DEBUG);
        assert_eq!(config.metrics_namespace, "Team/Music");
        assert_eq!(config.region.as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed() {
        for (variable, value, allowed) in [
            ("LOG_LEVEL", "INFO", "error, warn, info, debug or trace"),
            ("METRICS_NAMESPACE", "", "1 to 255 letters, digits and .-_/#: and spaces"),
        ] {
            let error = config(&[(variable, value)]).unwrap_err().to_string();
            assert_eq!(error, format!("{variable} is {value:?}, but must be {allowed}"));
        }
    }
}
