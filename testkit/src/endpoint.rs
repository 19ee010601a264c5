//! A scripted HTTP endpoint, which replaces services.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use local::server::{Server, bind};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use crate::cbor;

type Script = dyn FnMut(&Call) -> Reply + Send;

/// An endpoint on the loopback interface. Its port closes when it is dropped.
pub struct Endpoint {
    /// Its URL, such as `http://127.0.0.1:40123`.
    pub url: String,
    state: Arc<State>,
    _server: Server,
}

struct State {
    script: Mutex<Box<Script>>,
    calls: Mutex<Vec<Call>>,
    called: Notify,
}

/// A request to an endpoint.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation of an AWS service: the end of `x-amz-target`, or of a path
    /// `…/operation/OPERATION`. Empty if the request has neither.
    pub operation: String,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The query, without its question mark.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// Creates the call of a request.
    #[must_use]
    pub fn new(method: Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Self {
        let path = uri.path().to_owned();
        let target = headers.get("x-amz-target").map(|target| target.to_str().unwrap());
        let operation = match (target, path.split_once("/operation/")) {
            (Some(target), _) => target.split('.').next_back().unwrap_or_default(),
            (None, Some((_, operation))) => operation,
            (None, None) => "",
        };
        let operation = operation.to_owned();
        let query = uri.query().unwrap_or_default().to_owned();
        Self { operation, method, path, query, headers, body }
    }
}

/// The reply of an endpoint to a call.
#[derive(Debug)]
pub enum Reply {
    /// This answer.
    Answer(Response<Full<Bytes>>),
    /// This answer, as soon as the other end of the channel sends.
    After(oneshot::Receiver<()>, Response<Full<Bytes>>),
    /// None; the connection stays open.
    Never,
    /// None; the connection is closed.
    Close,
}

impl Endpoint {
    /// Starts an endpoint that replies to each call with the return value of `script`.
    pub async fn start(script: impl FnMut(&Call) -> Reply + Send + 'static) -> Self {
        let (listener, address) = bind().await.unwrap();
        let (calls, called) = (Mutex::default(), Notify::new());
        let state = Arc::new(State { script: Mutex::new(Box::new(script)), calls, called });
        let answering = Arc::clone(&state);
        let server = Server::start(listener, move |request| {
            let state = Arc::clone(&answering);
            async move { state.answer(request).await }
        });
        Self { url: format!("http://{address}"), state, _server: server }
    }

    /// Starts an endpoint that uses these replies in order, and then the default.
    pub async fn replying<R: Default + Send + 'static>(
        replies: impl IntoIterator<Item = R>,
        act: impl Fn(&Call, R) -> Reply + Send + 'static,
    ) -> Self {
        let mut replies: VecDeque<_> = replies.into_iter().collect();
        Self::start(move |call| act(call, replies.pop_front().unwrap_or_default())).await
    }

    /// Returns the calls since it was last used.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.calls.lock().unwrap())
    }

    /// The calls since [`take_calls`](Self::take_calls) was last used.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state.calls.lock().unwrap().clone()
    }

    /// Waits for the next call.
    pub async fn called(&self) {
        self.state.called.notified().await;
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Endpoint").field("url", &self.url).finish_non_exhaustive()
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let call = Call::new(head.method, &head.uri, head.headers, body);
        let reply = (self.script.lock().unwrap())(&call);
        self.calls.lock().unwrap().push(call);
        self.called.notify_one();
        match reply {
            Reply::Answer(answer) => Ok(answer),
            Reply::After(signal, answer) => signal.await.map(|()| answer).map_err(io::Error::other),
            Reply::Never => std::future::pending().await,
            Reply::Close => Err(io::Error::other("closed")),
        }
    }
}

impl Call {
    /// Parses the body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Reply {
    /// An answer with this status and body.
    #[must_use]
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut answer = Response::new(Full::new(body.into()));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        Self::Answer(answer).with_header("content-type", content_type)
    }

    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/x-amz-json-1.1", body.to_string())
    }

    /// The error of an AWS service, in JSON.
    #[must_use]
    pub fn aws_error(status: u16, code: &str) -> Self {
        Self::json(status, &json!({"__type": code, "message": "no"}))
    }

    /// A CBOR answer, in CloudWatch's protocol. Numbers become doubles, or times in seconds since
    /// 1970 in members whose names end with `Timestamp`, and in `Timestamps`.
    #[must_use]
    pub fn cbor(status: u16, body: &Value) -> Self {
        Self::cbor_bytes(status, cbor::encode(body))
    }

    /// An answer that contains these bytes instead of CBOR.
    #[must_use]
    pub fn cbor_bytes(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, "application/cbor", body).with_header("smithy-protocol", "rpc-v2-cbor")
    }

    /// This answer, as soon as the other end of the channel sends.
    #[must_use]
    pub fn after(self, signal: oneshot::Receiver<()>) -> Self {
        match self {
            Self::Answer(answer) => Self::After(signal, answer),
            other => other,
        }
    }

    /// This reply with another status; it must be an answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        if let Self::Answer(answer) | Self::After(_, answer) = &mut self {
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        }
        self
    }

    /// This reply with an additional header; it must be an answer.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer(answer) | Self::After(_, answer) = &mut self {
            let value = HeaderValue::from_str(value).unwrap();
            answer.headers_mut().insert(HeaderName::from_static(name), value);
        }
        self
    }
}
