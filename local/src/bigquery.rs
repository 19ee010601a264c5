//! A stand-in for BigQuery's list of jobs, and for the exchange of AWS credentials for a Google
//! access token.
//!
//! Sources: the discovery document of the BigQuery API v2 (`jobs.list`); "Workload identity federation
//! with AWS", Google Cloud's documentation.

use std::io;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::server::{self, Embedded};

/// The running endpoint. Dropping it closes its port.
pub type BigQuery = Embedded<State>;

/// The jobs.
#[derive(Debug)]
pub struct State {
    jobs: Vec<Value>,
}

impl BigQuery {
    /// Starts the server, with these jobs in every project.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start(jobs: Vec<Value>) -> io::Result<Self> {
        Self::open(|_| State { jobs }, async |state, request| Ok(answer(&state, &request))).await
    }

    /// The credentials of an AWS role, without a key, in the form in which Google's console writes
    /// them.
    #[must_use]
    pub fn credentials(&self) -> String {
        json!({
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b",
            "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
            "token_url": format!("{}/v1/token", self.url()),
            "credential_source": {
                "environment_id": "aws1",
                "regional_cred_verification_url":
                    "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
            },
        })
        .to_string()
    }
}

/// A query of 2 TiB, which costs 12.50 USD on demand and has just ended.
#[must_use]
pub fn expensive_job() -> Value {
    let ms = |before: i64| (Timestamp::now().as_millisecond() - before).to_string();
    json!({
        "kind": "bigquery#job",
        "id": "music-analytics:EU.job_a1",
        "jobReference": {"projectId": "music-analytics", "jobId": "job_a1", "location": "EU"},
        "user_email": "ada@example.com",
        "status": {"state": "DONE"},
        "configuration": {"jobType": "QUERY", "query": {"query": "SELECT * FROM music.plays"}},
        "statistics": {
            "creationTime": ms(90_000),
            "startTime": ms(89_000),
            "endTime": ms(30_000),
            "query": {"totalBytesBilled": (2_u64 << 40).to_string(), "statementType": "SELECT"},
        },
    })
}

fn answer(state: &State, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, body) = match request.uri().path() {
        "/v1/token" => (
            StatusCode::OK,
            json!({
                "access_token": "local", "token_type": "Bearer", "expires_in": 3_600,
            }),
        ),
        path if path.starts_with("/bigquery/v2/projects/") && path.ends_with("/jobs") => {
            (StatusCode::OK, json!({"kind": "bigquery#jobList", "jobs": state.jobs}))
        }
        _ => (StatusCode::NOT_FOUND, json!({"error": {"code": 404, "message": "Not found"}})),
    };
    server::response(status, "application/json", body.to_string())
}

#[cfg(test)]
mod tests {
    use testkit::assert_bigquery;

    use super::*;

    #[tokio::test]
    async fn jobs_are_listed_as_google_lists_them() {
        let jobs = [expensive_job()];
        let bigquery = BigQuery::start(jobs.to_vec()).await.unwrap();
        let uri = format!("{}/bigquery/v2/projects/a/jobs?allUsers=true", bigquery.url());
        let request = Request::get(uri).body(Bytes::new()).unwrap();
        let answer = shared::aws::Connections::default().exchange(request).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_bigquery("JobList", &answer);
        assert_eq!(answer["jobs"], json!(jobs));
    }
}
