//! The monitoring of functions, in one endpoint: the parts of CloudWatch, CloudWatch Logs and
//! Lambda's own API that sluice's functions call, the topic and the secrets of alerts, and a Google
//! Chat space. Also the log of the Lambda platform.
//!
//! Sources: the API references of AWS Lambda (`ListFunctions`, `GetAccountSettings`,
//! `GetFunctionConcurrency`, `GetFunctionConfiguration`), Amazon CloudWatch (`GetMetricData`,
//! `ListMetrics`), Amazon CloudWatch Logs (`FilterLogEvents`), Amazon SNS (`Publish`) and AWS Secrets
//! Manager (`GetSecretValue`); Google Chat API, `spaces.messages.create`.

pub mod cbor;
mod platform;

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

pub use platform::{Ended, LogEvent, subscription, timestamp};

use crate::server::{self, locked, read_body};

const REQUEST_BYTES: usize = 1 << 20;

/// The running endpoint. Dropping it closes its port.
pub type Monitoring = crate::server::Embedded<State>;

/// The state of the endpoint, and what it has received.
#[derive(Debug, Default)]
pub struct State(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    functions: BTreeMap<String, Watched>,
    messages: Vec<Value>,
    secrets: BTreeMap<String, String>,
    published: Vec<String>,
}

/// A function, and the results of its invocations.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// Its timeout.
    pub timeout: Duration,
    /// Its values in `AWS/Lambda`, by metric, in the latest requested minute.
    pub metrics: BTreeMap<&'static str, f64>,
    /// The events of its log group.
    pub log: Vec<LogEvent>,
}

impl Monitoring {
    /// Starts the endpoint, without any functions.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start() -> io::Result<Self> {
        Self::open(|_| State::default(), async |state, request| Ok(answer(&state, request).await))
            .await
    }

    /// The webhook of the Google Chat space.
    #[must_use]
    pub fn webhook(&self) -> String {
        format!("{}/v1/spaces/local/messages?key=local&token=local", self.url())
    }

    /// Adds or replaces a function.
    pub fn watch(&self, name: impl Into<String>, function: Watched) {
        locked(&self.state.0).functions.insert(name.into(), function);
    }

    /// Stores the text of a secret under its ARN.
    pub fn keep_secret(&self, arn: impl Into<String>, text: impl Into<String>) {
        locked(&self.state.0).secrets.insert(arn.into(), text.into());
    }

    /// The messages published to the topic, in the form that a Lambda function receives.
    #[must_use]
    pub fn published(&self) -> Vec<String> {
        locked(&self.state.0).published.clone()
    }

    /// The messages posted to the space, unchanged.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        locked(&self.state.0).messages.clone()
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(state: &State, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let Ok(body) = read_body(body, REQUEST_BYTES).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let mut state = locked(&state.0);
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let path = head.uri.path().trim_end_matches('/');
    let json = || serde_json::from_slice::<Value>(&body).ok();
    let answer = match (target, path) {
        (Some("Logs_20140328.FilterLogEvents"), _) => json().map(|asked| state.error_lines(&asked)),
        (Some("secretsmanager.GetSecretValue"), _) => json().and_then(|asked| state.secret(&asked)),
        (None, "") => return state.publish(&body),
        (None, "/2015-03-31/functions") => Some(state.list()),
        // No concurrency is reserved, and the account has the defaults of a new one.
        (None, "/2016-08-19/account-settings") => Some(json!({"AccountLimit": {
            "ConcurrentExecutions": 1_000, "UnreservedConcurrentExecutions": 1_000,
        }})),
        // Nothing else is configured either: a function logs to its own log group.
        (None, path) if path.ends_with("/concurrency") || path.ends_with("/configuration") => {
            Some(json!({}))
        }
        (None, path) if path.ends_with("/operation/GetMetricData") => {
            let asked = cbor::decode(&body).ok().map(|asked| state.metric_data(&asked));
            return asked.map_or_else(|| refusal(StatusCode::BAD_REQUEST), cbor_reply);
        }
        // No function has provisioned concurrency or is a replica of Lambda@Edge.
        (None, path) if path.ends_with("/operation/ListMetrics") => {
            return cbor_reply(cbor::no_metrics());
        }
        (None, path) if path.starts_with("/v1/spaces/") => json().map(|message| {
            state.messages.push(message);
            json!({"name": "spaces/local/messages/1"})
        }),
        _ => return refusal(StatusCode::NOT_FOUND),
    };
    let ok = |body: Value| server::response(StatusCode::OK, "application/json", body.to_string());
    answer.map_or_else(|| refusal(StatusCode::BAD_REQUEST), ok)
}

impl Contents {
    fn list(&self) -> Value {
        let functions = self.functions.iter().map(|(name, function)| {
            json!({"FunctionName": name, "Timeout": function.timeout.as_secs(), "MemorySize": 128})
        });
        json!({"Functions": functions.collect::<Vec<_>>(), "NextMarker": null})
    }

    fn secret(&self, asked: &Value) -> Option<Value> {
        let arn = asked["SecretId"].as_str()?;
        let text = self.secrets.get(arn)?;
        Some(json!({"ARN": arn, "Name": arn, "SecretString": text}))
    }

    /// Stores the message of a call to SNS `Publish`.
    fn publish(&mut self, form: &[u8]) -> Answer {
        let Some(message) = field(form, "Message") else {
            return refusal(StatusCode::BAD_REQUEST);
        };
        let by_protocol = serde_json::from_str::<Value>(&message).unwrap_or_default();
        let for_lambda = by_protocol["lambda"].as_str().or_else(|| by_protocol["default"].as_str());
        self.published.push(for_lambda.map_or(message.clone(), str::to_owned));
        let id = self.published.len();
        let body = format!(
            "<PublishResponse><PublishResult><MessageId>{id}</MessageId></PublishResult>\
             </PublishResponse>"
        );
        server::response(StatusCode::OK, "text/xml", body)
    }

    fn metric_data(&self, asked: &Value) -> Vec<u8> {
        let queries = asked["MetricDataQueries"].as_array().map_or(&[][..], Vec::as_slice);
        let results: Vec<_> = queries
            .iter()
            .map(|query| (query["Id"].as_str().unwrap_or_default(), self.value(query)))
            .collect();
        // The end time is exclusive.
        let minute = asked["EndTime"].as_f64().unwrap_or_default() - 60.0;
        cbor::metric_data(&results, minute)
    }

    fn value(&self, query: &Value) -> Option<f64> {
        let metric = &query["MetricStat"]["Metric"];
        let function = self.functions.get(metric["Dimensions"][0]["Value"].as_str()?)?;
        function.metrics.get(metric["MetricName"].as_str()?).copied()
    }

    /// The events of a log group that contain one of the pattern's terms.
    fn error_lines(&self, asked: &Value) -> Value {
        let group = asked["logGroupName"].as_str().unwrap_or_default();
        let function = self.functions.get(group.trim_start_matches("/aws/lambda/"));
        let terms = terms(asked["filterPattern"].as_str().unwrap_or_default());
        let time = |name: &str| asked[name].as_u64();
        let events: Vec<_> = function
            .into_iter()
            .flat_map(|function| &function.log)
            .enumerate()
            .filter(|(_, event)| terms.iter().any(|term| event.message.contains(term)))
            .filter(|(_, event)| time("startTime").is_none_or(|start| start <= event.at_ms))
            .filter(|(_, event)| time("endTime").is_none_or(|end| event.at_ms <= end))
            .map(|(at, event)| {
                let LogEvent { at_ms, message } = event;
                json!({"eventId": format!("{at:056}"), "timestamp": at_ms, "message": message})
            })
            .collect();
        json!({"events": events})
    }
}

/// The terms of a pattern that matches any of them: `?ERROR ?"Task timed out"`.
fn terms(pattern: &str) -> Vec<&str> {
    let terms = pattern.split('?').map(|term| term.trim().trim_matches('"'));
    terms.filter(|term| !term.is_empty()).collect()
}

/// The value of a form field.
fn field(form: &[u8], name: &str) -> Option<String> {
    let form = std::str::from_utf8(form).ok()?.replace('+', " ");
    let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
}

/// An answer of CloudWatch.
pub(crate) fn cbor_reply(body: Vec<u8>) -> Answer {
    let mut response = server::response(StatusCode::OK, "application/cbor", body);
    response.headers_mut().insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    response
}

fn refusal(status: StatusCode) -> Answer {
    server::response(status, "application/json", "{}")
}
