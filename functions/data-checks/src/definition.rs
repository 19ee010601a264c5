//! The JSON definition of a check: what it compares, and the allowed differences.
//!
//! Errors name members and what is allowed, never values.

mod members;

use serde_json::Value;
use shared::redshift::{Database, Identity, Warehouse};
use shared::url::Url;

use crate::window::has_placeholder;
use members::Members;

/// Maximum length of a check's name, in characters.
const MAX_NAME: usize = 100;

/// Ten years.
const MAX_HOURS: f64 = 87_600.0;
const MAX_MINUTES: f64 = 60.0 * MAX_HOURS;

const BYTES_PER_GIB: f64 = 1_073_741_824.0;

/// Why a definition is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Invalid(String);

impl Invalid {
    /// The error of a check with a duplicate name.
    pub(crate) fn duplicate() -> Self {
        Self("another check has this name".to_owned())
    }

    /// Adds the name of the check.
    fn of(self, name: &str) -> Self {
        Self(format!("check {name}: {}", self.0))
    }
}

/// A check.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) source: Option<End>,
    pub(crate) target: End,
    pub(crate) limits: Limits,
    /// `window_hours`: the period whose rows are counted; `None`: all rows.
    pub(crate) window_hours: Option<u64>,
    /// `delay_minutes`: how long before now the window ends.
    pub(crate) delay_minutes: u64,
}

/// The allowed differences.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    /// `max_difference`, in rows.
    pub(crate) difference: f64,
    /// `max_difference_percent`, of the rows of the source.
    pub(crate) difference_percent: f64,
    /// `max_age_minutes`: of the newest update in the target.
    pub(crate) age_minutes: Option<u64>,
    /// `max_lag_minutes`: from the newest update in the target to that in the source.
    pub(crate) lag_minutes: Option<u64>,
}

/// An end of a check, where rows are counted: its source or target.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Redshift { database: Database, sql: String },
    Rds { resource_arn: String, secret_arn: String, database: String, sql: String },
    BigQuery { project: String, location: Option<String>, maximum_bytes: u64, sql: String },
    OpenSearch { url: Url, index: String, time_field: String },
}

/// Parses `CHECKS`, an array of checks with names.
///
/// # Errors
/// [`Invalid`] for the first invalid check, with its name.
pub(crate) fn parse_all(text: &str) -> Result<Vec<Check>, Invalid> {
    let mut checks: Vec<Check> = Vec::new();
    let Value::Array(values) = json(text)? else {
        return Err(Invalid("it is not an array".to_owned()));
    };
    for (index, mut value) in values.into_iter().enumerate() {
        let name = value.as_object_mut().and_then(|members| members.remove("name"));
        let name = match name {
            Some(Value::String(name)) if is_name(&name) => name,
            _ => {
                let number = index + 1;
                return Err(Invalid(format!("check {number}: `name` must be {NAME_FORM}")));
            }
        };
        if checks.iter().any(|check| check.name == name) {
            return Err(Invalid::duplicate().of(&name));
        }
        checks.push(Check::read(&name, value).map_err(|error| error.of(&name))?);
    }
    Ok(checks)
}

const NAME_FORM: &str = "1 to 100 letters, digits and any of _ . -";

fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_allowed)
}

fn json(text: &str) -> Result<Value, Invalid> {
    serde_json::from_str(text).map_err(|error| {
        // The error's text may quote a value.
        Invalid(format!("it is not JSON at line {} column {}", error.line(), error.column()))
    })
}

impl Check {
    /// Parses the definition of the check with this name.
    ///
    /// # Errors
    /// [`Invalid`] for the first invalid member.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, Invalid> {
        if !is_name(name) {
            return Err(Invalid(format!("its name must be {NAME_FORM}")));
        }
        Self::read(name, json(text)?)
    }

    fn read(name: &str, value: Value) -> Result<Self, Invalid> {
        let mut members = Members::new(value, String::new())?;
        let source = members.object("source")?.map(End::read).transpose()?;
        let target = End::read(members.required("target", Members::object)?)?;
        let limits = Limits {
            difference: members.whole("max_difference", 0.0, 1e15)?.unwrap_or_default(),
            difference_percent: members
                .number("max_difference_percent", 0.0, 1e9)?
                .unwrap_or_default(),
            age_minutes: members.count("max_age_minutes", 0.0, MAX_MINUTES)?,
            lag_minutes: members.count("max_lag_minutes", 0.0, MAX_MINUTES)?,
        };
        let window_hours = members.count("window_hours", 1.0, MAX_HOURS)?;
        let delay_minutes = members.count("delay_minutes", 0.0, MAX_MINUTES)?.unwrap_or_default();
        members.finish()?;
        if source.is_none() && limits.lag_minutes.is_some() {
            return Err(Invalid("`max_lag_minutes` needs a `source`".to_owned()));
        }
        for (end, path) in [(source.as_ref(), "source"), (Some(&target), "target")] {
            let sql = end.and_then(End::sql).unwrap_or_default();
            if window_hours.is_none() && has_placeholder(sql) {
                let reason =
                    format!("`{path}.sql` has {{from}} or {{to}}, which `window_hours` sets");
                return Err(Invalid(reason));
            }
        }
        let name = name.to_owned();
        Ok(Self { name, source, target, limits, window_hours, delay_minutes })
    }
}

impl End {
    /// The statement, if there is one.
    fn sql(&self) -> Option<&str> {
        match self {
            Self::Redshift { sql, .. } | Self::Rds { sql, .. } | Self::BigQuery { sql, .. } => {
                Some(sql)
            }
            Self::OpenSearch { .. } => None,
        }
    }

    fn read(mut members: Members) -> Result<Self, Invalid> {
        let kind = members.required("kind", Members::text)?;
        let end = match &*kind {
            "redshift" => Self::redshift(&mut members),
            "rds" => Self::rds(&mut members),
            "bigquery" => Self::bigquery(&mut members),
            "opensearch" => Self::opensearch(&mut members),
            _ => Err(members.invalid("kind", "redshift, rds, bigquery or opensearch")),
        }?;
        members.finish()?;
        Ok(end)
    }

    fn redshift(members: &mut Members) -> Result<Self, Invalid> {
        let (cluster, workgroup) = (members.text("cluster")?, members.text("workgroup")?);
        let warehouse = match (cluster, workgroup) {
            (Some(cluster), None) => Warehouse::Cluster(cluster),
            (None, Some(workgroup)) => Warehouse::Workgroup(workgroup),
            _ => return Err(members.invalid("cluster", "set, or `workgroup`, and not both")),
        };
        let identity = match (members.text("db_user")?, members.arn("secret_arn", SECRETS)?) {
            (None, None) => Identity::Role,
            (Some(user), None) if matches!(warehouse, Warehouse::Cluster(_)) => {
                Identity::DbUser(user)
            }
            (None, Some(arn)) => Identity::Secret(arn),
            _ => {
                let allowed = "set with `cluster` alone, without `workgroup` and `secret_arn`";
                return Err(members.invalid("db_user", allowed));
            }
        };
        let name = members.required("database", Members::text)?;
        let sql = members.required("sql", Members::text)?;
        Ok(Self::Redshift { database: Database { warehouse, name, identity }, sql })
    }

    fn rds(members: &mut Members) -> Result<Self, Invalid> {
        Ok(Self::Rds {
            resource_arn: members.required("resource_arn", |all, name| all.arn(name, "rds"))?,
            secret_arn: members.required("secret_arn", |all, name| all.arn(name, SECRETS))?,
            database: members.required("database", Members::text)?,
            sql: members.required("sql", Members::text)?,
        })
    }

    fn bigquery(members: &mut Members) -> Result<Self, Invalid> {
        let project = members.required("project", Members::text)?;
        if !is_project(&project) {
            return Err(members.invalid("project", "the id of a project"));
        }
        let gib = members.number("maximum_gib", 0.001, 1e6)?.unwrap_or(10.0);
        Ok(Self::BigQuery {
            project,
            location: members.text("location")?,
            maximum_bytes: members::whole_number(gib * BYTES_PER_GIB),
            sql: members.required("sql", Members::text)?,
        })
    }

    fn opensearch(members: &mut Members) -> Result<Self, Invalid> {
        let endpoint = members.required("endpoint", Members::text)?;
        let allowed = "an http or https URL without user, password and query";
        let url = Url::parse(&endpoint).ok_or_else(|| members.invalid("endpoint", allowed))?;
        let time_field = members.text("time_field")?;
        Ok(Self::OpenSearch {
            url,
            index: members.required("index", Members::text)?,
            time_field: time_field.unwrap_or_else(|| "@timestamp".to_owned()),
        })
    }
}

/// Secrets Manager in ARNs.
const SECRETS: &str = "secretsmanager";

/// Whether a text can be the id of a Google Cloud project, optionally with its domain: it becomes
/// part of a path.
fn is_project(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests;
