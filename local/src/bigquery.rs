//! BigQuery's list of jobs, and the exchange of AWS credentials for a Google access token.
//!
//! Sources: the discovery document of the BigQuery API v2 (`jobs.list`); "Workload identity federation
//! with AWS", Google Cloud's documentation.

use std::io;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::server::{self, Embedded};

/// The running endpoint. Dropping it closes its port.
pub type BigQuery = Embedded<State>;

/// What the endpoint knows.
#[derive(Debug)]
pub struct State {
    jobs: Vec<Value>,
}

impl BigQuery {
    /// Opens the endpoint, which has these jobs in every project.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(jobs: Vec<Value>) -> io::Result<Self> {
        Self::open(|_| State { jobs }, async |state, request| Ok(answer(&state, &request))).await
    }

    /// The credentials of a role of AWS, without a key, as Google's console writes them.
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
