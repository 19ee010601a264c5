//! Queries the ends of a check for their rows.

mod bigquery;
mod opensearch;
mod rds;

use std::fmt::{self, Display};

use shared::aws::Aws;
use shared::google::BigQuery;
use shared::mask::mask;
use shared::opensearch::Auth;
use shared::redshift::{Cell, Redshift};
use shared::text::line;
use tokio::time::{Instant, timeout_at};

use crate::definition::End;
use crate::measured::{Column, Measured};
use crate::window::Window;
use rds::Rds;

pub(crate) use rds::RDS_DATA;

/// Maximum length of a reason, in characters: a service may quote a statement.
const MAX_REASON: usize = 500;

/// Why an end could not be read, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread(String);

impl Unread {
    pub(crate) fn new(reason: impl Display) -> Self {
        Self(line(&mask(&reason.to_string(), &[])).chars().take(MAX_REASON).collect())
    }

    fn late() -> Self {
        Self::new("no answer in time")
    }
}

impl Display for Unread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The clients for all kinds of ends. Each is built for its first call.
#[derive(Debug)]
pub(crate) struct Ends {
    aws: Aws,
    opensearch_auth: Auth,
    redshift: Redshift,
    bigquery: Option<BigQuery>,
    rds: Rds,
}

impl Ends {
    pub(crate) fn new(aws: Aws, opensearch_auth: Auth, bigquery: Option<BigQuery>) -> Self {
        let (redshift, rds) = (Redshift::new(aws.clone()), Rds::new(aws.clone()));
        Self { aws, opensearch_auth, redshift, bigquery, rds }
    }

    /// Returns the rows of an end. A query without an answer at `until` is cancelled.
    ///
    /// # Errors
    /// [`Unread`], also for an incomplete answer.
    pub(crate) async fn read(
        &self,
        end: &End,
        window: Option<Window>,
        until: Instant,
    ) -> Result<Measured, Unread> {
        if until <= Instant::now() {
            return Err(Unread::new("not asked: no time was left"));
        }
        let filled = |sql: &str| window.map_or_else(|| sql.to_owned(), |window| window.fill(sql));
        let row = match end {
            End::Redshift { database, sql } => {
                let rows = self.redshift.query(database, &filled(sql), &[], 1, until).await;
                let rows = rows.map_err(Unread::new)?;
                rows.into_iter().next().unwrap_or_default().into_iter().map(column).collect()
            }
            End::Rds { resource_arn, secret_arn, database, sql } => {
                let call = self.rds.first_row(resource_arn, secret_arn, database, filled(sql));
                timeout_at(until, call).await.map_err(|_| Unread::late())??
            }
            End::BigQuery { project, location, maximum_bytes, sql } => {
                let missing = || Unread::new("GOOGLE_CREDENTIALS_SECRET_ARN is not set");
                let client = self.bigquery.as_ref().ok_or_else(missing)?;
                let location = location.as_deref();
                let query = bigquery::Query {
                    client,
                    project,
                    location,
                    maximum_bytes: *maximum_bytes,
                    sql: &filled(sql),
                };
                query.first_row(until).await?
            }
            End::OpenSearch { url, index, time_field } => {
                let client = opensearch::client(url, &self.opensearch_auth, &self.aws);
                let limit = until.saturating_duration_since(Instant::now());
                return opensearch::measured(&client, index, time_field, window, limit).await;
            }
        };
        Measured::of_row(&row).map_err(Unread::new)
    }
}

/// A cell of Redshift as text.
fn column(cell: Cell) -> Column {
    match cell {
        Cell::Null => None,
        Cell::Bool(is) => Some(is.to_string()),
        Cell::Long(number) => Some(number.to_string()),
        Cell::Double(number) => Some(number.to_string()),
        Cell::Text(text) => Some(text),
        Cell::Bytes(_) => Some("bytes".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line_without_secrets() {
        let reason = format!("denied:\npassword=hush {}", "x".repeat(1_000));
        let shown = Unread::new(reason).to_string();
        assert!(shown.starts_with("denied: password=*** xxx"), "{shown}");
        assert_eq!(shown.chars().count(), 500);
    }

    #[test]
    fn cells_are_read_as_text() {
        for (cell, expected) in [
            (Cell::Null, None),
            (Cell::Long(-7), Some("-7")),
            (Cell::Double(1.79e9), Some("1790000000")),
            (Cell::Text("a".to_owned()), Some("a")),
            (Cell::Bool(true), Some("true")),
            (Cell::Bytes(vec![1]), Some("bytes")),
        ] {
            assert_eq!(column(cell).as_deref(), expected);
        }
    }
}
