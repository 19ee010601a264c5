//! Queries on BigQuery.
//!
//! Source: BigQuery API reference, `jobs.query`, `jobs.getQueryResults` and `jobs.cancel`.

use std::time::Duration;

use serde_json::{Value, json};
use shared::google::BigQuery;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::Unread;
use crate::measured::Column;

/// How long BigQuery waits before it answers the first time without a result, in milliseconds:
/// short, so that there soon is a job that can be cancelled.
const FIRST_ANSWER_MS: u64 = 500;
const ANSWER_MS: u64 = 10_000;

/// Minimum time between two polls for a result.
const PAUSE: Duration = Duration::from_millis(500);

/// Maximum time for cancelling a job.
const CANCEL_TIME: Duration = Duration::from_secs(2);

/// A query, with its cost limit.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pub(super) client: &'a BigQuery,
    pub(super) project: &'a str,
    pub(super) location: Option<&'a str>,
    pub(super) maximum_bytes: u64,
    pub(super) sql: &'a str,
}

impl Query<'_> {
    /// Returns the first row of the answer; empty if it has none. A job that is not complete at
    /// `until` is cancelled.
    pub(super) async fn first_row(&self, until: Instant) -> Result<Vec<Column>, Unread> {
        let path = format!("/bigquery/v2/projects/{}/queries", self.project);
        let mut body = json!({
            "query": self.sql,
            "useLegacySql": false,
            "maximumBytesBilled": self.maximum_bytes.to_string(),
            "maxResults": 1,
            "timeoutMs": FIRST_ANSWER_MS,
            // With this id, a repeated request does not run the query twice.
            "requestId": Uuid::new_v4().to_string(),
        });
        if let Some(location) = self.location {
            body["location"] = json!(location);
        }
        let wait = ANSWER_MS.to_string();
        let mut answer = self.client.post(&path, &body, until).await.map_err(Unread::new)?;
        let job = answer["jobReference"].clone();
        let location = job["location"].as_str().or(self.location).unwrap_or_default();
        while answer["jobComplete"] != true {
            let Some(id) = job["jobId"].as_str().filter(|id| is_id(id)) else {
                return Err(Unread::new("the answer has neither a result nor a job"));
            };
            let mut parameters = vec![("timeoutMs", &*wait), ("maxResults", "1")];
            if !location.is_empty() {
                parameters.push(("location", location));
            }
            let asked = Instant::now();
            let results = self.client.get(&format!("{path}/{id}"), &parameters, until).await;
            answer = match results.map_err(Unread::new) {
                Ok(answer) if answer["jobComplete"] == true => answer,
                Ok(answer) if asked + PAUSE < until => {
                    sleep_until(asked + PAUSE).await;
                    answer
                }
                unread => {
                    self.cancel(id, location).await;
                    return Err(unread.err().unwrap_or_else(Unread::late));
                }
            };
        }
        Ok(first_row(&answer))
    }

    async fn cancel(&self, id: &str, location: &str) {
        let path = format!("/bigquery/v2/projects/{}/jobs/{id}/cancel", self.project);
        let path = if location.is_empty() { path } else { format!("{path}?location={location}") };
        let until = Instant::now() + CANCEL_TIME;
        if let Err(error) = self.client.post(&path, &json!({}), until).await {
            tracing::warn!(job = id, %error, "failed to cancel a query");
        }
    }
}

/// Whether a text is a valid job id: it becomes part of a path.
fn is_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// All values are text; NULL is null.
fn first_row(answer: &Value) -> Vec<Column> {
    let column = |cell: &Value| match &cell["v"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let cells = answer["rows"][0]["f"].as_array();
    cells.into_iter().flatten().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_is_text_or_null() {
        let row = |rows: Value| first_row(&json!({ "rows": rows }));
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            row(json!([{"f": [{"v": "990"}, {"v": null}, {"v": "1.79E9"}]}, {"f": [{"v": "1"}]}])),
            [text("990"), None, text("1.79E9")]
        );
        // A repeated column is not a number of rows.
        assert_eq!(row(json!([{"f": [{"v": [{"v": "1"}]}]}])), [text(r#"[{"v":"1"}]"#)]);
        for none in [json!(null), json!([]), json!([{}])] {
            assert_eq!(row(none), []);
        }
    }

    #[test]
    fn ids_of_jobs_are_no_other_path() {
        assert!(is_id("job_aB-1"));
        for text in ["", "..", "a/b", "a?b", "a b"] {
            assert!(!is_id(text), "{text}");
        }
    }
}
