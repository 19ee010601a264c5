//! The function's settings, read from the environment once at start.

use std::time::Duration;

use shared::aws::Aws;
use shared::config::{ConfigError, Environment};
use shared::event::{self, Model};
use shared::metric_rules::MetricRules;
use shared::opensearch::{self, Settings, Writing};
use shared::s3;
use shared::sqs::{self, Backoff};
use shared::telemetry;
use tracing::Level;

use crate::message::Request;
use crate::records::{Format, RecordsPaths};
use crate::report;

/// This function's own variables; with those of OpenSearch ([`opensearch::VARIABLES`] and
/// [`opensearch::WRITING_VARIABLES`]), of the backoff ([`sqs::BACKOFF_VARIABLES`]), of the event
/// model ([`event::VARIABLES`]), of the metrics of documents ([`shared::metric_rules::VARIABLES`])
/// and of the logs ([`telemetry::VARIABLES`]) they are all variables that a user sets.
pub const VARIABLES: &[&str] = &[
    "FORMAT",
    "RECORDS_PATHS",
    "DROP_ACTIONS",
    "FAILURES_BUCKET",
    "FAILURES_PREFIX",
    "CONTINUE_QUEUE_URL",
    "DEADLINE_MARGIN_MS",
];

/// All settings of the function.
#[derive(Debug)]
pub struct Config {
    /// The function's name: the dimension of its metrics.
    pub function_name: String,
    /// Minimum level of the log.
    pub log_level: Level,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// How objects are read.
    pub reading: Reading,
    /// `METRIC_RULES` (none): metrics from documents.
    pub metric_rules: MetricRules,
    /// The settings for writing documents.
    pub writing: Writing,
    /// `FAILURES_BUCKET` and `FAILURES_PREFIX`: where refused records are kept.
    pub failures: Failures,
    /// `CONTINUE_QUEUE_URL`: the queue for load requests for the rest of an object.
    pub continue_queue_url: String,
    /// The delay until a failed message is redelivered.
    pub backoff: Backoff,
    /// `DEADLINE_MARGIN_MS` (10,000): no work is started with less time left.
    pub deadline_margin: Duration,
    /// How to call OpenSearch.
    pub opensearch: Settings,
    /// How to call AWS.
    pub aws: Aws,
}

/// How objects are read.
#[derive(Debug)]
pub struct Reading {
    /// The mapping of inputs to document fields.
    pub model: Model,
    /// `DROP_ACTIONS`: events with one of these actions are dropped.
    pub drop_actions: Vec<String>,
    /// `FORMAT` (`auto`): how an object contains records.
    pub format: Format,
    /// `RECORDS_PATHS` (`Records,logEvents`): where objects contain lists of records.
    pub records_paths: RecordsPaths,
    /// Maximum size of a record, in bytes: 1 MiB.
    pub max_record_bytes: usize,
}

/// Where refused records are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// The bucket.
    pub bucket: String,
    /// The prefix of its keys; ends in a slash.
    pub prefix: String,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid, or that is required and is missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let services = [opensearch::SERVICES, &[sqs::SQS, s3::S3]].concat();
        let mut reading = Reading::from_environment(environment)?;
        Ok(Self {
            function_name: environment.function_name("object-loader")?,
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            metric_rules: MetricRules::from_environment(
                environment,
                &mut reading.model,
                &report::METRICS.map(|(name, _)| name),
            )?,
            reading,
            writing: Writing::from_environment(environment)?,
            failures: Failures::from_environment(environment)?,
            continue_queue_url: continue_queue_url(environment)?,
            backoff: Backoff::from_environment(environment)?,
            deadline_margin: environment.deadline_margin(10_000)?,
            opensearch: Settings::from_environment(environment)?,
            aws: Aws::from_environment(environment, &services),
        })
    }
}

impl Reading {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let paths = "names or two-segment paths, separated by commas";
        let paths = environment.parse_with("RECORDS_PATHS", paths, RecordsPaths::parse)?;
        Ok(Self {
            model: event::model(environment)?,
            drop_actions: event::drop_actions(environment),
            format: environment
                .parse_with("FORMAT", "auto or text", Format::parse)?
                .unwrap_or(Format::Auto),
            records_paths: paths.unwrap_or_default(),
            max_record_bytes: event::MAX_PAYLOAD_BYTES,
        })
    }
}

impl Failures {
    /// Whether a request is for an object that is kept there.
    #[must_use]
    pub fn holds(&self, request: &Request) -> bool {
        request.bucket == self.bucket && request.key.starts_with(&self.prefix)
    }

    fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let is_name = |name: &str| {
            let taken = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte)
            };
            (3..=63).contains(&name.len()) && name.bytes().all(taken)
        };
        let bucket = environment.required("FAILURES_BUCKET", "the name of a bucket", |name| {
            is_name(name).then(|| name.to_owned())
        })?;
        let allowed = "the beginning of keys, which ends in a slash, such as object-loader-failed/";
        let prefix = environment.parse_with("FAILURES_PREFIX", allowed, |prefix| {
            (prefix.ends_with('/') && prefix.len() <= 512).then(|| prefix.to_owned())
        })?;
        Ok(Self { bucket, prefix: prefix.unwrap_or_else(|| "object-loader-failed/".to_owned()) })
    }
}

fn continue_queue_url(environment: &Environment) -> Result<String, ConfigError> {
    let allowed = "the URL of the function's own queue, such as \
                   https://sqs.eu-west-1.amazonaws.com/123456789012/objects";
    environment.required("CONTINUE_QUEUE_URL", allowed, sqs::parse_queue_url)
}

#[cfg(test)]
mod tests {
    use testkit::{FUNCTION_NAME, LAMBDA};

    use super::*;

    const REQUIRED: [(&str, &str); 3] = [
        ("FAILURES_BUCKET", "backup"),
        ("CONTINUE_QUEUE_URL", "http://127.0.0.1:9324/000000000000/objects"),
        ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9200"),
    ];

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = LAMBDA.iter().chain(&REQUIRED).chain(variables);
        Config::from_environment(&variables.copied().collect())
    }

    #[test]
    fn has_the_documented_defaults() {
        let config = config(&[]).unwrap();
        assert_eq!(config.function_name, FUNCTION_NAME);
        assert_eq!(config.reading.format, Format::Auto);
        assert_eq!(config.reading.records_paths, RecordsPaths::parse("Records,logEvents").unwrap());
        assert_eq!(config.reading.drop_actions, [""; 0]);
        let (bucket, prefix) = ("backup".to_owned(), "object-loader-failed/".to_owned());
        assert_eq!(config.failures, Failures { bucket, prefix });
        assert_eq!(config.continue_queue_url, REQUIRED[1].1);
        assert_eq!(config.deadline_margin, Duration::from_secs(10));
        assert_eq!(config.backoff, Backoff { base_seconds: 30, max_seconds: 900 });
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("FORMAT", "text"),
            ("RECORDS_PATHS", "items, detail.rows"),
            ("DROP_ACTIONS", "ping"),
            ("FAILURES_PREFIX", "failed/"),
            ("DEADLINE_MARGIN_MS", "1"),
            ("AWS_ENDPOINT_URL_S3", "http://s3"),
        ])
        .unwrap();
        assert_eq!(config.reading.format, Format::Text);
        assert_eq!(config.reading.records_paths, RecordsPaths::parse("items,detail.rows").unwrap());
        assert_eq!(config.reading.drop_actions, ["ping"]);
        assert_eq!(config.failures.prefix, "failed/");
        assert_eq!(config.deadline_margin, Duration::from_millis(1));
        assert_eq!(config.aws.endpoint(s3::S3), Some("http://s3"));
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed() {
        let queue = "the URL of the function's own queue, such as https://sqs.eu-west-1";
        let prefix = "the beginning of keys, which ends in a slash";
        for (variable, value, allowed) in [
            ("FORMAT", "csv", "auto or text"),
            ("RECORDS_PATHS", "a.b.c", "names or two-segment paths, separated by commas"),
            ("RECORDS_PATHS", "", "names or two-segment paths, separated by commas"),
            ("FAILURES_BUCKET", "My Bucket", "the name of a bucket"),
            ("FAILURES_BUCKET", "", "the name of a bucket"),
            ("FAILURES_PREFIX", "failed", prefix),
            ("CONTINUE_QUEUE_URL", "objects", queue),
            ("DEADLINE_MARGIN_MS", "-1", "a whole number from 0 to 900000"),
        ] {
            let error = config(&[(variable, value)]).unwrap_err().to_string();
            let expected = format!("{variable} is {value:?}, but must be {allowed}");
            assert!(error.starts_with(&expected), "{error}");
        }
        for missing in ["FAILURES_BUCKET", "CONTINUE_QUEUE_URL"] {
            let variables = LAMBDA.iter().chain(&REQUIRED).filter(|(name, _)| *name != missing);
            let error = Config::from_environment(&variables.copied().collect()).unwrap_err();
            assert!(error.to_string().starts_with(missing), "{error}");
        }
    }
}
