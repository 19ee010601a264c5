//! The function's settings, read from the environment once at start.

use std::time::Duration;

use jiff::tz::TimeZone;
use shared::aws::Aws;
use shared::config::{ConfigError, Environment};
use shared::secrets::SECRETS_MANAGER;
use shared::telemetry;
use tracing::Level;

use crate::aws::{CLOUDWATCH, CLOUDWATCH_LOGS, LAMBDA};
use crate::moment;
use crate::webhook::{self, Webhook};

/// This function's own variables; with those of the logs ([`telemetry::VARIABLES`]) they are all
/// that a user sets.
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
    /// The function's name: the dimension of its metrics.
    pub function_name: String,
    /// From which level on the function logs.
    pub log_level: Level,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// Where messages go.
    pub space: Space,
    /// The team's time zone.
    pub time_zone: TimeZone,
    /// So many error lines are shown at most.
    pub error_lines: usize,
    /// No message is posted when less than this is left.
    pub deadline_margin: Duration,
    /// How to call AWS.
    pub aws: Aws,
}

/// A Google Chat space.
#[derive(Clone, Debug)]
pub enum Space {
    /// `GOOGLE_CHAT_WEBHOOK_URL`
    Webhook(Webhook),
    /// `GOOGLE_CHAT_SECRET_ARN`: the secret whose text is the URL.
    Secret(String),
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable with a value that does not parse, or that is
    /// missing. It never shows a webhook's URL.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let services = [SECRETS_MANAGER, CLOUDWATCH, CLOUDWATCH_LOGS, LAMBDA];
        let margin_ms = environment.number("DEADLINE_MARGIN_MS", 1_000, 0, 900_000)?;
        let allowed = "the IANA name of a time zone, such as Asia/Seoul";
        let named = |name: &str| moment::time_zone(name);
        let time_zone = environment.parse_with("TIME_ZONE", allowed, named)?;
        Ok(Self {
            function_name: environment.function_name("alert-notifier")?,
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            space: Space::from_environment(environment)?,
            time_zone: time_zone.unwrap_or(TimeZone::UTC),
            error_lines: environment.number("ERROR_LINES", 5, 0, 50)?,
            deadline_margin: Duration::from_millis(margin_ms),
            aws: Aws::from_environment(environment, &services),
        })
    }
}

impl Space {
    fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        match (get("GOOGLE_CHAT_WEBHOOK_URL"), get("GOOGLE_CHAT_SECRET_ARN")) {
            (Some(url), _) => Webhook::parse(url)
                .map(Self::Webhook)
                .ok_or_else(|| ConfigError::new("GOOGLE_CHAT_WEBHOOK_URL", "…", webhook::ALLOWED)),
            (None, Some(arn)) => Ok(Self::Secret(arn.to_owned())),
            (None, None) => {
                let allowed = format!(
                    "{}, or else GOOGLE_CHAT_SECRET_ARN must name a secret that holds it",
                    webhook::ALLOWED
                );
                Err(ConfigError::new("GOOGLE_CHAT_WEBHOOK_URL", "", allowed))
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
        let lambda = [
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
            ("AWS_LAMBDA_FUNCTION_NAME", "notifier"),
        ];
        Config::from_environment(&lambda.iter().chain(variables).copied().collect())
    }

    #[test]
    fn has_the_documented_defaults() {
        let config = config(&[URL]).unwrap();
        assert_eq!(config.function_name, "notifier");
        assert_eq!(config.log_level, Level::INFO);
        assert_eq!(config.metrics_namespace, "Sluice");
        assert_eq!(config.time_zone, TimeZone::UTC);
        assert_eq!(config.error_lines, 5);
        assert_eq!(config.deadline_margin, Duration::from_secs(1));
        assert!(matches!(config.space, Space::Webhook(_)));
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
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets"),
        ])
        .unwrap();
        assert!(matches!(config.space, Space::Secret(arn) if arn == "arn:secret"));
        assert_eq!(config.time_zone.iana_name(), Some("Asia/Seoul"));
        assert_eq!(config.error_lines, 0);
        assert_eq!(config.deadline_margin, Duration::from_millis(250));
        assert_eq!(config.log_level, Level::DEBUG);
        assert_eq!(config.metrics_namespace, "Team/Music");
        assert_eq!(config.aws.endpoint(CLOUDWATCH), Some("http://alarms"));
        assert_eq!(config.aws.endpoint(CLOUDWATCH_LOGS), Some("http://logs"));
        assert_eq!(config.aws.endpoint(SECRETS_MANAGER), Some("http://secrets"));
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
            assert!(
                error.starts_with(&format!("{variable} is {shown:?}, but must be ")),
                "{error}"
            );
            assert!(error.contains(allowed), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn the_webhooks_key_is_in_no_debug_output() {
        let config = format!("{:?}", config(&[URL]).unwrap());
        assert!(!config.contains("AIzaKey"), "{config}");
    }
}
