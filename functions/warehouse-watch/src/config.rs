//! The function's settings, read from the environment once at start.

use std::time::Duration;

use jiff::SignedDuration;
use shared::aws::{Aws, Service};
use shared::cloudwatch::CLOUDWATCH;
use shared::config::{ConfigError, Environment};
use shared::google::BigQuery;
use shared::notice::Publisher;
use shared::redshift::{Database, Identity, REDSHIFT_DATA, Warehouse};
use shared::secrets::{self, ARN_OF_SECRET, SECRETS_MANAGER};
use shared::telemetry;
use shared::url::Url;
use tracing::Level;

use crate::bigquery::Price;
use crate::redshift::{LockRule, Rule};

/// This function's own variables, in addition to [`telemetry::VARIABLES`] and
/// [`shared::notice::VARIABLES`].
pub const VARIABLES: &[&str] = &[
    "REDSHIFT_CLUSTER",
    "REDSHIFT_WORKGROUP",
    "REDSHIFT_DATABASE",
    "REDSHIFT_SECRET_ARN",
    "REDSHIFT_DB_USER",
    "LONG_QUERY_SECONDS",
    "LOCK_SECONDS",
    "REPEAT_HOURS",
    "IGNORED_USERS",
    "BIGQUERY_PROJECTS",
    "GOOGLE_CREDENTIALS_SECRET_ARN",
    "BIGQUERY_ENDPOINT_URL",
    "BIGQUERY_USD_PER_TIB",
    "BIGQUERY_ALERT_USD",
    "BIGQUERY_MAX_USERS",
    "POLL_SECONDS",
    "DEADLINE_MARGIN_MS",
];

const SERVICES: [Service; 3] = [CLOUDWATCH, REDSHIFT_DATA, SECRETS_MANAGER];

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
    /// The warehouse, if one is watched.
    pub(crate) redshift: Option<RedshiftConfig>,
    /// The projects, if any are watched.
    pub(crate) bigquery: Option<BigQueryConfig>,
    /// `POLL_SECONDS`, default 300: the period of the schedule.
    pub(crate) poll_seconds: i64,
    /// `DEADLINE_MARGIN_MS`, default 1,000: nothing is published in this time before the deadline.
    pub(crate) deadline_margin: Duration,
    /// Region, credentials and endpoints of AWS.
    pub(crate) aws: Aws,
}

/// The settings for Redshift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedshiftConfig {
    /// `REDSHIFT_CLUSTER` or `REDSHIFT_WORKGROUP`; `REDSHIFT_DATABASE`, default `dev`;
    /// `REDSHIFT_SECRET_ARN`, `REDSHIFT_DB_USER` or the role's own identity.
    pub(crate) database: Database,
    /// `LONG_QUERY_SECONDS`, default 3,600; `REPEAT_HOURS`, default 6, 0 is never; `IGNORED_USERS`,
    /// default none.
    pub(crate) long_queries: Rule,
    /// `LOCK_SECONDS`, default 300, and `REPEAT_HOURS`.
    pub(crate) locks: LockRule,
}

/// The settings for BigQuery.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BigQueryConfig {
    /// `BIGQUERY_PROJECTS`
    pub(crate) projects: Vec<String>,
    /// `GOOGLE_CREDENTIALS_SECRET_ARN`
    pub(crate) secret_arn: String,
    /// `BIGQUERY_ENDPOINT_URL`, default Google's.
    pub(crate) endpoint: Url,
    /// `BIGQUERY_USD_PER_TIB`, default 6.25.
    pub(crate) price: Price,
    /// `BIGQUERY_ALERT_USD`, default 5: a query that costs more is notified.
    pub(crate) alert_usd: f64,
    /// `BIGQUERY_MAX_USERS`, default 20: maximum number of users with a separate metric.
    pub(crate) max_users: usize,
}

impl Config {
    /// Reads the settings. A blank value counts as not set, except for `ALERTS_TOPIC_ARN`.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid or missing. It never contains the
    /// value of a variable for a secret's ARN.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let function_name = environment.function_name("warehouse-watch")?;
        let publisher = Publisher::from_environment(environment)?;
        let environment = &environment.clone().without_blanks();
        let (redshift, bigquery) = (redshift(environment)?, bigquery(environment)?);
        if redshift.is_none() && bigquery.is_none() {
            let allowed = "set, or REDSHIFT_WORKGROUP, or BIGQUERY_PROJECTS: nothing is watched";
            return Err(ConfigError::new("REDSHIFT_CLUSTER", "", allowed));
        }
        let deadline_margin = environment.deadline_margin(1_000)?;
        Ok(Self {
            function_name,
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            publisher,
            redshift,
            bigquery,
            poll_seconds: environment.number("POLL_SECONDS", 300, 60, 86_400)?,
            deadline_margin,
            aws: Aws::from_environment(environment, &SERVICES),
        })
    }
}

/// Reads everything about Redshift, even if no warehouse is set.
fn redshift(environment: &Environment) -> Result<Option<RedshiftConfig>, ConfigError> {
    let warehouse = warehouse(environment)?;
    let identity = identity(environment, warehouse.as_ref())?;
    let name = database(environment)?;
    let seconds = environment.number("LONG_QUERY_SECONDS", 3_600, 60, 604_800)?;
    let lock_seconds = environment.number("LOCK_SECONDS", 300, 0, 86_400)?;
    let repeat_hours = environment.number("REPEAT_HOURS", 6, 0, 168)?;
    let repeat = (repeat_hours > 0).then(|| SignedDuration::from_hours(repeat_hours));
    let ignored_users = list(environment.get("IGNORED_USERS").unwrap_or_default());
    Ok(warehouse.map(|warehouse| RedshiftConfig {
        database: Database { warehouse, name, identity },
        long_queries: Rule { seconds, repeat, ignored_users },
        locks: LockRule { seconds: lock_seconds, repeat },
    }))
}

fn warehouse(environment: &Environment) -> Result<Option<Warehouse>, ConfigError> {
    // Source: Amazon Redshift API reference, `CreateCluster`; Amazon Redshift Serverless API
    // reference, `CreateWorkgroup`.
    let name = |text: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_name = text.len() <= 64 && text.bytes().all(is_allowed);
        is_name.then(|| text.to_owned())
    };
    let allowed = "the name of a cluster: up to 64 letters, digits and hyphens";
    let cluster = environment.parse_with("REDSHIFT_CLUSTER", allowed, name)?;
    let allowed = "the name of a workgroup: up to 64 letters, digits and hyphens";
    let workgroup = environment.parse_with("REDSHIFT_WORKGROUP", allowed, name)?;
    match (cluster, workgroup) {
        (Some(_), Some(workgroup)) => {
            let allowed = "not set where REDSHIFT_CLUSTER is set";
            Err(ConfigError::new("REDSHIFT_WORKGROUP", &workgroup, allowed))
        }
        (Some(cluster), None) => Ok(Some(Warehouse::Cluster(cluster))),
        (None, workgroup) => Ok(workgroup.map(Warehouse::Workgroup)),
    }
}

fn database(environment: &Environment) -> Result<String, ConfigError> {
    let name = |text: &str| (text.len() <= 127).then(|| text.to_owned());
    let allowed = "the name of a database: up to 127 bytes";
    let database = environment.parse_with("REDSHIFT_DATABASE", allowed, name)?;
    Ok(database.unwrap_or_else(|| "dev".to_owned()))
}

fn identity(
    environment: &Environment,
    warehouse: Option<&Warehouse>,
) -> Result<Identity, ConfigError> {
    const NAME: &str = "REDSHIFT_DB_USER";
    let secret = secrets::arn(environment, "REDSHIFT_SECRET_ARN")?;
    let refused = |user, allowed| Err(ConfigError::new(NAME, user, allowed));
    match (secret, environment.get(NAME)) {
        (Some(_), Some(user)) => refused(user, "not set where REDSHIFT_SECRET_ARN is set"),
        (None, Some(user)) if matches!(warehouse, Some(Warehouse::Workgroup(_))) => {
            refused(user, "not set where REDSHIFT_WORKGROUP is set: only clusters know it")
        }
        (None, Some(user)) if user.len() > 127 => refused(user, "a user: up to 127 bytes"),
        (None, Some(user)) => Ok(Identity::DbUser(user.to_owned())),
        (Some(arn), None) => Ok(Identity::Secret(arn)),
        (None, None) => Ok(Identity::Role),
    }
}

/// Reads everything about BigQuery, even if no project is set.
fn bigquery(environment: &Environment) -> Result<Option<BigQueryConfig>, ConfigError> {
    const SECRET: &str = "GOOGLE_CREDENTIALS_SECRET_ARN";
    let allowed = "ids of projects of Google Cloud, separated by commas";
    let ids = |text: &str| {
        let mut projects = list(text);
        projects.sort();
        projects.dedup();
        projects.iter().all(|id| is_project(id)).then_some(projects)
    };
    let projects = environment.parse_with("BIGQUERY_PROJECTS", allowed, ids)?.unwrap_or_default();
    let secret_arn = secrets::arn(environment, SECRET)?;
    let endpoint = BigQuery::endpoint(environment)?;
    let allowed = "a number from 0.01 to 1000";
    let price = environment.parse_with("BIGQUERY_USD_PER_TIB", allowed, decimal)?;
    let alert_usd = environment.number("BIGQUERY_ALERT_USD", 5_u32, 0, 100_000)?;
    let max_users = environment.number("BIGQUERY_MAX_USERS", 20, 0, 500)?;
    if projects.is_empty() {
        return Ok(None);
    }
    let missing = || ConfigError::new(SECRET, "", ARN_OF_SECRET);
    Ok(Some(BigQueryConfig {
        projects,
        secret_arn: secret_arn.ok_or_else(missing)?,
        endpoint,
        price: Price { usd_per_tib: price.unwrap_or(6.25) },
        alert_usd: f64::from(alert_usd),
        max_users,
    }))
}

/// Source: Google Cloud documentation, "Creating and managing projects"; older ids have a domain and a
/// colon.
fn is_project(id: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte);
    id.len() <= 100 && id.bytes().all(is_allowed)
}

fn decimal(text: &str) -> Option<f64> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = text.parse().ok().filter(|_| is_decimal)?;
    (0.01..=1_000.0).contains(&number).then_some(number)
}

/// The texts between commas.
fn list(text: &str) -> Vec<String> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
