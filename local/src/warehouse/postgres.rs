//! Runs the statements of the Data API in PostgreSQL.

use serde_json::{Value, json};

use super::Table;
use crate::postgres::{Rows, execute, query};

/// The Redshift views and tables that sluice queries, on top of those of PostgreSQL. The history of
/// queries and the states of queues are tables, to be filled by tests; transactions and their locks
/// are the real ones.
///
/// Source: `SYS_QUERY_HISTORY`, `SVV_TRANSACTIONS` and `STV_WLM_QUERY_STATE`, Amazon Redshift Database
/// Developer Guide.
const VIEWS: &str = "
CREATE TABLE sys_query_history (
    user_id integer, query_id bigint, session_id integer, database_name char(128),
    query_type char(32), status char(10), start_time timestamp, end_time timestamp,
    queue_time bigint, elapsed_time bigint, error_message char(512), query_text char(4000)
);
CREATE TABLE stv_wlm_query_state (service_class integer, state char(16), queue_time bigint);
CREATE VIEW svv_transactions AS
SELECT a.usename::text AS txn_owner, a.datname::text AS txn_db, a.backend_xid AS xid, l.pid,
       a.xact_start AT TIME ZONE 'UTC' AS txn_start, l.mode AS lock_mode,
       l.locktype AS lockable_object_type, l.relation, l.granted
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE a.pid <> pg_backend_pid();
";

pub(super) async fn add_views(port: u16) -> Result<(), String> {
    execute(port, VIEWS).await
}

/// Runs a statement in its own session. If the future is dropped, the session ends.
///
/// # Errors
/// The message of PostgreSQL.
pub(super) async fn run(port: u16, sql: &str, parameters: &[Value]) -> Result<Table, String> {
    let Rows { columns, rows } = query(port, &with_values(sql, parameters)).await?;
    let row = |row: Vec<Option<String>>| {
        let values = row.iter().zip(&columns);
        values.map(|(value, (_, kind))| field(value.as_deref(), kind)).collect()
    };
    let rows = rows.into_iter().map(row).collect();
    Ok(Table { columns: columns.into_iter().map(|(name, _)| name).collect(), rows })
}

/// A value in the format of the Data API.
fn field(value: Option<&str>, kind: &str) -> Value {
    match (value, kind) {
        (None, _) => json!({"isNull": true}),
        (Some(value), "smallint" | "integer" | "bigint" | "oid" | "xid") => {
            json!({"longValue": value.parse::<i64>().unwrap_or_default()})
        }
        (Some(value), "boolean") => json!({"booleanValue": value == "t"}),
        (Some(value), _) => json!({"stringValue": value}),
    }
}

/// Inserts the values of parameters into a statement, as text.
fn with_values(sql: &str, parameters: &[Value]) -> String {
    parameters.iter().fold(sql.to_owned(), |sql, parameter| {
        let text = |member: &str| parameter[member].as_str().unwrap_or_default();
        let value = format!("'{}'", text("value").replace('\'', "''"));
        sql.replace(&format!(":{}", text("name")), &value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_texts_and_values_have_their_types() {
        let parameters = [json!({"name": "since", "value": "it's"})];
        assert_eq!(with_values("a > :since AND b", &parameters), "a > 'it''s' AND b");
        assert_eq!(field(Some("7"), "bigint"), json!({"longValue": 7}));
        assert_eq!(field(Some("f"), "boolean"), json!({"booleanValue": false}));
        assert_eq!(field(Some("1.5"), "numeric"), json!({"stringValue": "1.5"}));
        assert_eq!(field(None, "bigint"), json!({"isNull": true}));
    }
}
