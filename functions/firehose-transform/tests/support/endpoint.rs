//! A scripted endpoint that speaks the AWS JSON 1.1 protocol of Firehose's `PutRecordBatch` and
//! Kinesis's `PutRecords`.
//!
//! Source: the API references of Amazon Data Firehose and Amazon Kinesis Data Streams.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use base64_simd::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};

/// An endpoint; its port closes when it is dropped.
pub(crate) struct Endpoint {
    pub(crate) url: String,
    script: Arc<Script>,
    task: JoinHandle<()>,
}

struct Script {
    replies: Box<dyn Fn(usize) -> Reply + Send + Sync>,
    calls: Mutex<Vec<Call>>,
    called: Notify,
}

/// A call that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// `x-amz-target`: the operation.
    pub(crate) target: String,
    /// `DeliveryStreamName` or `StreamARN`.
    pub(crate) stream: String,
    /// The records' data.
    pub(crate) payloads: Vec<Vec<u8>>,
    /// Their partition keys, for Kinesis.
    pub(crate) partition_keys: Vec<String>,
}

/// What is answered to a call.
pub(crate) enum Reply {
    /// All records are taken.
    Accept,
    /// All but the records at these places are taken.
    Except(Vec<usize>),
    /// All records are taken, but the answer tells of the first few only.
    Mention(usize),
    /// The call fails with this status and error code.
    Error(u16, &'static str),
    /// This text, as if all had gone well.
    Text(&'static str),
    /// Nothing, ever.
    Never,
    /// All records are taken, after this.
    AcceptAfter(oneshot::Receiver<()>),
}

impl Endpoint {
    /// An endpoint that gives these replies, one after the other, and then takes everything.
    pub(crate) async fn replying(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect::<std::collections::VecDeque<_>>());
        let next = move |_| replies.lock().unwrap().pop_front().unwrap_or(Reply::Accept);
        Self::new(next).await
    }

    /// An endpoint that replies to each call, counted from 0, with what `reply` gives.
    pub(crate) async fn new(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let replies = Box::new(reply);
        let script = Script { replies, calls: Mutex::default(), called: Notify::new() };
        let script = Arc::new(script);
        let task = tokio::spawn(accept(listener, Arc::clone(&script)));
        Self { url, script, task }
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.script.calls.lock().unwrap().clone()
    }

    /// All payloads of all calls so far, in order.
    pub(crate) fn payloads(&self) -> Vec<Vec<u8>> {
        self.calls().into_iter().flat_map(|call| call.payloads).collect()
    }

    /// Waits for the next call to come in.
    pub(crate) async fn called(&self) {
        self.script.called.notified().await;
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, script: Arc<Script>) {
    // Ends its tasks when it is dropped, with this one.
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let script = Arc::clone(&script);
        connections.spawn(async move {
            let service = service_fn(|request| {
                let script = Arc::clone(&script);
                async move { Ok::<_, Infallible>(script.answer(request).await) }
            });
            // A connection that breaks is the caller's affair.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

impl Script {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let call = Call::read(target, &body);
        let (target, count) = (call.target.clone(), call.payloads.len());
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(call);
            calls.len() - 1
        };
        self.called.notify_one();
        let (failed, mentioned) = match (self.replies)(number) {
            Reply::Accept => (vec![], count),
            Reply::Except(failed) => (failed, count),
            Reply::Mention(mentioned) => (vec![], mentioned),
            Reply::Error(status, code) => {
                let body = json!({"__type": code, "message": "no"}).to_string();
                return response(status, body.into());
            }
            Reply::Text(text) => return response(200, text.into()),
            Reply::Never => std::future::pending().await,
            Reply::AcceptAfter(released) => {
                released.await.unwrap();
                (vec![], count)
            }
        };
        let (taken, list, failures) = match target.as_str() {
            "Firehose_20150804.PutRecordBatch" => {
                ("RecordId", "RequestResponses", "FailedPutCount")
            }
            "Kinesis_20131202.PutRecords" => ("SequenceNumber", "Records", "FailedRecordCount"),
            _ => panic!("{target}"),
        };
        let entry = |at: usize| {
            if failed.contains(&at) {
                json!({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."})
            } else {
                json!({taken: format!("{number}-{at}"), "ShardId": "shardId-000000000000"})
            }
        };
        let entries: Vec<_> = (0..mentioned).map(entry).collect();
        response(200, json!({failures: failed.len(), list: entries}).to_string().into())
    }
}

fn response(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    let response = response.header("content-type", "application/x-amz-json-1.1");
    response.body(Full::new(body)).unwrap()
}

impl Call {
    fn read(target: String, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap();
        let stream = body.get("DeliveryStreamName").unwrap_or(&body["StreamARN"]);
        let records = body["Records"].as_array().unwrap();
        let payload = |record: &Value| STANDARD.decode_to_vec(record["Data"].as_str().unwrap());
        let key = |record: &Value| record["PartitionKey"].as_str().map(str::to_owned);
        Self {
            target,
            stream: stream.as_str().unwrap().to_owned(),
            payloads: records.iter().map(|record| payload(record).unwrap()).collect(),
            partition_keys: records.iter().filter_map(key).collect(),
        }
    }
}
