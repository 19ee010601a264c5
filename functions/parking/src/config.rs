//! The function's settings, read from the environment once at start.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use shared::aws::Aws;
use shared::aws::query::{EC2, RDS};
use shared::config::{ConfigError, Environment};
use shared::cost::tag_key;
use shared::notice::Publisher;
use shared::telemetry;
use tracing::Level;

use crate::holidays::Holidays;
use crate::schedule::parse_zone;
use crate::schedules::Schedules;

/// This function's own variables, in addition to [`telemetry::VARIABLES`] and
/// [`shared::notice::VARIABLES`].
pub const VARIABLES: &[&str] = &[
    "SCHEDULES",
    "SCHEDULE_TAG",
    "OVERRIDE_TAG",
    "HOLIDAYS",
    "TIME_ZONE",
    "KEEP_HOURS",
    "KINDS",
    "NOTIFY",
    "DRY_RUN",
    "DEADLINE_MARGIN_MS",
];

/// All settings of the function.
#[derive(Debug)]
pub struct Config {
    /// `LOG_LEVEL`, default `info`.
    pub log_level: Level,
    /// `METRICS_NAMESPACE`, default `Sluice`.
    pub(crate) metrics_namespace: String,
    /// `ALERTS_TOPIC_ARN`
    pub(crate) publisher: Publisher,
    /// `DEADLINE_MARGIN_MS`, default 2,000: no work is started in this time before the deadline.
    pub(crate) deadline_margin: Duration,
    /// `KINDS`, default `ec2,rds`
    pub(crate) kinds: Kinds,
    /// `NOTIFY`, default `changes`: whether a notice is published if nothing failed.
    pub(crate) notifies_changes: bool,
    /// `DRY_RUN`, default `off`: nothing is changed.
    pub(crate) is_dry_run: bool,
    pub(crate) rules: Rules,
    /// Region, credentials and endpoints of AWS.
    pub(crate) aws: Aws,
}

/// The services whose machines are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) ec2: bool,
    pub(crate) rds: bool,
}

/// The rules for decisions about machines.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// `SCHEDULE_TAG`, default `sluice:office-hours`
    pub(crate) schedule_tag: String,
    /// `OVERRIDE_TAG`, default `sluice:office-hours-override`
    pub(crate) override_tag: String,
    /// `SCHEDULES`, default none, and `TIME_ZONE`, default `UTC`
    pub(crate) schedules: Schedules,
    /// `HOLIDAYS`, default none
    pub(crate) holidays: Holidays,
    /// `KEEP_HOURS`, default 4: how long a machine that was started outside of its windows is kept
    /// running.
    pub(crate) keep: SignedDuration,
}

impl Config {
    /// Reads the settings. A blank value counts as not set, except for `ALERTS_TOPIC_ARN`.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid or missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        environment.function_name("parking")?;
        let publisher = Publisher::from_environment(environment)?;
        let environment = &environment.clone().without_blanks();
        let deadline_margin = environment.deadline_margin(2_000)?;
        let notify =
            environment.parse_with("NOTIFY", "changes or failures", |text| match text {
                "changes" => Some(true),
                "failures" => Some(false),
                _ => None,
            })?;
        Ok(Self {
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            publisher,
            deadline_margin,
            kinds: kinds(environment)?,
            notifies_changes: notify.unwrap_or(true),
            is_dry_run: environment.switch("DRY_RUN", false)?,
            rules: rules(environment)?,
            aws: Aws::from_environment(environment, &[EC2.service, RDS.service]),
        })
    }
}

fn kinds(environment: &Environment) -> Result<Kinds, ConfigError> {
    let parse = |text: &str| {
        let mut kinds = Kinds { ec2: false, rds: false };
        for kind in text.split(',').map(str::trim) {
            match kind {
                "ec2" => kinds.ec2 = true,
                "rds" => kinds.rds = true,
                _ => return None,
            }
        }
        Some(kinds)
    };
    let kinds = environment.parse_with("KINDS", "ec2, rds, or both with a comma between", parse)?;
    Ok(kinds.unwrap_or(Kinds { ec2: true, rds: true }))
}

fn rules(environment: &Environment) -> Result<Rules, ConfigError> {
    let allowed = "the name of a time zone, such as Asia/Seoul";
    let zone = environment.parse_with("TIME_ZONE", allowed, parse_zone)?;
    let zone = zone.unwrap_or(TimeZone::UTC);
    let text = environment.get("SCHEDULES").unwrap_or("{}");
    let schedules = Schedules::parse(text, zone).map_err(|wrong| {
        let allowed = format!(
            "a JSON object of names and schedules such as `Mon-Fri 09:00-19:00 Asia/Seoul`: {}",
            wrong.problem
        );
        ConfigError::new("SCHEDULES", &wrong.value, allowed)
    })?;
    let allowed = "days such as 2026-12-25, or 12-25 for every year, with commas between";
    let holidays = Holidays::parse(environment.get("HOLIDAYS").unwrap_or_default())
        .map_err(|day| ConfigError::new("HOLIDAYS", &day, allowed))?;
    let schedule_tag = tag_key(environment, "SCHEDULE_TAG", "sluice:office-hours")?;
    let override_tag = tag_key(environment, "OVERRIDE_TAG", "sluice:office-hours-override")?;
    if schedule_tag == override_tag {
        let allowed = "another tag than SCHEDULE_TAG";
        return Err(ConfigError::new("OVERRIDE_TAG", &override_tag, allowed));
    }
    let hours = environment.number("KEEP_HOURS", 4, 0, 168)?;
    Ok(Rules {
        schedule_tag,
        override_tag,
        schedules,
        holidays,
        keep: SignedDuration::from_hours(hours),
    })
}

#[cfg(test)]
mod tests {
    use testkit::LAMBDA;

    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let topic = [("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:alerts")];
        Config::from_environment(&LAMBDA.iter().chain(&topic).chain(variables).copied().collect())
    }

    #[test]
    fn has_the_documented_defaults() {
        for blanks in [&[][..], &[("SCHEDULES", ""), ("HOLIDAYS", " "), ("TIME_ZONE", "")]] {
            let config = config(blanks).unwrap();
            assert_eq!(config.log_level, Level::INFO);
            assert_eq!(config.metrics_namespace, "Sluice");
            assert_eq!(config.deadline_margin, Duration::from_secs(2));
            assert_eq!(config.kinds, Kinds { ec2: true, rds: true });
            assert!(config.notifies_changes && !config.is_dry_run);
            let rules = config.rules;
            assert_eq!(rules.schedule_tag, "sluice:office-hours");
            assert_eq!(rules.override_tag, "sluice:office-hours-override");
            assert_eq!(rules.holidays, Holidays::default());
            assert_eq!(rules.keep, SignedDuration::from_hours(4));
            assert_eq!(rules.schedules.find("never").unwrap().zone_name(), "UTC");
        }
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("SCHEDULES", r#"{"office":"Mon-Fri 09:00-19:00"}"#),
            ("SCHEDULE_TAG", "hours"),
            ("OVERRIDE_TAG", "hours-override"),
            ("HOLIDAYS", "12-25"),
            ("TIME_ZONE", "asia/seoul"),
            ("KEEP_HOURS", "168"),
            ("KINDS", "rds, rds"),
            ("NOTIFY", "failures"),
            ("DRY_RUN", "on"),
            ("DEADLINE_MARGIN_MS", "500"),
            ("AWS_ENDPOINT_URL_EC2", "http://ec2"),
            ("AWS_ENDPOINT_URL_RDS", "http://rds"),
        ])
        .unwrap();
        assert_eq!(config.kinds, Kinds { ec2: false, rds: true });
        assert!(!config.notifies_changes && config.is_dry_run);
        assert_eq!(config.deadline_margin, Duration::from_millis(500));
        let rules = config.rules;
        assert_eq!((&*rules.schedule_tag, &*rules.override_tag), ("hours", "hours-override"));
        assert_eq!(rules.schedules.find("office").unwrap().zone_name(), "Asia/Seoul");
        assert_eq!(rules.holidays, Holidays::parse("12-25").unwrap());
        assert_eq!(rules.keep, SignedDuration::from_hours(168));
        assert_eq!(config.aws.endpoint(EC2.service), Some("http://ec2"));
        assert_eq!(config.aws.endpoint(RDS.service), Some("http://rds"));
    }

    #[test]
    fn errors_name_variable_and_value() {
        let long = "k".repeat(129);
        for (variable, value, shown) in [
            ("SCHEDULES", r#"{"office":"Mon-Fri 9-17"}"#, "Mon-Fri 9-17"),
            ("SCHEDULES", "office", "office"),
            ("HOLIDAYS", "12-25,2026-02-30", "2026-02-30"),
            ("TIME_ZONE", "Asia/Soul", "Asia/Soul"),
            ("KEEP_HOURS", "169", "169"),
            ("KINDS", "ec2,ecs", "ec2,ecs"),
            ("KINDS", "ec2,", "ec2,"),
            ("NOTIFY", "all", "all"),
            ("DRY_RUN", "true", "true"),
            ("DEADLINE_MARGIN_MS", "900001", "900001"),
            ("SCHEDULE_TAG", &long, &long),
            ("OVERRIDE_TAG", "sluice:office-hours", "sluice:office-hours"),
        ] {
            let error = config(&[(variable, value)]).unwrap_err().to_string();
            let expected = format!("{variable} is {shown:?}, but must be ");
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}
