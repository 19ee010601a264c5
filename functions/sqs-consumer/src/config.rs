//! The function's settings, read from the environment once at start.

use std::time::Duration;

use shared::aws::Aws;
use shared::config::{ConfigError, Environment};
use shared::event::{self, Model};
use shared::metric_rules::MetricRules;
use shared::opensearch::{self, Settings, Writing};
use shared::sqs::{Backoff, parse_queue_url};
use shared::telemetry;
use tracing::Level;

use crate::summary;

/// This function's own variables; with those of OpenSearch ([`opensearch::VARIABLES`] and
/// [`opensearch::WRITING_VARIABLES`]), of the backoff ([`shared::sqs::BACKOFF_VARIABLES`]), of the
/// event model ([`event::VARIABLES`]), of the metrics of documents
/// ([`shared::metric_rules::VARIABLES`]) and of the logs ([`telemetry::VARIABLES`]) they are all
/// variables that a user sets.
pub const VARIABLES: &[&str] = &["DEADLINE_MARGIN_MS", "QUARANTINE_QUEUE_URL", "LARGE_PAYLOADS"];

/// All settings of the function.
#[derive(Debug)]
pub struct Config {
    /// The function's name: a dimension of its metrics.
    pub function_name: String,
    /// Minimum level of the log.
    pub log_level: Level,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// The mapping of inputs to document fields.
    pub model: Model,
    /// `METRIC_RULES` (none): metrics from documents.
    pub metric_rules: MetricRules,
    /// The settings for writing documents.
    pub writing: Writing,
    /// The delay until a failed message is redelivered.
    pub backoff: Backoff,
    /// No work is started with less time left.
    pub deadline_margin: Duration,
    /// `QUARANTINE_QUEUE_URL`: the queue for messages that can never become documents.
    pub quarantine_url: Option<String>,
    /// `LARGE_PAYLOADS`, default `quarantine`: whether bodies that the SQS extended client stored
    /// in S3 are read.
    pub fetch_payloads: bool,
    /// How to call OpenSearch.
    pub opensearch: Settings,
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
        let services = [opensearch::SERVICES, &[shared::sqs::SQS, shared::s3::S3]].concat();
        Ok(Self {
            function_name: environment.function_name("sqs-consumer")?,
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            metric_rules: MetricRules::from_environment(environment, &mut model, &metrics)?,
            model,
            writing: Writing::from_environment(environment)?,
            backoff: Backoff::from_environment(environment)?,
            deadline_margin: environment.deadline_margin(2_000)?,
            quarantine_url: quarantine_url(environment)?,
            fetch_payloads: environment
                .parse_with("LARGE_PAYLOADS", "quarantine or fetch", |text| match text {
                    "quarantine" => Some(false),
                    "fetch" => Some(true),
                    _ => None,
                })?
                .unwrap_or(false),
            opensearch: Settings::from_environment(environment)?,
            aws: Aws::from_environment(environment, &services),
        })
    }
}

fn quarantine_url(environment: &Environment) -> Result<Option<String>, ConfigError> {
    let allowed = "the URL of a queue, such as \
                   https://sqs.eu-west-1.amazonaws.com/123456789012/quarantine";
    environment.parse_with("QUARANTINE_QUEUE_URL", allowed, parse_queue_url)
}

#[cfg(test)]
mod tests {
    use shared::event::DocumentId;
    use shared::opensearch::{IndexPattern, Limits};

    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let lambda = [
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
            ("AWS_LAMBDA_FUNCTION_NAME", "consumer"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9200"),
        ];
        Config::from_environment(&lambda.iter().chain(variables).copied().collect())
    }

    #[test]
    fn has_the_documented_defaults() {
        let config = config(&[]).unwrap();
        assert_eq!(config.function_name, "consumer");
        assert_eq!(config.log_level, Level::INFO);
        assert_eq!(config.metrics_namespace, "Sluice");
        assert_eq!(config.writing.index, IndexPattern::parse("music-events-%Y.%m.%d").unwrap());
        assert_eq!(config.writing.document_id, DocumentId::Event);
        assert_eq!(config.writing.limits, Limits { bytes: 5_242_880, documents: 1_000 });
        assert!(config.writing.gzip);
        assert_eq!(config.backoff, Backoff { base_seconds: 30, max_seconds: 900 });
        assert_eq!(config.deadline_margin, Duration::from_secs(2));
        assert_eq!(config.quarantine_url, None);
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("INDEX", "events-%G-w%V"),
            ("BULK_MAX_BYTES", "1"),
            ("BULK_MAX_DOCS", "100000"),
            ("BULK_GZIP", "off"),
            ("RETRY_BASE_SECONDS", "0"),
            ("RETRY_MAX_SECONDS", "43200"),
            ("DEADLINE_MARGIN_MS", "500"),
            ("QUARANTINE_QUEUE_URL", "http://127.0.0.1:9324/000000000000/quarantine"),
            ("LARGE_PAYLOADS", "fetch"),
            ("DOCUMENT_ID", "none"),
            ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9324"),
        ])
        .unwrap();
        assert_eq!(config.writing.index, IndexPattern::parse("events-%G-w%V").unwrap());
        assert_eq!(config.writing.document_id, DocumentId::None);
        assert_eq!(config.writing.limits, Limits { bytes: 1, documents: 100_000 });
        assert!(!config.writing.gzip);
        assert_eq!(config.backoff, Backoff { base_seconds: 0, max_seconds: 43_200 });
        assert_eq!(config.deadline_margin, Duration::from_millis(500));
        let url = "http://127.0.0.1:9324/000000000000/quarantine";
        assert_eq!(config.quarantine_url.as_deref(), Some(url));
        assert!(config.fetch_payloads);
        assert_eq!(config.aws.endpoint(shared::sqs::SQS), Some("http://127.0.0.1:9324"));
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed() {
        let url = "the URL of a queue, such as https://sqs.eu-west-1.amazonaws.com/123456789012/";
        for (variable, value, allowed) in [
            ("INDEX", "Music-%Y", "the name of an index, of a data stream or an alias, with spec"),
            ("INDEX", "music-%Q", "the name of an index, of a data stream or an alias, with spec"),
            ("BULK_MAX_BYTES", "0", "a whole number from 1 to 104857600"),
            ("BULK_MAX_DOCS", "1e3", "a whole number from 1 to 100000"),
            ("BULK_GZIP", "yes", "on or off"),
            ("RETRY_BASE_SECONDS", "-1", "a whole number from 0 to 43200"),
            ("RETRY_MAX_SECONDS", "43201", "a whole number from 0 to 43200"),
            ("DEADLINE_MARGIN_MS", "2s", "a whole number from 0 to 900000"),
            ("QUARANTINE_QUEUE_URL", "quarantine", url),
            ("QUARANTINE_QUEUE_URL", "", url),
            ("QUARANTINE_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/", url),
            ("LARGE_PAYLOADS", "Fetch", "quarantine or fetch"),
            ("DOCUMENT_ID", "Event", "event, id or none"),
            ("OPENSEARCH_AUTH", "no", "sigv4, basic or none"),
            ("EXTRA_MAX_BYTES", "32001", "a whole number from 0 to 32000"),
            ("DOCUMENT", "raw", "mapped or passthrough"),
            ("LOG_LEVEL", "INFO", "error, warn, info, debug or trace"),
        ] {
            let error = config(&[(variable, value)]).unwrap_err().to_string();
            let expected = format!("{variable} is {value:?}, but must be {allowed}");
            assert!(error.starts_with(&expected), "{error}");
        }
        let error = Config::from_environment(&Environment::default()).unwrap_err();
        assert!(error.to_string().contains("cargo sluice invoke sqs-consumer"), "{error}");
    }
}
