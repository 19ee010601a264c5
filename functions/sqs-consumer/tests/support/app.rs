//! The handler with an OpenSearch and an SQS that follow a script, on a paused clock.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use shared::event::Timestamp;
use shared::opensearch::{Answer, Error as SearchError, Search};
use shared::runtime::{Function, Invocation};
use shared::s3::GetError;
use shared::sqs::{Failure, InvalidEvent, Quarantined};
use sqs_consumer::App;
use sqs_consumer::Config;
use sqs_consumer::{Queues, VisibilityChange};
use testkit::{LAMBDA, Output, numbers};
use tokio::time::{Instant, sleep};

/// 2024-03-01T12:35:00Z, when every invocation starts.
pub(crate) const NOW_MS: u64 = 1_709_296_500_000;

/// The reaction of OpenSearch to one request.
#[derive(Clone, Debug)]
pub(crate) enum Bulk {
    /// It writes all documents, after this delay.
    Write(Duration),
    /// It rejects the whole request.
    Status(u16),
    /// It answers each id with an `_id` and a status.
    Items(fn(&str) -> (&str, u16)),
    /// There is no answer.
    Hang,
    /// The port panics.
    Panic,
}

/// The reaction of SQS to one call.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Do,
    /// There is no answer.
    Hang,
}

/// The calls to services, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// The ids of the documents of a request.
    Bulk(Vec<String>),
    /// The bodies of a call to quarantine.
    Quarantine(Vec<String>),
    /// The name of the queue, and the receipt handles and seconds of a call.
    Visibility(String, Vec<(String, u32)>),
    /// Bucket and key of a body that was read.
    Payload(String),
}

#[derive(Debug, Default)]
struct Outside {
    bulk: VecDeque<Bulk>,
    calls: VecDeque<Call>,
    done: Vec<Done>,
    bodies: Vec<String>,
    payloads: BTreeMap<String, Result<Bytes, GetError>>,
}

#[derive(Clone, Debug, Default)]
struct Ports(Rc<RefCell<Outside>>);

impl Search for Ports {
    async fn bulk(&self, body: &[u8]) -> Result<Answer, SearchError> {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let id = |line: &str| {
            let action: Value = serde_json::from_str(line).unwrap();
            action["create"]["_id"].as_str().unwrap().to_owned()
        };
        let ids: Vec<_> = text.lines().step_by(2).map(id).collect();
        let script = {
            let mut outside = self.0.borrow_mut();
            outside.done.push(Done::Bulk(ids.clone()));
            outside.bodies.push(text);
            outside.bulk.pop_front().unwrap_or(Bulk::Write(Duration::ZERO))
        };
        let mut answer: fn(&str) -> (&str, u16) = |id| (id, 201);
        match script {
            Bulk::Write(after) => sleep(after).await,
            Bulk::Items(each) => answer = each,
            Bulk::Status(status) => return Ok(Answer { status, body: "{}".into() }),
            Bulk::Hang => std::future::pending().await,
            Bulk::Panic => panic!("as it happens"),
        }
        let item = |id: &String| {
            let (id, status) = answer(id);
            json!({"create": {"_id": id, "status": status}})
        };
        let items: Vec<_> = ids.iter().map(item).collect();
        Ok(Answer { status: 200, body: json!({"items": items}).to_string().into() })
    }
}

impl Ports {
    async fn call(&self, done: Done) {
        let call = {
            let mut outside = self.0.borrow_mut();
            outside.done.push(done);
            outside.calls.pop_front().unwrap_or(Call::Do)
        };
        if matches!(call, Call::Hang) {
            std::future::pending::<()>().await;
        }
    }
}

impl Queues for Ports {
    async fn payload(&self, bucket: &str, key: &str) -> Result<Bytes, GetError> {
        self.call(Done::Payload(format!("{bucket}/{key}"))).await;
        let outside = self.0.borrow();
        outside.payloads.get(&format!("{bucket}/{key}")).cloned().unwrap_or(Err(GetError::NotFound))
    }

    async fn quarantine(&self, entries: &[Quarantined]) -> Vec<Option<Failure>> {
        let bodies = entries.iter().map(|entry| entry.body.clone()).collect();
        self.call(Done::Quarantine(bodies)).await;
        vec![None; entries.len()]
    }

    async fn change_visibility(
        &self,
        queue_arn: &str,
        changes: &[VisibilityChange],
    ) -> Vec<Failure> {
        let queue = queue_arn.rsplit(':').next().unwrap().to_owned();
        let change = |change: &VisibilityChange| (change.receipt_handle.clone(), change.seconds);
        self.call(Done::Visibility(queue, changes.iter().map(change).collect())).await;
        Vec::new()
    }
}

/// The handler under test.
pub(crate) struct Handler {
    app: App<Ports, Ports, Output>,
    ports: Ports,
    output: Output,
}

impl Handler {
    /// A handler with these variables in addition to Lambda's own.
    pub(crate) fn new(variables: &[(&str, &str)]) -> Self {
        let own = [
            ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9200"),
            ("QUARANTINE_QUEUE_URL", "http://127.0.0.1:9324/1/quarantine"),
            // The id of a document is then the id of its event.
            ("DOCUMENT_ID", "id"),
        ];
        let environment = [&LAMBDA, &own[..], variables].concat().into_iter().collect();
        let config = Config::from_environment(&environment).unwrap();
        let (ports, output) = (Ports::default(), Output::default());
        let random = fastrand::Rng::with_seed(20_240_301);
        let app = App::new(config, ports.clone(), ports.clone(), random, output.clone());
        Self { app, ports, output }
    }

    /// Sets the reactions of OpenSearch to the next requests; afterwards it writes everything
    /// immediately.
    pub(crate) fn opensearch(self, script: &[Bulk]) -> Self {
        self.ports.0.borrow_mut().bulk.extend(script.iter().cloned());
        self
    }

    /// Sets the reactions of SQS to the next calls; afterwards it executes everything.
    pub(crate) fn sqs(self, script: &[Call]) -> Self {
        self.ports.0.borrow_mut().calls.extend(script.iter().cloned());
        self
    }

    /// Sets the object in S3 with this bucket and key.
    pub(crate) fn payload(self, place: &str, payload: Result<&str, GetError>) -> Self {
        let payload = payload.map(|payload| Bytes::copy_from_slice(payload.as_bytes()));
        self.ports.0.borrow_mut().payloads.insert(place.to_owned(), payload);
        self
    }

    /// Handles one event with this remaining time; returns the ids of the messages to redeliver,
    /// and how long it took.
    pub(crate) async fn handle(
        &mut self,
        event: &[u8],
        left: Duration,
    ) -> Result<(Vec<String>, Duration), InvalidEvent> {
        let started = Instant::now();
        let now = Timestamp::from_nanos(u128::from(NOW_MS) * 1_000_000).unwrap();
        let deadline = started + left;
        let invocation =
            Invocation { body: event, request_id: "request", function_arn: "", now, deadline };
        let mut answer = Vec::new();
        self.app.handle(invocation, &mut answer).await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let failures = answer["batchItemFailures"].as_array().unwrap();
        let id = |failure: &Value| failure["itemIdentifier"].as_str().unwrap().to_owned();
        Ok((failures.iter().map(id).collect(), started.elapsed()))
    }

    /// The calls to services since the last time.
    pub(crate) fn done(&self) -> Vec<Done> {
        std::mem::take(&mut self.ports.0.borrow_mut().done)
    }

    /// The bodies of the bulk requests since the last time.
    pub(crate) fn bodies(&self) -> Vec<String> {
        std::mem::take(&mut self.ports.0.borrow_mut().bodies)
    }

    /// The lines on standard output since the last time.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.output.take_lines()
    }

    /// The metrics of the invocation since the last time, and the names of their dimensions.
    pub(crate) fn metrics(&self) -> (BTreeMap<String, u64>, Value) {
        let line = self.output.take_line();
        let dimensions = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone();
        (numbers(&line), dimensions)
    }
}
