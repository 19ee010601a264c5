//! The function's settings, read from the environment once at start.

use std::time::Duration;

use shared::aws::Aws;
use shared::config::{ConfigError, Environment};
use shared::notice::Publisher;
use shared::secrets::{self, ARN_OF_SECRET, SECRETS_MANAGER};
use shared::telemetry;
use shared::url::Url;
use tracing::Level;

/// This function's own variables, in addition to [`telemetry::VARIABLES`] and
/// [`shared::notice::VARIABLES`].
pub const VARIABLES: &[&str] = &[
    "WEBHOOK_SECRET_ARN",
    "PREFECT_API_URL",
    "PREFECT_API_SECRET_ARN",
    "PREFECT_UI_URL",
    "ERROR_LINES",
    "LOGS_WAIT_MS",
    "DEADLINE_MARGIN_MS",
];

/// All settings of the function.
#[derive(Debug)]
pub struct Config {
    /// `AWS_LAMBDA_FUNCTION_NAME`: the dimension of the metrics.
    pub(crate) function_name: String,
    /// `LOG_LEVEL`, default `info`.
    pub log_level: Level,
    /// `METRICS_NAMESPACE`, default `Sluice`.
    pub(crate) metrics_namespace: String,
    /// `ALERTS_TOPIC_ARN`
    pub(crate) publisher: Publisher,
    /// `WEBHOOK_SECRET_ARN`: the ARN of the secret that callers must send.
    pub(crate) webhook_secret_arn: String,
    /// `PREFECT_API_URL`, default none: the API is not used.
    pub(crate) prefect_url: Option<Url>,
    /// `PREFECT_API_SECRET_ARN`, default none: Prefect's API needs no credentials.
    pub(crate) prefect_secret_arn: Option<String>,
    /// `PREFECT_UI_URL`, default derived from the API's: base URL of links.
    pub(crate) ui_url: Option<String>,
    /// `ERROR_LINES`, default 10: maximum records of a run's log.
    pub(crate) error_lines: usize,
    /// `LOGS_WAIT_MS`, default 2,500: how long to wait for a complete log from Prefect's API.
    pub(crate) logs_wait: Duration,
    /// `DEADLINE_MARGIN_MS`, default 1,000: nothing is published in this time before the deadline.
    pub(crate) deadline_margin: Duration,
    /// Region, credentials and endpoints of AWS.
    pub(crate) aws: Aws,
}

impl Config {
    /// Reads the settings. A blank value counts as not set, except for `ALERTS_TOPIC_ARN`.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid or missing. It never contains a
    /// secret, or the value of a variable for a secret's ARN.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let function_name = environment.function_name("pipeline-alerts")?;
        let publisher = Publisher::from_environment(environment)?;
        let environment = &environment.clone().without_blanks();
        let webhook_secret_arn = secrets::arn(environment, "WEBHOOK_SECRET_ARN")?;
        let missing = || ConfigError::new("WEBHOOK_SECRET_ARN", "", ARN_OF_SECRET);
        let allowed = "the http or https URL of Prefect's API, without user, up to and with /api or \
                       /workspaces/ID";
        let prefect_url = url(environment, "PREFECT_API_URL", allowed, is_api)?;
        let allowed = "the http or https URL of Prefect's user interface, without user";
        let ui_url = url(environment, "PREFECT_UI_URL", allowed, |_| true)?;
        let ui_url = ui_url.map(|url| url.as_str().to_owned());
        let deadline_margin = environment.deadline_margin(1_000)?;
        Ok(Self {
            function_name,
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            publisher,
            webhook_secret_arn: webhook_secret_arn.ok_or_else(missing)?,
            ui_url: ui_url.or_else(|| prefect_url.as_ref().map(|url| ui_of(url.as_str()))),
            prefect_url,
            prefect_secret_arn: secrets::arn(environment, "PREFECT_API_SECRET_ARN")?,
            error_lines: environment.number("ERROR_LINES", 10, 0, 50)?,
            logs_wait: Duration::from_millis(environment.number(
                "LOGS_WAIT_MS",
                2_500,
                0,
                10_000,
            )?),
            deadline_margin,
            aws: Aws::from_environment(environment, &[SECRETS_MANAGER]),
        })
    }
}

fn url(
    environment: &Environment,
    name: &str,
    allowed: &str,
    is_allowed: impl Fn(&str) -> bool,
) -> Result<Option<Url>, ConfigError> {
    let parse = |text: &str| Url::parse(text).filter(|url| is_allowed(url.as_str()));
    environment.parse_with(name, allowed, parse).map_err(|error| {
        // A URL with a user usually has a password.
        let shown = if error.value.contains('@') { "…" } else { &error.value };
        ConfigError::new(name, shown, allowed)
    })
}

fn is_api(url: &str) -> bool {
    let mut segments = url.rsplit('/');
    let (last, before) = (segments.next(), segments.next());
    last == Some("api") || before == Some("workspaces") && last != Some("")
}

/// The user interface of the API at this URL (source: Prefect's documentation, "Cloud workspaces"
/// and "Run a local Prefect server").
fn ui_of(api: &str) -> String {
    if let Some((start, workspace)) = api.rsplit_once("/workspaces/")
        && let Some((server, account)) = start.rsplit_once("/api/accounts/")
    {
        let server = server.replacen("://api.", "://app.", 1);
        return format!("{server}/account/{account}/workspace/{workspace}");
    }
    api.strip_suffix("/api").unwrap_or(api).to_owned()
}

#[cfg(test)]
mod tests {
    use testkit::LAMBDA;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webhook-AbCdEf";
    const REQUIRED: [(&str, &str); 2] = [
        ("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:alerts"),
        ("WEBHOOK_SECRET_ARN", ARN),
    ];

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let all = LAMBDA.iter().chain(&REQUIRED).chain(variables).copied();
        Config::from_environment(&all.collect())
    }

    #[test]
    fn has_the_documented_defaults_also_for_blank_values() {
        let blank: Vec<_> = VARIABLES[1..].iter().map(|name| (*name, " ")).collect();
        let more = [("LOG_LEVEL", ""), ("METRICS_NAMESPACE", "")];
        for variables in [&[][..], &[&blank[..], &more].concat()] {
            let config = config(variables).unwrap();
            assert_eq!(config.function_name, testkit::FUNCTION_NAME);
            assert_eq!(config.log_level, Level::INFO);
            assert_eq!(config.metrics_namespace, "Sluice");
            assert_eq!(config.webhook_secret_arn, ARN);
            assert_eq!((config.prefect_url, config.prefect_secret_arn), (None, None));
            assert_eq!((config.ui_url, config.error_lines), (None, 10));
            assert_eq!(config.logs_wait, Duration::from_millis(2_500));
            assert_eq!(config.deadline_margin, Duration::from_secs(1));
        }
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("PREFECT_API_URL", "http://prefect.internal:4200/api/"),
            ("PREFECT_API_SECRET_ARN", ARN),
            ("PREFECT_UI_URL", "https://prefect.test/"),
            ("ERROR_LINES", "0"),
            ("LOGS_WAIT_MS", "0"),
            ("DEADLINE_MARGIN_MS", "250"),
            ("LOG_LEVEL", "debug"),
            ("METRICS_NAMESPACE", "Team/Music"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets"),
        ])
        .unwrap();
        assert_eq!(config.prefect_url.unwrap().as_str(), "http://prefect.internal:4200/api");
        assert_eq!(config.prefect_secret_arn.as_deref(), Some(ARN));
        assert_eq!(config.ui_url.as_deref(), Some("https://prefect.test"));
        assert_eq!((config.error_lines, config.logs_wait), (0, Duration::ZERO));
        assert_eq!(config.deadline_margin, Duration::from_millis(250));
        assert_eq!((config.log_level, &*config.metrics_namespace), (Level::DEBUG, "Team/Music"));
        assert_eq!(config.aws.endpoint(SECRETS_MANAGER), Some("http://secrets"));
    }

    #[test]
    fn the_user_interface_is_derived_from_the_api() {
        for (api, ui) in [
            ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200"),
            ("https://prefect.test/tools/api", "https://prefect.test/tools"),
            (
                "https://api.prefect.cloud/api/accounts/a1/workspaces/w2",
                "https://app.prefect.cloud/account/a1/workspace/w2",
            ),
        ] {
            let config = config(&[("PREFECT_API_URL", api)]).unwrap();
            assert_eq!(config.ui_url.as_deref(), Some(ui));
        }
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed_and_no_secret() {
        let api = "the http or https URL of Prefect's API";
        for (variable, value, shown, allowed) in [
            ("ALERTS_TOPIC_ARN", "alerts", "alerts", "the ARN of an SNS topic"),
            ("WEBHOOK_SECRET_ARN", " ", "", ARN_OF_SECRET),
            ("WEBHOOK_SECRET_ARN", "hush-hush-hush-hush", "…", ARN_OF_SECRET),
            ("WEBHOOK_SECRET_ARN", "arn:aws:ssm:eu-west-1:1:hush", "…", ARN_OF_SECRET),
            ("PREFECT_API_SECRET_ARN", "ada:hush", "…", ARN_OF_SECRET),
            ("PREFECT_API_URL", "prefect.test/api", "prefect.test/api", api),
            ("PREFECT_API_URL", "https://prefect.test", "https://prefect.test", api),
            ("PREFECT_API_URL", "https://ada:hush@prefect.test/api", "…", api),
            ("PREFECT_API_URL", "https://a.test/workspaces/", "https://a.test/workspaces/", api),
            (
                "PREFECT_UI_URL",
                "ftp://a.test",
                "ftp://a.test",
                "the http or https URL of Prefect's",
            ),
            ("ERROR_LINES", "51", "51", "a whole number from 0 to 50"),
            ("LOGS_WAIT_MS", "10001", "10001", "a whole number from 0 to 10000"),
            ("DEADLINE_MARGIN_MS", "1.5", "1.5", "a whole number from 0 to 900000"),
            ("LOG_LEVEL", "INFO", "INFO", "error, warn, info, debug or trace"),
        ] {
            let error = config(&[(variable, value)]).unwrap_err().to_string();
            let beginning = format!("{variable} is {shown:?}, but must be {allowed}");
            assert!(error.starts_with(&beginning), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
        for missing in 0..2 {
            let rest = LAMBDA.iter().chain([&REQUIRED[1 - missing]]).copied();
            let error = Config::from_environment(&rest.collect()).unwrap_err();
            assert_eq!(error.variable, REQUIRED[missing].0);
        }
    }
}
