//! A data warehouse: the Data API of Amazon Redshift in front of a PostgreSQL, which runs the
//! statements and has the Redshift views that sluice queries, so that locks really block; or in
//! front of fixed rows.
//!
//! Source: the API reference of the Amazon Redshift Data API.

mod postgres;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::aws_json::{Failure, Version, answer};
use crate::server::{self, Embedded, locked, read_body};

const REQUEST_BYTES: usize = 1 << 20;

/// Number of rows on a page: few, so that there are several pages.
const PAGE_ROWS: usize = 50;

/// The running endpoint. Dropping it closes its port.
pub type Warehouse = Embedded<State>;

/// The engine that runs the statements.
#[derive(Debug, Clone)]
pub enum Engine {
    /// A PostgreSQL at this port of 127.0.0.1.
    Postgres(u16),
    /// Fixed rows for the statements that contain a text.
    Fixed(Vec<(&'static str, Table)>),
}

/// The result of a statement: the names of its columns, and its rows in the format of the Data API,
/// such as `[{"longValue":1},{"isNull":true}]`.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

/// The state of the endpoint, and its requests.
#[derive(Debug)]
pub struct State {
    engine: Engine,
    statements: Mutex<BTreeMap<String, Statement>>,
}

#[derive(Debug)]
struct Statement {
    task: AbortHandle,
    outcome: Option<Result<Table, String>>,
}

impl Warehouse {
    /// Starts the endpoint. Adds the views of Redshift to a PostgreSQL.
    ///
    /// # Errors
    /// If no port is free, or the PostgreSQL rejects the views.
    pub async fn start(engine: Engine) -> io::Result<Self> {
        if let Engine::Postgres(port) = engine {
            postgres::add_views(port).await.map_err(io::Error::other)?;
        }
        let state = |_: &str| State { engine, statements: Mutex::default() };
        Self::open(state, async |state, request| Ok(respond(state, request).await)).await
    }
}

async fn respond(state: Arc<State>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = read_body(body, REQUEST_BYTES).await else {
        return server::response(StatusCode::PAYLOAD_TOO_LARGE, "application/json", "{}");
    };
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.strip_prefix("RedshiftData."));
    let asked = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let replied = match operation {
        Some("ExecuteStatement") => Ok(execute(&state, &asked)),
        Some("DescribeStatement") => state.describe(&asked),
        Some("GetStatementResult") => state.result(&asked),
        Some("CancelStatement") => state.cancel(&asked),
        _ => Err(Failure::new("UnknownOperationException", "")),
    };
    match replied {
        Ok(body) => answer(Version::V1_1, &body),
        Err(failure) => failure.response(Version::V1_1),
    }
}

/// Starts a statement in its own session, which ends with it.
fn execute(state: &Arc<State>, asked: &Value) -> Value {
    let id = Uuid::new_v4().to_string();
    let sql = asked["Sql"].as_str().unwrap_or_default().to_owned();
    let parameters = asked["Parameters"].as_array().cloned().unwrap_or_default();
    let (shared, of) = (Arc::clone(state), id.clone());
    let mut statements = locked(&state.statements);
    let task = tokio::spawn(async move {
        let outcome = match &shared.engine {
            Engine::Postgres(port) => postgres::run(*port, &sql, &parameters).await,
            Engine::Fixed(tables) => {
                let table = tables.iter().find(|(text, _)| sql.contains(text));
                table.map(|(_, table)| table.clone()).ok_or_else(|| "syntax error".to_owned())
            }
        };
        if let Some(statement) = locked(&shared.statements).get_mut(&of) {
            statement.outcome = Some(outcome);
        }
    });
    statements.insert(id.clone(), Statement { task: task.abort_handle(), outcome: None });
    json!({"Id": id})
}

impl State {
    fn describe(&self, asked: &Value) -> Result<Value, Failure> {
        let statements = locked(&self.statements);
        let (id, statement) = known(&statements, asked)?;
        Ok(match &statement.outcome {
            None if statement.task.is_finished() => json!({"Id": id, "Status": "ABORTED"}),
            None => json!({"Id": id, "Status": "STARTED"}),
            Some(Err(error)) => json!({"Id": id, "Status": "FAILED", "Error": error}),
            Some(Ok(table)) => json!({
                "Id": id,
                "Status": "FINISHED",
                "HasResultSet": !table.columns.is_empty(),
                "ResultRows": table.rows.len(),
            }),
        })
    }

    fn result(&self, asked: &Value) -> Result<Value, Failure> {
        let statements = locked(&self.statements);
        let (_, statement) = known(&statements, asked)?;
        let Some(Ok(Table { columns, rows })) = &statement.outcome else {
            return Err(Failure::new("ResourceNotFoundException", "Query has no result."));
        };
        let start = asked["NextToken"].as_str().and_then(|token| token.parse().ok());
        let start = rows.len().min(start.unwrap_or(0));
        let end = rows.len().min(start + PAGE_ROWS);
        let columns: Vec<_> = columns.iter().map(|name| json!({"name": name})).collect();
        let mut page = json!({
            "ColumnMetadata": columns,
            "Records": &rows[start..end],
            "TotalNumRows": rows.len(),
        });
        if end < rows.len() {
            page["NextToken"] = end.to_string().into();
        }
        Ok(page)
    }

    /// Ends the session of a statement.
    fn cancel(&self, asked: &Value) -> Result<Value, Failure> {
        let statements = locked(&self.statements);
        let (_, statement) = known(&statements, asked)?;
        statement.task.abort();
        Ok(json!({"Status": statement.outcome.is_none()}))
    }
}

fn known<'a>(
    statements: &'a BTreeMap<String, Statement>,
    asked: &Value,
) -> Result<(&'a String, &'a Statement), Failure> {
    let found = asked["Id"].as_str().and_then(|id| statements.get_key_value(id));
    found.ok_or_else(|| Failure::new("ResourceNotFoundException", "Query does not exist."))
}
