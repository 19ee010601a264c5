//! A warehouse with a query that runs too long, a lock that others wait for and a table that lags
//! behind its source, in a real PostgreSQL if one is installed; and a BigQuery query that costs too
//! much.

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use local::bigquery::{BigQuery, expensive_job};
use local::monitoring::Monitoring;
use local::postgres::{Postgres, Session, execute, query};
use local::warehouse::{Engine, Table, Warehouse};
use serde_json::{Value, json};

use super::checks;
use crate::console::log;
use crate::demo::health::invoke;
use crate::demo::notification::TOPIC;
use crate::error::CliError;
use crate::progress::Spinner;

pub(super) const FUNCTION: &str = "warehouse-watch";

const CREDENTIALS_ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:google-AbCdEf";

/// A query that crossed the hour of `LONG_QUERY_SECONDS` within the last window of the function.
const LONG_QUERY: &str = "
INSERT INTO sys_query_history VALUES (
    100, 4711, 1073, 'music', 'INSERT', 'running', now() - interval '61 minutes', NULL, 0, 0, '',
    'INSERT INTO plays_by_day SELECT artist, date_trunc(''day'', played_at), count(*) FROM plays GROUP BY 1, 2'
);
INSERT INTO stv_wlm_query_state VALUES (100, 'Running', 0);
CREATE TABLE plays (artist text, played_at timestamp);
";

/// A session that holds a lock and runs nothing, and one that waits for it.
const HOLDS: &str = "BEGIN; LOCK TABLE plays IN ACCESS EXCLUSIVE MODE;\n";
const WAITS: &str = "SELECT count(*) FROM plays;\n";
const IS_WAITING: &str = "SELECT 1 FROM pg_locks WHERE NOT granted";

const TURNS: u32 = 300;
const TURN: Duration = Duration::from_millis(20);

/// Runs this function and data-checks once over the warehouse, and returns the engine that ran
/// their statements.
pub(super) async fn burden(
    [watch, checks]: [&Path; 2],
    monitoring: &Monitoring,
) -> Result<String, CliError> {
    let spinner = Spinner::new();
    spinner.message("Starting PostgreSQL");
    let postgres = match Postgres::start().await {
        Ok(postgres) => Some(postgres),
        Err(error) => {
            log(format_args!("Redshift: fixed rows, because {error}."));
            log(format_args!("For statements that run: {}.", error.remedy));
            None
        }
    };
    let engine = postgres.as_ref().map_or_else(fixed, |postgres| Engine::Postgres(postgres.port()));
    let warehouse = Warehouse::start(engine).await.map_err(CliError::failed)?;
    let _sessions = match &postgres {
        Some(postgres) => Some(fill(postgres.port()).await?),
        None => None,
    };
    let bigquery = BigQuery::start(vec![expensive_job()]).await.map_err(CliError::failed)?;
    monitoring.keep_secret(CREDENTIALS_ARN, bigquery.credentials());
    let variables = [
        ("AWS_ENDPOINT_URL", monitoring.url()),
        ("AWS_ENDPOINT_URL_REDSHIFT_DATA", warehouse.url()),
        ("ALERTS_TOPIC_ARN", TOPIC),
        ("REDSHIFT_CLUSTER", "music"),
        // The lock is seconds old.
        ("LOCK_SECONDS", "0"),
        ("BIGQUERY_ENDPOINT_URL", bigquery.url()),
        ("BIGQUERY_PROJECTS", "music-analytics"),
        ("GOOGLE_CREDENTIALS_SECRET_ARN", CREDENTIALS_ARN),
    ];
    spinner.message("Watching the warehouses");
    invoke(FUNCTION, watch, &variables, "{}".into()).await?;
    checks::run(checks, monitoring, warehouse.url()).await?;
    let ran = if postgres.is_some() { "a PostgreSQL" } else { "fixed rows" };
    Ok(format!("Redshift's statements over {ran}"))
}

/// Adds the long query and the tables to compare, and returns the sessions of the lock, which ends with them.
async fn fill(port: u16) -> Result<[Session; 2], CliError> {
    for tables in [LONG_QUERY, checks::TABLES] {
        execute(port, tables).await.map_err(CliError::failed)?;
    }
    let open = || Session::open(port).map_err(CliError::failed);
    let [mut holder, mut waiter] = [open()?, open()?];
    holder.write(HOLDS).await.map_err(CliError::failed)?;
    for _ in 0..TURNS {
        let locks = query(port, "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock'").await;
        if locks.is_ok_and(|locks| !locks.rows.is_empty()) {
            break;
        }
        tokio::time::sleep(TURN).await;
    }
    waiter.write(WAITS).await.map_err(CliError::failed)?;
    for _ in 0..TURNS {
        if query(port, IS_WAITING).await.is_ok_and(|waiting| !waiting.rows.is_empty()) {
            return Ok([holder, waiter]);
        }
        tokio::time::sleep(TURN).await;
    }
    Err(CliError::failed("no session waits for the lock in PostgreSQL"))
}

/// The answers of Redshift.
fn fixed() -> Engine {
    let sql = "INSERT INTO plays_by_day SELECT artist, count(*) FROM plays GROUP BY 1";
    let queries = table(json!([{
        "query_id": 4_711, "session_id": 1_073, "user_name": "etl", "database_name": "music",
        "query_type": "INSERT", "status": "running", "start_time": time(3_660), "end_time": null,
        "queue_time": 0, "error_message": "", "query_text": sql,
    }]));
    let lock = |pid: u64, mode: &str, granted: bool| {
        json!({
            "xid": pid, "pid": pid, "user_name": "analyst", "database_name": "music",
            "txn_start": time(60), "lock_mode": mode, "relation": 100_401, "table_name": "plays",
            "granted": granted,
        })
    };
    let locks = table(json!([
        lock(1_080, "AccessExclusiveLock", true),
        lock(1_081, "AccessShareLock", false),
    ]));
    let queues = table(json!([
        {"service_class": 100, "state": "Running", "queries": 1, "queue_time": 0},
    ]));
    let marked = [("sluice:queries", queries), ("sluice:locks", locks), ("sluice:queues", queues)];
    Engine::Fixed(marked.into_iter().chain(checks::fixed()).collect())
}

/// The time `before` seconds ago, in Redshift's format.
pub(super) fn time(before: i64) -> String {
    let at = Timestamp::now() - SignedDuration::from_secs(before);
    at.strftime("%Y-%m-%d %H:%M:%S.000000").to_string()
}

/// A result from rows as objects of the same members.
pub(super) fn table(rows: Value) -> Table {
    let rows =
        serde_json::from_value::<Vec<serde_json::Map<String, Value>>>(rows).unwrap_or_default();
    let field = |value: &Value| match value {
        Value::Null => json!({"isNull": true}),
        Value::Bool(_) => json!({"booleanValue": value}),
        Value::Number(_) => json!({"longValue": value}),
        value => json!({"stringValue": value}),
    };
    Table {
        columns: rows.first().map(|row| row.keys().cloned().collect()).unwrap_or_default(),
        rows: rows.iter().map(|row| row.values().map(field).collect()).collect(),
    }
}
