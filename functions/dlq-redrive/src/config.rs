//! The function's settings, read from the environment once at start.

use std::time::Duration;

use shared::aws::Aws;
use shared::config::{ConfigError, Environment};
use shared::opensearch::{self, Settings};
use shared::telemetry;
use tracing::Level;

use crate::queues::Queue;

/// This function's own variables; with those for signing in to OpenSearch
/// ([`opensearch::AUTH_VARIABLES`]) and of the logs ([`telemetry::VARIABLES`]) they are all that
/// a user sets.
pub const VARIABLES: &[&str] =
    &["DLQ_URL", "PARKING_QUEUE_URL", "DEADLINE_MARGIN_MS", "REQUIRE_HEALTHY_ENDPOINT"];

/// All settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// The function's name: the dimension of its metrics.
    pub function_name: String,
    /// From which level on the function logs.
    pub log_level: Level,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// The dead-letter queue of requests that name none.
    pub dlq: Option<Queue>,
    /// Where messages go that were redriven too often.
    pub parking: Option<Queue>,
    /// No work is started when less than this is left.
    pub deadline_margin: Duration,
    /// The OpenSearch that has to be well before messages are moved.
    pub healthy_endpoint: Option<Settings>,
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
        let services = [opensearch::SERVICES, &[shared::sqs::SQS]].concat();
        let margin_ms = environment.number("DEADLINE_MARGIN_MS", 2_000, 0, 900_000)?;
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
            deadline_margin: Duration::from_millis(margin_ms),
            healthy_endpoint: Settings::at(environment, "REQUIRE_HEALTHY_ENDPOINT")?,
            aws: Aws::from_environment(environment, &services),
        })
    }
}

/// The queue whose URL is in a variable, if it is set.
fn queue(environment: &Environment, variable: &str) -> Result<Option<Queue>, ConfigError> {
    let allowed = "the URL of a queue, such as \
                   https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq";
    environment.parse_with(variable, allowed, Queue::parse_url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let lambda = [
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
            ("AWS_LAMBDA_FUNCTION_NAME", "redrive"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ];
        Config::from_environment(&lambda.iter().chain(variables).copied().collect())
    }

    #[test]
    fn has_the_documented_defaults() {
        let config = config(&[]).unwrap();
        assert_eq!(config.function_name, "redrive");
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
        let queue = "the URL of a queue, such as \
                     https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq";
        let url = "a URL such as https://search-music-abc123.eu-west-1.es.amazonaws.com, without \
                   user, password and query";
        for (variable, value, allowed) in [
            ("DLQ_URL", "music-dlq", queue),
            ("DLQ_URL", "", queue),
            ("PARKING_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com", queue),
            ("DEADLINE_MARGIN_MS", "-1", "a whole number from 0 to 900000"),
            ("REQUIRE_HEALTHY_ENDPOINT", "search:9200", url),
            ("LOG_LEVEL", "INFO", "error, warn, info, debug or trace"),
        ] {
            let error = config(&[(variable, value)]).unwrap_err().to_string();
            assert_eq!(error, format!("{variable} is {value:?}, but must be {allowed}"));
        }
        let same = [("DLQ_URL", "http://a/1/dlq"), ("PARKING_QUEUE_URL", "http://b/1/dlq/")];
        let error = config(&same).unwrap_err().to_string();
        let expected = "PARKING_QUEUE_URL is \"http://b/1/dlq/\", but must be another queue than \
                        DLQ_URL";
        assert_eq!(error, expected);
        let auth = [("REQUIRE_HEALTHY_ENDPOINT", "http://a:9200"), ("OPENSEARCH_AUTH", "any")];
        assert_eq!(config(&auth).unwrap_err().variable, "OPENSEARCH_AUTH");
    }

    #[test]
    fn credentials_are_not_shown() {
        let config = config(&[
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("REQUIRE_HEALTHY_ENDPOINT", "http://a:9200"),
            ("OPENSEARCH_AUTH", "basic"),
            ("OPENSEARCH_USERNAME", "ada"),
            ("OPENSEARCH_PASSWORD", "hush"),
        ]);
        assert!(!format!("{:?}", config.unwrap()).contains("hush"));
        let url = config_error("http://ada:hush@a:9200");
        assert!(!url.contains("hush"), "{url}");
    }

    fn config_error(endpoint: &str) -> String {
        config(&[("REQUIRE_HEALTHY_ENDPOINT", endpoint)]).unwrap_err().to_string()
    }
}
