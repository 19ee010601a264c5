//! The function's settings, read from the environment once at start.

use shared::config::{ConfigError, Environment};
use shared::telemetry;
use tracing::Level;

/// This function has only the variables of [`telemetry::VARIABLES`].
pub const VARIABLES: &[&str] = &[];

/// All settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// Minimum level of the log.
    pub log_level: Level,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// The region of the log groups: subscriptions do not cross regions.
    pub region: Option<String>,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid, or that Lambda sets and is missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        // Only for the error outside of Lambda: the metrics are those of other functions.
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
    use testkit::LAMBDA;

    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_environment(&LAMBDA.iter().chain(variables).copied().collect())
    }

    #[test]
    fn reads_every_variable() {
        let variables =
            [("LOG_LEVEL", "debug"), ("METRICS_NAMESPACE", "Team/Music"), ("AWS_REGION", "r")];
        for (variables, level, namespace, region) in [
            (&[][..], Level::INFO, "Sluice", None),
            (&variables, Level::DEBUG, "Team/Music", Some("r")),
        ] {
            let config = config(variables).unwrap();
            assert_eq!((config.log_level, &*config.metrics_namespace), (level, namespace));
            assert_eq!(config.region.as_deref(), region);
        }
    }
}
