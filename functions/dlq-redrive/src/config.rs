//! The function's settings, read from the environment once at start.

use std::time::Duration;

use shared::aws::Aws;
use shared::config::{ConfigError, Environment};
use shared::opensearch::{self, Settings};
use shared::telemetry;
use tracing::Level;

use crate::queue::Queue;

/// This function's own variables, in addition to [`opensearch::AUTH_VARIABLES`] and
/// [`telemetry::VARIABLES`].
pub const VARIABLES: &[&str] =
    &["DLQ_URL", "PARKING_QUEUE_URL", "DEADLINE_MARGIN_MS", "REQUIRE_HEALTHY_ENDPOINT"];

/// All settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// The function's name: the dimension of its metrics.
    pub function_name: String,
    /// Minimum level of the log.
    pub log_level: Level,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// `DLQ_URL`: the source of requests without one.
    pub dlq: Option<Queue>,
    /// `PARKING_QUEUE_URL`: the queue for messages that were redriven too often.
    pub parking: Option<Queue>,
    /// `DEADLINE_MARGIN_MS` (2,000): no work is started with less time left.
    pub deadline_margin: Duration,
    /// `REQUIRE_HEALTHY_ENDPOINT`: the OpenSearch that must be healthy before messages are moved.
    pub healthy_endpoint: Option<Settings>,
    /// How to call AWS.
    pub aws: Aws,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid, or that Lambda sets and is missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let services = [opensearch::SERVICES, &[shared::sqs::SQS]].concat();
        let deadline_margin = environment.deadline_margin(2_000)?;
        let dlq = queue(environment, "DLQ_URL")?;
        let parking = queue(environment, "PARKING_QUEUE_URL")?;
        if let (Some(dlq), Some(parking)) = (&dlq, &parking)
            && dlq.is(parking)
        {
            let allowed = "another queue than DLQ_URL";
            return Err(ConfigError::new("PARKING_QUEUE_URL", &parking.url, allowed));
        }
        Ok(Self {
            function_name: environment.function_name("dlq-redrive")?,
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            dlq,
            parking,
            deadline_margin,
            healthy_endpoint: Settings::at(environment, "REQUIRE_HEALTHY_ENDPOINT")?,
            aws: Aws::from_environment(environment, &services),
        })
    }
}

fn queue(environment: &Environment, variable: &str) -> Result<Option<Queue>, ConfigError> {
    let allowed = "the URL of a queue, such as \
                   https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq";
    environment.parse_with(variable, allowed, Queue::parse_url)
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
        assert_eq!((config.dlq, config.parking), (None, None));
        assert_eq!(config.deadline_margin, Duration::from_secs(2));
        assert!(config.healthy_endpoint.is_none());
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("DLQ_URL", "http://127.0.0.1:9324/000000000000/music-dlq"),
            ("PARKING_QUEUE_URL", "http://127.0.0.1:9324/000000000000/parking"),
            ("DEADLINE_MARGIN_MS", "500"),
            ("REQUIRE_HEALTHY_ENDPOINT", "http://127.0.0.1:9200"),
            ("OPENSEARCH_AUTH", "none"),
            ("LOG_LEVEL", "debug"),
            ("METRICS_NAMESPACE", "Team/Music"),
            ("AWS_ENDPOINT_URL_SQS", "http://sqs"),
        ])
        .unwrap();
        assert_eq!(config.dlq.unwrap().url, "http://127.0.0.1:9324/000000000000/music-dlq");
        assert_eq!(config.parking.unwrap().url, "http://127.0.0.1:9324/000000000000/parking");
        assert_eq!(config.deadline_margin, Duration::from_millis(500));
        assert!(matches!(config.healthy_endpoint.unwrap().auth, opensearch::Auth::None));
        assert_eq!(config.log_level, Level::DEBUG);
        assert_eq!(config.metrics_namespace, "Team/Music");
        assert_eq!(config.aws.endpoint(shared::sqs::SQS), Some("http://sqs"));
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed() {
        let queue = "the URL of a queue, such as ";
        for (variable, value, allowed) in [
            ("DLQ_URL", "music-dlq", queue),
            ("DLQ_URL", "", queue),
            ("PARKING_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com", queue),
            // The same as DLQ_URL.
            ("PARKING_QUEUE_URL", "http://b/1/dlq/", "another queue than DLQ_URL"),
            ("DEADLINE_MARGIN_MS", "-1", "a whole number from 0 to 900000"),
            ("REQUIRE_HEALTHY_ENDPOINT", "search:9200", "a URL such as "),
            ("OPENSEARCH_AUTH", "any", ""),
            ("LOG_LEVEL", "INFO", "error, warn, info, debug or trace"),
        ] {
            let valid =
                [("DLQ_URL", "http://a/1/dlq"), ("REQUIRE_HEALTHY_ENDPOINT", "http://a:9200")];
            let error = config(&[&valid, &[(variable, value)][..]].concat()).unwrap_err();
            let expected = format!("{variable} is {value:?}, but must be {allowed}");
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let shown = config(&[
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("REQUIRE_HEALTHY_ENDPOINT", "http://a:9200"),
            ("OPENSEARCH_AUTH", "basic"),
            ("OPENSEARCH_USERNAME", "ada"),
            ("OPENSEARCH_PASSWORD", "hush"),
        ]);
        assert!(!format!("{:?}", shown.unwrap()).contains("hush"));
        let url = [("REQUIRE_HEALTHY_ENDPOINT", "http://ada:hush@a:9200")];
        let error = config(&url).unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}
