//! Prefect's API: a run's error log, a run, and the end of the previous run.
//!
//! Source: Prefect REST API reference, "Read Logs", "Read Flow Run", "Read Flow Runs" and "Read Flow
//! Run States"; requests and answers recorded from a Prefect 3.9.1 server are in the tests.

use std::time::Duration;

use base64_simd::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::aws::{Aws, Connections};
use shared::secrets;
use shared::url::Url;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

/// Time between two requests for a log.
const PAUSE: Duration = Duration::from_millis(500);

/// Prefect's level of errors; CRITICAL is 50.
const ERROR_LEVEL: i64 = 40;

/// Calls Prefect's API.
#[derive(Debug)]
pub(crate) struct Prefect {
    url: Url,
    secret_arn: Option<String>,
    aws: Aws,
    connections: Connections,
    authorization: Option<HeaderValue>,
}

/// Why a request to the API failed. The text contains neither secrets nor parts of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrefectError {
    #[error("Prefect's API answered {0}")]
    Status(u16),
    #[error("Prefect's API did not answer: {0}")]
    NoAnswer(String),
    #[error("the answer of Prefect's API is not understood")]
    Answer,
    #[error("failed to read PREFECT_API_SECRET_ARN: {0}")]
    Secret(String),
}

/// A record of a log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Record {
    pub(crate) timestamp: Option<String>,
    pub(crate) message: Option<String>,
    level: i64,
}

impl Record {
    /// `None` if it has no level.
    fn of(value: &Value) -> Option<Self> {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let level = value["level"].as_i64()?;
        Some(Self { timestamp: text("timestamp"), message: text("message"), level })
    }
}

/// A flow run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct FlowRun {
    pub(crate) id: Uuid,
    pub(crate) name: Option<String>,
    pub(crate) flow_id: Option<Uuid>,
    pub(crate) deployment_id: Option<Uuid>,
    pub(crate) state_type: Option<String>,
    pub(crate) state_name: Option<String>,
    end_time: Option<String>,
}

/// A state of a flow run.
#[derive(Deserialize)]
struct RunState {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    timestamp: Option<String>,
}

/// The failure from which a run recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The name of the previous run; `None`: the same run.
    pub(crate) run: Option<String>,
    pub(crate) state_name: String,
    pub(crate) ended: Timestamp,
}

/// A run that completed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completed<'a> {
    pub(crate) run_id: Uuid,
    pub(crate) run_count: u64,
    pub(crate) deployment_id: Option<&'a str>,
    pub(crate) flow_id: Option<&'a str>,
    pub(crate) ended: Timestamp,
}

/// Whether a type of state is a failure.
pub(crate) fn is_failure(kind: Option<&str>) -> bool {
    matches!(kind, Some("FAILED" | "CRASHED"))
}

fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

impl Prefect {
    /// Opens no connection yet.
    pub(crate) fn new(url: Url, secret_arn: Option<String>, aws: Aws) -> Self {
        let connections = Connections::default();
        Self { url, secret_arn, aws, connections, authorization: None }
    }

    /// The last `limit` errors in the log of a run, oldest first. Prefect stores them up to 2 s
    /// after the event: the API is polled until two answers are the same and not empty, or until
    /// `enough`.
    pub(crate) async fn errors(
        &mut self,
        run: &str,
        id: Uuid,
        limit: usize,
        enough: Instant,
        until: Instant,
    ) -> Result<Vec<Record>, PrefectError> {
        let query = json!({
            "logs": {run: {"any_": [id]}, "level": {"ge_": ERROR_LEVEL}},
            "sort": "TIMESTAMP_DESC",
            "limit": limit,
        });
        let mut last: Option<Vec<Record>> = None;
        loop {
            let answer = self.ask::<Vec<Value>>(Method::POST, "/logs/filter", &query, until).await;
            // An invalid record does not affect the others.
            let answer = answer.and_then(|all| {
                let records: Vec<_> = all.iter().filter_map(Record::of).collect();
                let is_odd = records.is_empty() && !all.is_empty();
                if is_odd { Err(PrefectError::Answer) } else { Ok(records) }
            });
            match (answer, &last) {
                // The log that was read before is used.
                (Err(_), Some(_)) => break,
                (Err(error), None) => return Err(error),
                (Ok(answer), _) => {
                    let is_same = last.as_ref() == Some(&answer);
                    let is_done = is_same && !answer.is_empty();
                    last = Some(answer);
                    if is_done {
                        break;
                    }
                }
            }
            if Instant::now() + PAUSE > enough {
                break;
            }
            sleep(PAUSE).await;
        }
        let mut records = last.unwrap_or_default();
        records.retain(|record| record.level >= ERROR_LEVEL);
        records.truncate(limit);
        records.reverse();
        Ok(records)
    }

    /// A flow run.
    pub(crate) async fn run(&mut self, id: Uuid, until: Instant) -> Result<FlowRun, PrefectError> {
        let path = format!("/flow_runs/{id}");
        let run: FlowRun = self.ask(Method::GET, &path, &Value::Null, until).await?;
        if run.id == id { Ok(run) } else { Err(PrefectError::Answer) }
    }

    /// The failure from which a run recovered: its own, or that of the previous run.
    pub(crate) async fn failure_before(
        &mut self,
        completed: Completed<'_>,
        until: Instant,
    ) -> Result<Option<Failure>, PrefectError> {
        let Completed { run_id, run_count, deployment_id, flow_id, ended } = completed;
        if run_count > 1 {
            let path = format!("/flow_run_states/?flow_run_id={run_id}");
            let states: Vec<RunState> = self.ask(Method::GET, &path, &Value::Null, until).await?;
            let failures = states.into_iter().filter(|state| is_failure(Some(&state.kind)));
            let failures = failures.filter_map(|state| {
                let ended = time(state.timestamp.as_deref())?;
                Some(Failure { run: None, state_name: state.name.unwrap_or(state.kind), ended })
            });
            let earlier = failures.filter(|failure| failure.ended < ended);
            let last = earlier.max_by_key(|failure| failure.ended);
            if last.is_some() {
                return Ok(last);
            }
        }
        let mut query = json!({
            "flow_runs": {
                "state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}},
                "end_time": {"before_": ended.to_string()},
            },
            "sort": "END_TIME_DESC",
            // The run itself may be one of them.
            "limit": 2,
        });
        match (deployment_id, flow_id) {
            (Some(id), _) => query["flow_runs"]["deployment_id"] = json!({"any_": [id]}),
            (None, Some(id)) => query["flows"] = json!({"id": {"any_": [id]}}),
            (None, None) => return Ok(None),
        }
        let runs: Vec<FlowRun> = self.ask(Method::POST, "/flow_runs/filter", &query, until).await?;
        let before = runs.into_iter().find(|run| run.id != run_id);
        Ok(before.filter(|run| is_failure(run.state_type.as_deref())).and_then(|run| {
            let state_name = run.state_name.or(run.state_type)?;
            let name = run.name.unwrap_or_else(|| run.id.to_string());
            let ended = time(run.end_time.as_deref())?;
            Some(Failure { run: Some(name), state_name, ended })
        }))
    }

    /// Sends a request until it is answered, but not after `until`. Does not follow redirects.
    async fn ask<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: &Value,
        until: Instant,
    ) -> Result<T, PrefectError> {
        let authorization = self.authorization(until).await?;
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let mut last = PrefectError::NoAnswer("no time is left".to_owned());
        while Instant::now() < until {
            let mut request = Request::new(body.clone());
            *request.method_mut() = method.clone();
            let uri = format!("{}{path}", self.url.as_str()).parse();
            *request.uri_mut() = uri.map_err(|_| PrefectError::Answer)?;
            let headers = request.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.extend(authorization.clone().map(|value| (AUTHORIZATION, value)));
            last = match timeout_at(until, self.connections.exchange(request)).await {
                Ok(Ok(answer)) => match answer.status {
                    200..=299 => {
                        return serde_json::from_slice(&answer.body)
                            .map_err(|_| PrefectError::Answer);
                    }
                    429 | 500.. => PrefectError::Status(answer.status),
                    status => {
                        // The key may have been replaced.
                        if matches!(status, 401 | 403) {
                            self.authorization = None;
                        }
                        return Err(PrefectError::Status(status));
                    }
                },
                Ok(Err(error)) => PrefectError::NoAnswer(error.to_string()),
                Err(_) => PrefectError::NoAnswer("the time was up".to_owned()),
            };
            sleep(PAUSE.min(until.saturating_duration_since(Instant::now()))).await;
        }
        Err(last)
    }

    /// `Basic` for user and password, `Bearer` for a key. The secret is read once.
    async fn authorization(&mut self, until: Instant) -> Result<Option<HeaderValue>, PrefectError> {
        if let (Some(arn), None) = (&self.secret_arn, &self.authorization) {
            let failed = |reason: &dyn ToString| PrefectError::Secret(reason.to_string());
            // Boxed: the SDK's state is large.
            let text = timeout_at(until, Box::pin(secrets::text(&self.aws, arn))).await;
            let text = text.map_err(|_| failed(&"the time was up"))?;
            let text = text.map_err(|failure| failed(&failure))?;
            let text = text.trim();
            let value = if text.contains(':') {
                format!("Basic {}", STANDARD.encode_to_string(text))
            } else {
                format!("Bearer {text}")
            };
            let value = HeaderValue::try_from(value).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            self.authorization = Some(value.map_err(|_| failed(&"it is not a key"))?);
        }
        Ok(self.authorization.clone())
    }
}
