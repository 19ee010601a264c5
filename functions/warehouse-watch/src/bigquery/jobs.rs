//! Jobs as listed by BigQuery.
//!
//! Source: BigQuery API reference, `jobs.list` and `Job`. Numbers are text.

use jiff::Timestamp;
use serde_json::Value;

/// A query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) location: Option<String>,
    pub(crate) user: String,
    pub(crate) is_running: bool,
    pub(crate) created: Timestamp,
    pub(crate) started: Option<Timestamp>,
    /// When it ended.
    pub(crate) ended: Option<Timestamp>,
    pub(crate) bytes_billed: u64,
    /// The estimate before it runs.
    pub(crate) bytes_estimated: u64,
    /// Whether it uses a reservation, which is paid separately.
    pub(crate) is_reserved: bool,
    /// Such as `SELECT`.
    pub(crate) kind: Option<String>,
    pub(crate) sql: Option<String>,
    pub(crate) error: Option<String>,
}

/// Whether this is a job with the statistics of a query, or something that is not a listed job at
/// all.
pub(super) fn is_query(job: &Value) -> bool {
    job["statistics"]["query"].is_object() || !job.is_object()
}

impl Job {
    /// `None` if it is not a query, or has no id or time.
    pub(crate) fn read(job: &Value) -> Option<Self> {
        let (statistics, status) = (&job["statistics"], &job["status"]);
        let query = statistics["query"].as_object().map(|_| &statistics["query"])?;
        let state = text(&status["state"]).or_else(|| text(&job["state"]));
        let error = &status["errorResult"];
        Some(Self {
            id: text(&job["jobReference"]["jobId"])?,
            location: text(&job["jobReference"]["location"]),
            // `jobs.list` omits the user if the caller may not see details.
            user: text(&job["user_email"]).unwrap_or_else(|| "unknown".to_owned()),
            is_running: state.as_deref() == Some("RUNNING"),
            created: time(&statistics["creationTime"])?,
            started: time(&statistics["startTime"]),
            ended: time(&statistics["endTime"]).filter(|_| state.as_deref() == Some("DONE")),
            bytes_billed: number(&query["totalBytesBilled"]).unwrap_or_default(),
            bytes_estimated: number(&query["estimatedBytesProcessed"]).unwrap_or_default(),
            is_reserved: text(&statistics["reservation_id"]).is_some(),
            kind: text(&query["statementType"]),
            sql: text(&job["configuration"]["query"]["query"]),
            error: text(&error["message"]).or_else(|| text(&error["reason"])),
        })
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Milliseconds since 1970.
fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(number(value)?).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testkit::assert_bigquery;

    use super::*;

    fn job() -> Value {
        json!({
            "jobReference": {"projectId": "music", "jobId": "job_1", "location": "EU"},
            "user_email": "ada@music.test", "state": "DONE",
            "status": {"state": "DONE", "errorResult": {"reason": "stopped", "message": "no"}},
            "configuration": {"query": {"query": "SELECT 1"}},
            "statistics": {
                "creationTime": "1795849200000", "startTime": "1795849201000",
                "endTime": "1795849260500",
                "query": {
                    "totalBytesBilled": "10485760", "estimatedBytesProcessed": "1024",
                    "statementType": "SELECT",
                },
            },
        })
    }

    #[test]
    fn a_job_is_read_from_numbers_in_text() {
        let expected = Job {
            id: "job_1".to_owned(),
            location: Some("EU".to_owned()),
            user: "ada@music.test".to_owned(),
            is_running: false,
            created: "2026-11-28T07:00:00Z".parse().unwrap(),
            started: Some("2026-11-28T07:00:01Z".parse().unwrap()),
            ended: Some("2026-11-28T07:01:00.5Z".parse().unwrap()),
            bytes_billed: 10_485_760,
            bytes_estimated: 1_024,
            is_reserved: false,
            kind: Some("SELECT".to_owned()),
            sql: Some("SELECT 1".to_owned()),
            error: Some("no".to_owned()),
        };
        assert_eq!(Job::read(&job()), Some(expected));
        // All fields that are read exist in BigQuery.
        assert_bigquery("JobList", &json!({"jobs": [job()]}));
        assert_eq!(number(&json!(1_024)), Some(1_024), "also if it is a number");
    }

    #[test]
    fn a_running_job_has_not_ended() {
        let mut job = job();
        job["status"] = json!({"state": "RUNNING"});
        job["statistics"]["reservation_id"] = json!("music:EU.default");
        job["user_email"] = json!(null);
        let job = Job::read(&job).unwrap();
        assert_eq!((job.is_running, job.ended, job.is_reserved), (true, None, true));
        assert_eq!((&*job.user, job.error), ("unknown", None));
    }

    #[test]
    fn other_jobs_are_not_queries() {
        for (member, value) in [
            ("/statistics/query", json!(null)),
            ("/statistics", json!({"load": {}})),
            ("/statistics/creationTime", json!("soon")),
            ("/jobReference/jobId", json!("")),
        ] {
            let mut job = job();
            *job.pointer_mut(member).unwrap() = value;
            assert_eq!(Job::read(&job), None, "{member}");
            assert_eq!(
                is_query(&job),
                !member.starts_with("/statistics") || member.ends_with("Time")
            );
        }
        assert!(Job::read(&json!(7)).is_none() && is_query(&json!(7)));
    }
}
