//! The function's settings, read from the environment once at start.

use std::time::Duration;

use http::Uri;
use shared::aws::Aws;
use shared::config::{ConfigError, Environment, text_or_file};
use shared::event::{self, Model};
use shared::secrets::{SECRETS_MANAGER, basic};
use shared::sqs::{SQS, parse_queue_url};
use shared::telemetry;
use shared::url::Url;
use tracing::Level;

use crate::series::{BUILT_IN, Series};
use crate::store::{Auth, Scheme, Settings};

/// This function's own variables; with those of times ([`event::TIMESTAMP_VARIABLES`]) and of the
/// logs ([`telemetry::VARIABLES`]) they are all variables that a user sets.
pub const VARIABLES: &[&str] = &[
    "SERIES",
    "TSDB_WRITE_URL",
    "TSDB_AUTH",
    "TSDB_TOKEN",
    "TSDB_USERNAME",
    "TSDB_PASSWORD",
    "TSDB_SECRET_ARN",
    "TSDB_GZIP",
    "WRITE_MAX_LINES",
    "QUARANTINE_QUEUE_URL",
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
    /// Reads readings, and determines which of their times are used.
    pub model: Model,
    /// `SERIES`: the points that readings become.
    pub series: Series,
    /// The URL of the store, and how to sign in.
    pub store: Settings,
    /// `WRITE_MAX_LINES` (5,000): maximum number of lines of a request.
    pub max_lines: usize,
    /// `QUARANTINE_QUEUE_URL`: the queue for readings that can never become points.
    pub quarantine_url: String,
    /// `DEADLINE_MARGIN_MS` (1,000): no request is started with less time left.
    pub deadline_margin: Duration,
    /// How to call AWS.
    pub aws: Aws,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid, or that is required and is missing. It
    /// shows neither secrets nor URLs.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let mut model = event::model_of_times(environment)?;
        let deadline_margin = environment.deadline_margin(1_000)?;
        Ok(Self {
            function_name: environment.function_name("sensor-points")?,
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            series: series(environment, &mut model)?,
            model,
            store: Settings {
                url: write_url(environment)?,
                auth: auth(environment)?,
                gzip: environment.switch("TSDB_GZIP", true)?,
            },
            max_lines: environment.number("WRITE_MAX_LINES", 5_000, 1, 100_000)?,
            quarantine_url: quarantine_url(environment)?,
            deadline_margin,
            aws: Aws::from_environment(environment, &[SQS, SECRETS_MANAGER]),
        })
    }
}

fn series(environment: &Environment, model: &mut Model) -> Result<Series, ConfigError> {
    let value = environment.get("SERIES").unwrap_or(BUILT_IN);
    let series = text_or_file(value).and_then(|json| Series::parse(&json, model));
    series.map_err(|reason| {
        let allowed = "a series in JSON, {\"measurement\":…,\"id\":[…],\"tags\":{…},\"fields\":{…}}, \
                       or @ and the path of a file that holds one";
        ConfigError::new("SERIES", value, format!("{allowed} ({reason})"))
    })
}

/// Hides the value in an error, because it may contain a password.
fn hidden(error: ConfigError) -> ConfigError {
    let value = if error.value.is_empty() { String::new() } else { "…".to_owned() };
    ConfigError { value, ..error }
}

fn write_url(environment: &Environment) -> Result<Uri, ConfigError> {
    let allowed = "the whole URL that takes line protocol, such as \
                   https://influx.example:8086/api/v2/write?org=o&bucket=b, without user and \
                   password before the host, and with no `precision` but ns";
    environment.required("TSDB_WRITE_URL", allowed, parse_write_url).map_err(hidden)
}

/// A URL with a path, and the precision of nanoseconds.
fn parse_write_url(text: &str) -> Option<Uri> {
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    Url::parse(base)?;
    let is_precision = |pair: &&str| pair.split('=').next() == Some("precision");
    let precisions: Vec<_> = query.split('&').filter(is_precision).collect();
    if precisions.iter().any(|pair| *pair != "precision=ns") {
        return None;
    }
    let url = match (precisions.is_empty(), query) {
        (false, _) => text.to_owned(),
        (true, "") => format!("{base}?precision=ns"),
        (true, _) => format!("{text}&precision=ns"),
    };
    let uri: Uri = url.parse().ok()?;
    (uri.path() != "/" && !query.contains('#')).then_some(uri)
}

fn auth(environment: &Environment) -> Result<Auth, ConfigError> {
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let scheme = environment.parse_with("TSDB_AUTH", "token, bearer, basic or none", |text| {
        Some(match text {
            "token" => Some(Scheme::Token),
            "bearer" => Some(Scheme::Bearer),
            "basic" => Some(Scheme::Basic),
            "none" => None,
            _ => return None,
        })
    })?;
    let Some(scheme) = scheme.unwrap_or(Some(Scheme::Token)) else { return Ok(Auth::None) };
    let wrong = |name, allowed| ConfigError::new(name, "…", allowed);
    let given = match scheme {
        Scheme::Token | Scheme::Bearer => get("TSDB_TOKEN").map(|token| {
            scheme.header(token).ok_or_else(|| wrong("TSDB_TOKEN", "a text without line breaks"))
        }),
        Scheme::Basic => get("TSDB_USERNAME").zip(get("TSDB_PASSWORD")).map(|(user, password)| {
            basic(user, password).ok_or_else(|| wrong("TSDB_USERNAME", "a name without a colon"))
        }),
    };
    match (given, get("TSDB_SECRET_ARN")) {
        (Some(header), _) => header.map(Auth::Header),
        (None, Some(arn)) => Ok(Auth::Secret(arn.to_owned(), scheme)),
        (None, None) => {
            let allowed = match scheme {
                Scheme::Basic => {
                    "none, or TSDB_USERNAME and TSDB_PASSWORD or TSDB_SECRET_ARN must be set"
                }
                _ => "none, or TSDB_TOKEN or TSDB_SECRET_ARN must be set",
            };
            let value = environment.get("TSDB_AUTH").unwrap_or("token");
            Err(ConfigError::new("TSDB_AUTH", value, allowed))
        }
    }
}

fn quarantine_url(environment: &Environment) -> Result<String, ConfigError> {
    let allowed = "the URL of a queue, such as \
                   https://sqs.eu-west-1.amazonaws.com/123456789012/quarantine";
    environment.required("QUARANTINE_QUEUE_URL", allowed, parse_queue_url).map_err(hidden)
}

#[cfg(test)]
mod tests;
