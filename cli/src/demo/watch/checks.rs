//! A table that lags behind its source, in the warehouse.

use std::path::Path;

use local::monitoring::Monitoring;
use local::warehouse::Table;
use serde_json::json;

use super::warehouse::{table, time};
use crate::demo::health::invoke;
use crate::demo::notification::TOPIC;
use crate::error::CliError;

pub(super) const FUNCTION: &str = "data-checks";

/// One play per minute for 23 hours, and a copy without those of the last three hours.
pub(super) const TABLES: &str = "
CREATE TABLE plays_staged AS
SELECT played_at FROM generate_series(
    now()::timestamp - interval '23 hours', now()::timestamp - interval '1 minute', '1 minute'
) played_at;
CREATE TABLE plays_loaded AS
SELECT played_at FROM plays_staged
WHERE played_at <= (SELECT max(played_at) FROM plays_staged) - interval '3 hours';
";

/// The results of the statements on these tables.
pub(super) fn fixed() -> [(&'static str, Table); 2] {
    let counted = |rows: u64, before: i64| table(json!([{"count": rows, "max": time(before)}]));
    [("plays_staged", counted(1_380, 60)), ("plays_loaded", counted(1_200, 60 + 3 * 3_600))]
}

/// Runs the function once over the warehouse at this URL.
pub(super) async fn run(
    binary: &Path,
    monitoring: &Monitoring,
    warehouse: &str,
) -> Result<(), CliError> {
    let end = |table: &str| {
        let sql = format!(
            "SELECT count(*), max(played_at) FROM {table} \
             WHERE played_at >= {{from}} AND played_at < {{to}}"
        );
        json!({"kind": "redshift", "cluster": "music", "database": "dev", "sql": sql})
    };
    let checks = json!([{
        "name": "plays", "source": end("plays_staged"), "target": end("plays_loaded"),
        "window_hours": 24, "max_lag_minutes": 60,
    }])
    .to_string();
    let variables = [
        ("AWS_ENDPOINT_URL", monitoring.url()),
        ("AWS_ENDPOINT_URL_REDSHIFT_DATA", warehouse),
        ("ALERTS_TOPIC_ARN", TOPIC),
        ("CHECKS", &*checks),
    ];
    invoke(FUNCTION, binary, &variables, "{}".into()).await.map(drop)
}
