//! A scripted endpoint for SNS, Secrets Manager and Prefect's API.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply};

pub(crate) const SECRET_ARN: &str =
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webhook-AbCdEf";
pub(crate) const API_SECRET_ARN: &str =
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prefect-AbCdEf";

/// The secrets of the callers: the events in `events/pipeline-alerts/` contain one of these.
pub(crate) const SECRETS: [&str; 2] = ["music-pipelines-1-8f2c41", "music-pipelines-2-77ab90"];

/// The text of a secret for which no read ends.
pub(crate) const HANGS: &str = "hangs";

/// The data of Prefect's API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Prefect {
    /// Records of every log.
    pub(crate) logs: Value,
    pub(crate) run: Value,
    pub(crate) runs: Value,
    pub(crate) states: Value,
}

/// The reaction of a service to a call.
#[derive(Debug, Default)]
pub(crate) enum Act {
    /// It works.
    #[default]
    Work,
    /// It sends another reply.
    Reply(Reply),
}

/// Returns the same reaction for each of several calls.
pub(crate) type MakeAct = fn() -> Act;

impl Act {
    pub(crate) fn status(status: u16) -> Self {
        Self::Reply(Reply::new(status, "text/plain", "hush"))
    }

    pub(crate) fn json(body: &Value) -> Self {
        Self::Reply(Reply::json(200, body))
    }
}

/// The three services, with the first reactions of each before it works.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    pub(crate) prefect: Prefect,
    pub(crate) api: Vec<Act>,
    pub(crate) sns: Vec<Act>,
    /// Texts of the webhook's secret, one for each read; the last one is permanent. `None` is a
    /// rejected call.
    pub(crate) secrets: Vec<Option<String>>,
    /// The text of the API's secret.
    pub(crate) api_secret: Option<String>,
}

impl Outside {
    pub(crate) async fn start(self) -> Endpoint {
        let Self { prefect, api, sns, secrets, api_secret } = self;
        let [mut api, mut sns] = [api, sns].map(VecDeque::from);
        let mut secrets = VecDeque::from(secrets);
        Endpoint::start(move |call| {
            if call.path.starts_with("/api/") {
                return match api.pop_front().unwrap_or_default() {
                    Act::Work => prefect.answer(call),
                    Act::Reply(reply) => reply,
                };
            }
            if call.operation == "GetSecretValue" {
                let text = if call.json()["SecretId"] == API_SECRET_ARN {
                    api_secret.clone()
                } else if secrets.len() > 1 {
                    secrets.pop_front().flatten()
                } else {
                    secrets.front().cloned().unwrap_or_else(|| Some(SECRETS.join("\n")))
                };
                if text.as_deref() == Some(HANGS) {
                    return Reply::Never;
                }
                return text.map_or_else(
                    || Reply::aws_error(400, "AccessDeniedException"),
                    |text| Reply::json(200, &json!({"Name": "a", "SecretString": text})),
                );
            }
            match sns.pop_front().unwrap_or_default() {
                Act::Work => Reply::published(),
                Act::Reply(reply) => reply,
            }
        })
        .await
    }
}

/// The error of SNS with this status and code.
pub(crate) fn sns_error(status: u16, code: &str) -> Act {
    Act::Reply(Reply::query_error(status, code))
}

impl Prefect {
    fn answer(&self, call: &Call) -> Reply {
        let answer = match (call.method.as_str(), &*call.path) {
            ("POST", "/api/logs/filter") => &self.logs,
            ("POST", "/api/flow_runs/filter") => &self.runs,
            ("GET", "/api/flow_run_states/") => &self.states,
            ("GET", path) if path.starts_with("/api/flow_runs/") => &self.run,
            other => panic!("{other:?}"),
        };
        match answer {
            Value::Null if call.path.ends_with("filter") => Reply::json(200, &json!([])),
            Value::Null => Reply::json(404, &json!({"detail": "not found"})),
            answer => Reply::json(200, answer),
        }
    }
}

/// The calls to Prefect's API.
pub(crate) fn api_calls(endpoint: &Endpoint) -> Vec<Call> {
    endpoint.calls().into_iter().filter(|call| call.path.starts_with("/api/")).collect()
}

/// How often a secret was read.
pub(crate) fn secret_reads(endpoint: &Endpoint) -> usize {
    endpoint.calls().iter().filter(|call| call.operation == "GetSecretValue").count()
}
