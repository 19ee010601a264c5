//! Runs statements on Amazon Redshift through its Data API, which needs neither a driver nor a
//! connection: a statement is submitted, its state is polled, and its result is read in pages.
//!
//! Source: Amazon Redshift Data API reference; Amazon Redshift Management Guide, "Using the Amazon
//! Redshift Data API".

use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_redshiftdata::Client;
use aws_sdk_redshiftdata::config::Builder;
use aws_sdk_redshiftdata::error::SdkError;
use aws_sdk_redshiftdata::types::{Field, SqlParameter, StatusString};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::aws::{Aws, CallFailure, Service};

/// The Data API, in `AWS_ENDPOINT_URL_REDSHIFT_DATA`.
pub const REDSHIFT_DATA: Service = "REDSHIFT_DATA";

/// Maximum time for cancelling a statement that did not finish in time.
pub const CANCEL_TIME: Duration = Duration::from_secs(1);

/// Maximum time that one request waits for its answer.
const MAX_ATTEMPT: Duration = Duration::from_secs(10);
const MAX_ATTEMPTS: u32 = 5;
/// The wait before a call is repeated, and between polls of a statement's state; both double.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(1);

/// A database, and the identity for queries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// The cluster or workgroup.
    pub warehouse: Warehouse,
    /// Its name.
    pub name: String,
    /// The identity for queries.
    pub identity: Identity,
}

/// A provisioned cluster or a workgroup of Redshift Serverless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warehouse {
    /// `ClusterIdentifier`
    Cluster(String),
    /// `WorkgroupName`
    Workgroup(String),
}

impl Warehouse {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        let (Self::Cluster(name) | Self::Workgroup(name)) = self;
        name
    }
}

/// The identity with which a statement runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The user `IAMR:` and the name of the function's role.
    Role,
    /// `DbUser`: temporary credentials of this user. Only for clusters.
    DbUser(String),
    /// `SecretArn`: user and password from this secret.
    Secret(String),
}

/// A value of a result. DECIMAL and times are text.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// NULL, and types that the Data API may add.
    Null,
    /// BOOLEAN
    Bool(bool),
    /// SMALLINT, INTEGER, BIGINT
    Long(i64),
    /// REAL, DOUBLE PRECISION
    Double(f64),
    /// All other types.
    Text(String),
    /// VARBYTE
    Bytes(Vec<u8>),
}

impl Cell {
    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The integer, also if it is text, such as a DECIMAL.
    #[must_use]
    pub fn long(&self) -> Option<i64> {
        match self {
            Self::Long(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The boolean, also if it is the text `t` or `f`, as in some system views.
    #[must_use]
    pub fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(is) => Some(*is),
            Self::Text(text) => match text.trim() {
                "t" | "true" => Some(true),
                "f" | "false" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

impl From<Field> for Cell {
    fn from(field: Field) -> Self {
        match field {
            Field::BooleanValue(is) => Self::Bool(is),
            Field::LongValue(number) => Self::Long(number),
            Field::DoubleValue(number) => Self::Double(number),
            Field::StringValue(text) => Self::Text(text),
            Field::BlobValue(bytes) => Self::Bytes(bytes.into_inner()),
            _ => Self::Null,
        }
    }
}

/// Why a statement has no result. No text quotes the statement or its parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The Data API rejected a call or did not answer it.
    #[error("{operation}: {failure}")]
    Call {
        /// Such as `ExecuteStatement`.
        operation: &'static str,
        /// Code and message.
        failure: CallFailure,
    },
    /// The statement ended without a result.
    #[error("the statement ended with {status}: {message}")]
    Ended {
        /// `FAILED` or `ABORTED`
        status: String,
        /// The database's message.
        message: String,
    },
    /// The statement finished, but its result or a part of it is missing.
    #[error("the result is incomplete: {0}")]
    Incomplete(String),
    /// The statement did not finish in time and was cancelled.
    #[error("the statement was not done in time")]
    Late,
}

/// Runs statements. The client is built for the first one.
#[derive(Debug)]
pub struct Redshift {
    aws: Aws,
    client: OnceLock<Client>,
}

impl Redshift {
    /// Makes no calls. `aws` must know the endpoint of [`REDSHIFT_DATA`].
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self { aws, client: OnceLock::new() }
    }

    /// Runs a query and returns the rows of its result: all pages up to the one with row
    /// `max_rows`. `parameters` are names and values; a value must not be empty.
    ///
    /// A statement that is not finished at `until`, or whose state cannot be read, is cancelled,
    /// which takes at most [`CANCEL_TIME`] more. Limit the time with `until`, not by dropping the
    /// future.
    ///
    /// # Errors
    /// [`StatementError`]
    pub async fn query(
        &self,
        database: &Database,
        sql: &str,
        parameters: &[(&str, &str)],
        max_rows: usize,
        until: Instant,
    ) -> Result<Vec<Vec<Cell>>, StatementError> {
        // Boxed, here and below: the SDK's state is large.
        let execute = Box::pin(self.execute(database, sql, parameters));
        let id = timeout_at(until, execute).await.map_err(|_| StatementError::Late)??;
        let finished = timeout_at(until, Box::pin(self.finished(&id))).await;
        match finished.unwrap_or(Err(StatementError::Late)) {
            Ok(()) => timeout_at(until, Box::pin(self.rows(&id, max_rows)))
                .await
                .map_err(|_| StatementError::Late)?,
            Err(error @ (StatementError::Ended { .. } | StatementError::Incomplete(_))) => {
                Err(error)
            }
            Err(error) => {
                self.cancel(&id).await;
                Err(error)
            }
        }
    }

    /// Submits a statement and returns its id.
    async fn execute(
        &self,
        database: &Database,
        sql: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, StatementError> {
        const OPERATION: &str = "ExecuteStatement";
        let mut call = self.client().execute_statement().sql(sql).database(&database.name);
        call = match &database.warehouse {
            Warehouse::Cluster(name) => call.cluster_identifier(name),
            Warehouse::Workgroup(name) => call.workgroup_name(name),
        };
        call = match &database.identity {
            Identity::Role => call,
            Identity::DbUser(user) => call.db_user(user),
            Identity::Secret(arn) => call.secret_arn(arn),
        };
        let failed = |message: String| StatementError::Call {
            operation: OPERATION,
            failure: CallFailure { code: None, message },
        };
        for (name, value) in parameters {
            let parameter = SqlParameter::builder().name(*name).value(*value).build();
            call = call.parameters(parameter.map_err(|error| failed(error.to_string()))?);
        }
        let answer = call.send().await.map_err(|error| call_error(OPERATION, &error))?;
        answer.id.ok_or_else(|| failed("the answer has no id".to_owned()))
    }

    /// Waits until a statement has finished.
    async fn finished(&self, id: &str) -> Result<(), StatementError> {
        let mut wait = FIRST_WAIT;
        loop {
            let asked = Instant::now();
            let answer = self.client().describe_statement().id(id).send().await;
            let answer = answer.map_err(|error| call_error("DescribeStatement", &error))?;
            match answer.status() {
                // A query has a result even without rows.
                Some(StatusString::Finished) if answer.has_result_set == Some(false) => {
                    return Err(StatementError::Incomplete("the statement has none".to_owned()));
                }
                Some(StatusString::Finished) => return Ok(()),
                Some(status @ (StatusString::Failed | StatusString::Aborted)) => {
                    let status = status.as_str().to_owned();
                    let message = answer.error.unwrap_or_else(|| "no reason is named".to_owned());
                    return Err(StatementError::Ended { status, message });
                }
                _ => {}
            }
            sleep_until(asked + wait).await;
            wait = (2 * wait).min(MAX_WAIT);
        }
    }

    async fn rows(&self, id: &str, max_rows: usize) -> Result<Vec<Vec<Cell>>, StatementError> {
        let mut rows = Vec::new();
        let mut token = None;
        loop {
            let call = self.client().get_statement_result().id(id).set_next_token(token);
            let page = call.send().await;
            let page = page.map_err(|error| call_error("GetStatementResult", &error))?;
            let cells = |row: Vec<Field>| row.into_iter().map(Cell::from).collect();
            rows.extend(page.records.into_iter().map(cells));
            // An empty token also ends a list.
            token = page.next_token.filter(|token| !token.is_empty());
            if rows.len() >= max_rows {
                return Ok(rows);
            }
            if token.is_none() {
                let total = usize::try_from(page.total_num_rows).unwrap_or_default();
                let missing = total.saturating_sub(rows.len());
                return match missing {
                    0 => Ok(rows),
                    _ => Err(StatementError::Incomplete(format!(
                        "{missing} of {total} rows are missing"
                    ))),
                };
            }
        }
    }

    async fn cancel(&self, id: &str) {
        let call = Box::pin(self.client().cancel_statement().id(id).send());
        let cancelled = match timeout(CANCEL_TIME, call).await {
            Ok(answer) => answer.map(drop).map_err(|error| CallFailure::from(&error)),
            Err(_) => Err(CallFailure::late()),
        };
        if let Err(failure) = cancelled {
            tracing::warn!(statement = id, %failure, "failed to cancel a statement");
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let retry = RetryConfig::standard()
                .with_max_attempts(MAX_ATTEMPTS)
                .with_initial_backoff(FIRST_WAIT)
                .with_max_backoff(MAX_WAIT);
            let config = Builder::from(&self.aws.sdk_config(REDSHIFT_DATA, retry));
            let timeouts = TimeoutConfig::builder().operation_attempt_timeout(MAX_ATTEMPT).build();
            Client::from_conf(config.timeout_config(timeouts).build())
        })
    }
}

fn call_error<E>(operation: &'static str, error: &SdkError<E>) -> StatementError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    StatementError::Call { operation, failure: CallFailure::from(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_in_the_types_that_the_data_api_uses_for_them() {
        let text = |text: &str| Cell::from(Field::StringValue(text.to_owned()));
        assert_eq!((text("a ").text(), Cell::Long(1).text()), (Some("a "), None));
        for (cell, long) in [
            (Cell::from(Field::LongValue(-5)), Some(-5)),
            (text(" 12"), Some(12)),
            (text("1.5"), None),
            (Cell::from(Field::DoubleValue(1.0)), None),
            (Cell::from(Field::IsNull(true)), None),
        ] {
            assert_eq!(cell.long(), long, "{cell:?}");
        }
        for (cell, is) in [
            (Cell::from(Field::BooleanValue(true)), Some(true)),
            (text("f"), Some(false)),
            (text("true "), Some(true)),
            (text(""), None),
            (Cell::Null, None),
        ] {
            assert_eq!(cell.bool(), is, "{cell:?}");
        }
    }
}
