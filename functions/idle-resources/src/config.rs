//! The function's settings, read from the environment once at start.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::aws::Aws;
use shared::aws::query::{EC2, ELASTIC_LOAD_BALANCING_V2, RDS};
use shared::config::{ConfigError, Environment};
use shared::cost::{Keep, Prices, tag_key};
use shared::notice::Publisher;
use shared::s3::S3;
use shared::telemetry;
use tracing::Level;

use crate::kind::Kind;
use crate::region::{CLOUDWATCH, LOGS};
use crate::rules::Rules;

/// This function's own variables, in addition to [`telemetry::VARIABLES`],
/// [`shared::notice::VARIABLES`] and [`shared::cost::VARIABLES`].
pub const VARIABLES: &[&str] = &[
    "KINDS",
    "REGIONS",
    "MIN_AGE_DAYS",
    "IDLE_DAYS",
    "STOPPED_DAYS",
    "SNAPSHOT_DAYS",
    "OBJECT_DAYS",
    "S3_LIST_REQUESTS",
    "MIN_USD",
    "LINES",
    "ACTION",
    "REMOVE_TAG",
    "GRACE_DAYS",
    "MAX_REMOVALS",
    "SCHEDULE_TAG",
    "DEADLINE_MARGIN_MS",
];

/// More than a century.
const MAX_DAYS: i64 = 36_500;

/// The action on idle volumes and addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// They are reported.
    Report,
    /// They also get a tag with the day.
    Mark,
    /// Those that have had it for long enough, and have the tag that allows it, are also removed.
    Remove,
}

/// All settings of the function.
#[derive(Debug)]
pub struct Config {
    /// `LOG_LEVEL`, default `info`.
    pub log_level: Level,
    /// `METRICS_NAMESPACE`, default `Sluice`.
    pub(crate) metrics_namespace: String,
    /// `ALERTS_TOPIC_ARN`
    pub(crate) publisher: Publisher,
    /// `KINDS`, default all.
    pub(crate) kinds: BTreeSet<Kind>,
    /// `REGIONS`, default the function's own.
    pub(crate) regions: BTreeSet<String>,
    /// The function's own region, in which buckets are scanned.
    pub(crate) own_region: String,
    /// The rules for idle resources, costs and exceptions.
    pub(crate) rules: Rules,
    /// `S3_LIST_REQUESTS`, default 100: maximum list requests to S3 in a run.
    pub(crate) s3_list_requests: u32,
    /// `LINES`, default 40: maximum number of findings in the notice.
    pub(crate) lines: usize,
    /// `ACTION`, default `report`.
    pub(crate) action: Action,
    /// `REMOVE_TAG`, default `sluice:remove-if-idle`: `true` allows a removal.
    pub(crate) remove_tag: String,
    /// `GRACE_DAYS`, default 14: days from the mark to the removal.
    pub(crate) grace_days: i64,
    /// `MAX_REMOVALS`, default 10: maximum number of removals in a run.
    pub(crate) max_removals: usize,
    /// `DEADLINE_MARGIN_MS`, default 2,000: no work is started in this time before the deadline.
    pub(crate) deadline_margin: Duration,
    /// Credentials and endpoints of AWS.
    pub(crate) aws: Aws,
}

impl Config {
    /// Reads the settings. A blank value counts as not set, except for `ALERTS_TOPIC_ARN`.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid or missing.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        environment.function_name("idle-resources")?;
        let publisher = Publisher::from_environment(environment)?;
        let environment = &environment.clone().without_blanks();
        let services = [EC2.service, RDS.service, ELASTIC_LOAD_BALANCING_V2.service];
        let services = [&services[..], &[CLOUDWATCH, LOGS, S3]].concat();
        let aws = Aws::from_environment(environment, &services);
        let own_region = aws.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
        let names = Kind::ALL.map(Kind::name).join(", ");
        let allowed = format!("* or names separated by commas, of {names}");
        let kinds = environment.parse_with("KINDS", &allowed, Kind::parse_all)?;
        let allowed = "names of regions separated by commas, such as eu-west-1,us-east-1";
        let regions = environment.parse_with("REGIONS", allowed, regions)?;
        let deadline_margin = environment.deadline_margin(2_000)?;
        Ok(Self {
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            action: action(environment, &publisher)?,
            publisher,
            kinds: kinds.unwrap_or_else(|| Kind::ALL.into()),
            regions: regions.unwrap_or_else(|| BTreeSet::from([own_region.clone()])),
            own_region,
            rules: rules(environment)?,
            s3_list_requests: environment.number("S3_LIST_REQUESTS", 100, 0, 100_000)?,
            lines: environment.number("LINES", 40, 0, 1_000)?,
            remove_tag: tag_key(environment, "REMOVE_TAG", "sluice:remove-if-idle")?,
            grace_days: environment.number("GRACE_DAYS", 14, 1, 365)?,
            max_removals: environment.number("MAX_REMOVALS", 10, 0, 100)?,
            deadline_margin,
            aws,
        })
    }
}

fn rules(environment: &Environment) -> Result<Rules, ConfigError> {
    let days = |name, default| environment.number(name, default, 0, MAX_DAYS);
    let min_usd = environment.parse_with("MIN_USD", "a number from 0", |text| {
        text.parse::<f64>().ok().filter(|usd| usd.is_finite() && *usd >= 0.0)
    })?;
    Ok(Rules {
        min_age_days: days("MIN_AGE_DAYS", 7)?,
        // CloudWatch keeps five-minute values for 63 days.
        idle_days: environment.number("IDLE_DAYS", 14, 1, 60)?,
        stopped_days: days("STOPPED_DAYS", 30)?,
        snapshot_days: days("SNAPSHOT_DAYS", 180)?,
        object_days: days("OBJECT_DAYS", 180)?,
        min_usd: min_usd.unwrap_or(0.10),
        prices: Prices::from_environment(environment)?,
        keep: Keep::from_environment(environment)?,
        schedule_tag: tag_key(environment, "SCHEDULE_TAG", "sluice:office-hours")?,
    })
}

fn action(environment: &Environment, publisher: &Publisher) -> Result<Action, ConfigError> {
    let action = environment.parse_with("ACTION", "report, mark or remove", |text| match text {
        "report" => Some(Action::Report),
        "mark" => Some(Action::Mark),
        "remove" => Some(Action::Remove),
        _ => None,
    })?;
    let action = action.unwrap_or(Action::Report);
    if action > Action::Report && !publisher.has_topic() {
        let value = environment.get("ACTION").unwrap_or_default();
        let allowed = "report while ALERTS_TOPIC_ARN is empty: nobody would be notified";
        return Err(ConfigError::new("ACTION", value, allowed));
    }
    Ok(action)
}

fn regions(text: &str) -> Option<BTreeSet<String>> {
    let is_region = |name: &str| {
        let parts: Vec<_> = name.split('-').collect();
        let is_word =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
        let Some((number, words)) = parts.split_last() else { return false };
        words.len() >= 2
            && words.iter().all(is_word)
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let names = text.split(',').map(str::trim);
    names.map(|name| is_region(name).then(|| name.to_owned())).collect()
}

#[cfg(test)]
mod tests;
