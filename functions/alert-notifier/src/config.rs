//! The function's settings.

use std::time::Duration;

use jiff::tz::TimeZone;
use shared::aws::Aws;
use shared::config::{ConfigError, Environment};
use shared::secrets::SECRETS_MANAGER;
use shared::telemetry;
use tracing::Level;

use crate::aws::{CLOUDWATCH, CLOUDWATCH_LOGS, LAMBDA};
use crate::webhook::{ALLOWED, Webhook};

/// Variables of this function, in addition to those of the logs ([`telemetry::VARIABLES`]).
pub const VARIABLES: &[&str] = &[
    "GOOGLE_CHAT_WEBHOOK_URL",
    "GOOGLE_CHAT_SECRET_ARN",
    "TIME_ZONE",
    "ERROR_LINES",
    "DEADLINE_MARGIN_MS",
];

/// All settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// `AWS_LAMBDA_FUNCTION_NAME`: the dimension of the metrics.
    pub(crate) function_name: String,
    /// `LOG_LEVEL`, default `info`.
    pub log_level: Level,
    /// `METRICS_NAMESPACE`, default `Sluice`.
    pub(crate) metrics_namespace: String,
    pub(crate) space: Space,
    /// `TIME_ZONE`, default `UTC`.
    pub(crate) time_zone: TimeZone,
    /// `ERROR_LINES`, default 5: maximum number of error lines in a card.
    pub(crate) error_lines: usize,
    /// `DEADLINE_MARGIN_MS`, default 1,000: no message is posted in this time before the deadline.
    pub(crate) deadline_margin: Duration,
    /// Region, credentials and endpoints of AWS.
    pub aws: Aws,
}

/// The source of the webhook's URL.
#[derive(Clone, Debug)]
pub(crate) enum Space {
    /// `GOOGLE_CHAT_WEBHOOK_URL`
    Webhook(Webhook),
    /// `GOOGLE_CHAT_SECRET_ARN`: the ARN of the secret with the URL.
    Secret(String),
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid or missing. It never contains a
    /// webhook's URL.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let services = [SECRETS_MANAGER, CLOUDWATCH, CLOUDWATCH_LOGS, LAMBDA];
        let deadline_margin = environment.deadline_margin(1_000)?;
        let allowed = "the IANA name of a time zone, such as Asia/Seoul";
        let named = |name: &str| TimeZone::get(name).ok();
        let time_zone = environment.parse_with("TIME_ZONE", allowed, named)?;
        Ok(Self {
            function_name: environment.function_name("alert-notifier")?,
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            space: Space::from_environment(environment)?,
            time_zone: time_zone.unwrap_or(TimeZone::UTC),
            error_lines: environment.number("ERROR_LINES", 5, 0, 50)?,
            deadline_margin,
            aws: Aws::from_environment(environment, &services),
        })
    }
}

impl Space {
    fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let invalid =
            |value, allowed: &str| ConfigError::new("GOOGLE_CHAT_WEBHOOK_URL", value, allowed);
        match (get("GOOGLE_CHAT_WEBHOOK_URL"), get("GOOGLE_CHAT_SECRET_ARN")) {
            (Some(url), _) => {
                Webhook::parse(url).map(Self::Webhook).ok_or_else(|| invalid("…", ALLOWED))
            }
            (None, Some(arn)) => Ok(Self::Secret(arn.to_owned())),
            (None, None) => {
                let or = "or else GOOGLE_CHAT_SECRET_ARN must name a secret that holds it";
                Err(invalid("", &format!("{ALLOWED}, {or}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: (&str, &str) =
        ("GOOGLE_CHAT_WEBHOOK_URL", "https://chat.googleapis.com/v1/spaces/A/messages?key=AIzaKey");

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_environment(&testkit::LAMBDA.iter().chain(variables).copied().collect())
    }

    #[test]
    fn defaults() {
        let config = config(&[URL]).unwrap();
        assert_eq!(config.function_name, testkit::FUNCTION_NAME);
        assert_eq!(config.log_level, Level::INFO);
        assert_eq!(config.metrics_namespace, "Sluice");
        assert_eq!(config.time_zone, TimeZone::UTC);
        assert_eq!(config.error_lines, 5);
        assert_eq!(config.deadline_margin, Duration::from_secs(1));
        assert!(matches!(config.space, Space::Webhook(_)));
        let shown = format!("{config:?}");
        assert!(!shown.contains("AIzaKey"), "{shown}");
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("GOOGLE_CHAT_SECRET_ARN", "arn:secret"),
            ("GOOGLE_CHAT_WEBHOOK_URL", ""),
            ("TIME_ZONE", "Asia/Seoul"),
            ("ERROR_LINES", "0"),
            ("DEADLINE_MARGIN_MS", "250"),
            ("LOG_LEVEL", "debug"),
            ("METRICS_NAMESPACE", "Team/Music"),
            ("AWS_ENDPOINT_URL_CLOUDWATCH", "http://alarms"),
            ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://logs"),
            ("AWS_ENDPOINT_URL_LAMBDA", "http://lambda"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets"),
        ])
        .unwrap();
        assert!(matches!(config.space, Space::Secret(arn) if arn == "arn:secret"));
        assert_eq!(config.time_zone.iana_name(), Some("Asia/Seoul"));
        assert_eq!(config.error_lines, 0);
        assert_eq!(config.deadline_margin, Duration::from_millis(250));
        assert_eq!(config.log_level, Level::DEBUG);
        assert_eq!(config.metrics_namespace, "Team/Music");
        for (service, endpoint) in [
            (CLOUDWATCH, "http://alarms"),
            (CLOUDWATCH_LOGS, "http://logs"),
            (LAMBDA, "http://lambda"),
            (SECRETS_MANAGER, "http://secrets"),
        ] {
            assert_eq!(config.aws.endpoint(service), Some(endpoint));
        }
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed() {
        for (variable, value, shown, allowed) in [
            ("GOOGLE_CHAT_WEBHOOK_URL", "chat/hush", "…", "the URL of a Google Chat webhook"),
            ("GOOGLE_CHAT_WEBHOOK_URL", "http://a/hush", "…", "the URL of a Google Chat webhook"),
            ("GOOGLE_CHAT_WEBHOOK_URL", "", "", "GOOGLE_CHAT_SECRET_ARN must name a secret"),
            ("TIME_ZONE", "KST9", "KST9", "the IANA name of a time zone, such as Asia/Seoul"),
            ("TIME_ZONE", "", "", "the IANA name of a time zone"),
            ("ERROR_LINES", "51", "51", "a whole number from 0 to 50"),
            ("DEADLINE_MARGIN_MS", "x", "x", "a whole number from 0 to 900000"),
            ("LOG_LEVEL", "INFO", "INFO", "error, warn, info, debug or trace"),
        ] {
            let error = config(&[URL, (variable, value)]).unwrap_err().to_string();
            let beginning = format!("{variable} is {shown:?}, but must be ");
            assert!(error.starts_with(&beginning) && error.contains(allowed), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
