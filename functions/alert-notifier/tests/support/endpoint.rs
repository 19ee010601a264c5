//! A scripted HTTP endpoint: a Google Chat space, CloudWatch, CloudWatch Logs and Secrets Manager
//! at once, told apart by what is asked.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_cbor::Encoder;
use aws_smithy_types::DateTime;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use local::server::{Server, bind};
use serde::Deserialize;
use serde_json::{Value, json};

/// An endpoint; its port closes when it is dropped.
pub(crate) struct Endpoint {
    pub(crate) url: String,
    state: Arc<State>,
    _server: Server,
}

#[derive(Default)]
struct State {
    script: Script,
    chat: Mutex<VecDeque<Chat>>,
    posts: Mutex<Vec<Post>>,
    calls: Mutex<Vec<Call>>,
}

/// What the services other than Google Chat know.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Script {
    /// Pages of error lines; `null` is a refusal. Without it there is no log group.
    pub(crate) logs: Option<Vec<Option<Lines>>>,
    /// The stream of every line.
    pub(crate) log_stream: String,
    /// The log group in the configuration of every function.
    pub(crate) log_group: Option<String>,
    /// Lambda refuses to show the configuration of functions.
    pub(crate) lambda_refuses: bool,
    /// The logs never answer.
    pub(crate) logs_hang: bool,
    /// Changes of state: time in milliseconds, state before and after. Without it the history is
    /// refused.
    pub(crate) history: Option<Vec<(u64, String, String)>>,
    /// The text of every secret.
    pub(crate) secret: Option<String>,
}

/// Times in milliseconds and texts.
type Lines = Vec<(u64, String)>;

/// How Google Chat behaves for one request.
#[derive(Clone, Debug)]
pub(crate) enum Chat {
    /// A status with headers.
    Status(u16, Vec<(&'static str, String)>),
    /// Nothing, ever.
    Never,
    /// The connection breaks after the message was taken.
    Drop,
}

/// A message that came in, posted or not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Post {
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) bytes: usize,
    pub(crate) body: Value,
}

/// A call of an AWS service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) body: Value,
}

impl Endpoint {
    pub(crate) async fn start(script: Script, chat: impl IntoIterator<Item = Chat>) -> Self {
        let (listener, address) = bind().await.unwrap();
        let url = format!("http://{address}");
        let chat = Mutex::new(chat.into_iter().collect());
        let state = Arc::new(State { script, chat, ..State::default() });
        let shared = Arc::clone(&state);
        let server =
            Server::start_fallible(listener, move |request| answer(Arc::clone(&shared), request));
        Self { url, state, _server: server }
    }

    /// The webhook's URL.
    pub(crate) fn webhook(&self) -> String {
        format!("{}/v1/spaces/AAA/messages?key={KEY}&token={TOKEN}", self.url)
    }

    pub(crate) fn take_posts(&self) -> Vec<Post> {
        std::mem::take(&mut self.state.posts.lock().unwrap())
    }

    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.calls.lock().unwrap())
    }
}

/// The webhook's key and token, which must never be seen.
pub(crate) const KEY: &str = "AIzaSyHushHushKey";
pub(crate) const TOKEN: &str = "hush_hush-token%3D";

impl Post {
    /// The value of a parameter of the query that is there once.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        let mut found = self.query.iter().filter(|(own, _)| own == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice: {:?}", self.query);
        value.unwrap_or_else(|| panic!("no {name}: {:?}", self.query))
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let target = request.headers().get("x-amz-target").cloned();
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    if let Some(target) = target {
        let operation = target.to_str().unwrap().split('.').nth(1).unwrap().to_owned();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let page = body["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        state.calls.lock().unwrap().push(Call { operation: operation.clone(), body });
        return Ok(match operation.as_str() {
            "FilterLogEvents" => logs(&state.script, page).await,
            "GetSecretValue" => secret(&state.script),
            _ => panic!("{operation}"),
        });
    }
    if let Some(operation) = path.split("/operation/").nth(1) {
        let call = Call { operation: operation.to_owned(), body: Value::Null };
        state.calls.lock().unwrap().push(call);
        return Ok(history(&state.script));
    }
    if path.ends_with("/configuration") {
        let call = Call { operation: "GetFunctionConfiguration".to_owned(), body: json!(path) };
        state.calls.lock().unwrap().push(call);
        return Ok(configuration(&state.script));
    }
    let bytes = body.len();
    let body = serde_json::from_slice(&body).unwrap();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    let query = query.split('&').map(pair).collect();
    state.posts.lock().unwrap().push(Post { path, query, bytes, body });
    let behaviour = state.chat.lock().unwrap().pop_front();
    match behaviour {
        None => Ok(response(200, "application/json", b"{\"name\":\"spaces/AAA/messages/1\"}")),
        Some(Chat::Never) => std::future::pending().await,
        Some(Chat::Drop) => Err(io::Error::other("dropped")),
        Some(Chat::Status(status, headers)) => {
            // What comes with an error may quote anything.
            let body = format!(
                r#"{{"error":{{"code":{status},"message":"key={KEY}","status":"SOME_CODE"}}}}"#
            );
            let mut answer = response(status, "application/json", body.as_bytes());
            for (name, value) in headers {
                answer.headers_mut().insert(name, value.parse().unwrap());
            }
            Ok(answer)
        }
    }
}

async fn logs(script: &Script, page: usize) -> Response<Full<Bytes>> {
    if script.logs_hang {
        tokio::time::sleep(Duration::from_hours(1)).await;
    }
    let Some(pages) = &script.logs else { return refusal("ResourceNotFoundException") };
    let Some(lines) = pages.get(page).and_then(Option::as_ref) else {
        return refusal("AccessDeniedException");
    };
    let event = |(at, (at_ms, text)): (usize, &(u64, String))| json!({"timestamp": at_ms, "message": text, "eventId": format!("{page}-{at}"), "logStreamName": script.log_stream});
    let events: Vec<_> = lines.iter().enumerate().map(event).collect();
    let next = (page + 1 < pages.len()).then(|| (page + 1).to_string());
    let body = json!({"events": events, "nextToken": next}).to_string();
    response(200, "application/x-amz-json-1.1", body.as_bytes())
}

fn configuration(script: &Script) -> Response<Full<Bytes>> {
    if script.lambda_refuses {
        return refusal("AccessDeniedException");
    }
    let logging = script.log_group.as_ref().map(|group| json!({"LogGroup": group}));
    let body = json!({"LoggingConfig": logging}).to_string();
    response(200, "application/json", body.as_bytes())
}

fn secret(script: &Script) -> Response<Full<Bytes>> {
    let Some(secret) = &script.secret else { return refusal("ResourceNotFoundException") };
    let body = json!({"ARN": "arn:secret", "Name": "secret", "SecretString": secret}).to_string();
    response(200, "application/x-amz-json-1.1", body.as_bytes())
}

/// In CBOR, which `DescribeAlarmHistory` speaks.
fn history(script: &Script) -> Response<Full<Bytes>> {
    let mut out = Encoder::new(Vec::new());
    let Some(changes) = &script.history else {
        out.map(1).str("__type").str("com.amazonaws.cloudwatch#InvalidNextToken");
        return cbor(400, out);
    };
    out.begin_map().str("AlarmHistoryItems").begin_array();
    for (at_ms, old, new) in changes {
        let data = json!({"oldState": {"stateValue": old}, "newState": {"stateValue": new}});
        let at = DateTime::from_millis(i64::try_from(*at_ms).unwrap());
        out.begin_map();
        out.str("Timestamp").timestamp(&at);
        out.str("HistoryItemType").str("StateUpdate");
        out.str("HistorySummary").str(&format!("Alarm updated from {old} to {new}"));
        out.str("HistoryData").str(&data.to_string());
        out.end();
    }
    out.end().end();
    cbor(200, out)
}

fn cbor(status: u16, out: Encoder) -> Response<Full<Bytes>> {
    let mut response = response(status, "application/cbor", &out.into_writer());
    response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor".parse().unwrap());
    response
}

fn refusal(code: &str) -> Response<Full<Bytes>> {
    let body = json!({"__type": code, "message": "no"}).to_string();
    response(400, "application/x-amz-json-1.1", body.as_bytes())
}

fn response(status: u16, content_type: &str, body: &[u8]) -> Response<Full<Bytes>> {
    let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    let response = response.header("content-type", content_type);
    response.body(Full::new(Bytes::copy_from_slice(body))).unwrap()
}
