//! A scripted endpoint that speaks SQS's JSON protocol: `SendMessageBatch` and
//! `ChangeMessageVisibilityBatch`.
//!
//! Source: Amazon SQS API reference.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use local::server::{Server, bind};
use serde_json::{Value, json};

/// An endpoint; its port closes when it is dropped.
pub(crate) struct Queues {
    pub(crate) url: String,
    state: Arc<State>,
    _server: Server,
}

#[derive(Default)]
struct State {
    replies: Mutex<VecDeque<Reply>>,
    calls: Mutex<Vec<Call>>,
}

/// A call that came in.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Such as `SendMessageBatch`.
    pub(crate) operation: String,
    pub(crate) body: Value,
}

/// What is answered to a call.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Done, but for the entries at these places.
    Except(Vec<usize>),
    /// The answer tells of the first few entries only.
    Mention(usize),
    /// The call fails with this status and error code.
    Error(u16, &'static str),
    /// Nothing, ever.
    Never,
}

impl Queues {
    /// An endpoint that gives these replies, one after the other, and then does everything.
    pub(crate) async fn replying(replies: impl IntoIterator<Item = Reply>) -> Self {
        let (listener, address) = bind().await.unwrap();
        let url = format!("http://{address}");
        let state = Arc::new(State::default());
        state.replies.lock().unwrap().extend(replies);
        let shared = Arc::clone(&state);
        let server = Server::start(listener, move |request| answer(Arc::clone(&shared), request));
        Self { url, state, _server: server }
    }

    /// The calls of an operation since the last time.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.calls.lock().unwrap())
    }
}

impl Call {
    pub(crate) fn entries(&self) -> &[Value] {
        self.body["Entries"].as_array().unwrap()
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
    let operation = target.strip_prefix("AmazonSQS.").unwrap().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let call = Call { operation, body: serde_json::from_slice(&body).unwrap() };
    let entries = call.entries().to_vec();
    state.calls.lock().unwrap().push(call);
    let reply = state.replies.lock().unwrap().pop_front().unwrap_or(Reply::Except(Vec::new()));
    let (failing, mentioned) = match reply {
        Reply::Except(failing) => (failing, entries.len()),
        Reply::Mention(mentioned) => (Vec::new(), mentioned),
        Reply::Error(status, code) => {
            let body = json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "no"});
            return response(status, &body);
        }
        Reply::Never => std::future::pending().await,
    };
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (at, entry) in entries.iter().enumerate().take(mentioned) {
        let id = &entry["Id"];
        if failing.contains(&at) {
            let code = "InternalError";
            failed.push(json!({"Id": id, "Code": code, "SenderFault": false, "Message": "no"}));
        } else {
            successful.push(json!({"Id": id, "MessageId": "q", "MD5OfMessageBody": ""}));
        }
    }
    response(200, &json!({"Successful": successful, "Failed": failed}))
}

fn response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    let response = response.header("content-type", "application/x-amz-json-1.0");
    response.body(Full::new(body.to_string().into())).unwrap()
}
