//! The handler with a store and a queue in memory, which follow a script.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use base64_simd::STANDARD;
use sensor_points::{App, Config, InvalidEvent, Queue, Store, StoreError};
use serde_json::{Value, json};
use shared::aws::{Answer, ExchangeError};
use shared::event::Timestamp;
use shared::runtime::{Function, Invocation};
use shared::sqs::{Failure, Quarantined};
use testkit::{LAMBDA, Output, numbers};
use tokio::time::{Instant, sleep, timeout};

/// 2024-03-01T12:35:00Z, when every invocation starts.
pub(crate) const NOW_MS: u64 = 1_709_296_500_000;

pub(crate) const STREAM_ARN: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/sensors";

/// The reaction of the store to one request.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// It stores all points, after this delay.
    Store(Duration),
    /// It answers with this status and text; nothing is stored.
    Answer(u16, &'static str),
    /// The connection is closed after everything was stored.
    StoreAndBreak,
    /// The secret cannot be read.
    NoSecret,
    /// There is no answer.
    Hang,
}

/// The reaction of SQS to one call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Send {
    /// It rejects the entry at this position.
    Refuse(usize),
    /// It accepts everything after this delay.
    After(Duration),
    /// There is no answer.
    Hang,
}

/// The fields, by measurement with tags and by time.
pub(crate) type Points = BTreeMap<(String, u64), String>;

#[derive(Debug, Default)]
struct Outside {
    writes: VecDeque<Write>,
    sends: VecDeque<Send>,
    points: Points,
    requests: Vec<String>,
    calls: Vec<Vec<Quarantined>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Ports(Rc<RefCell<Outside>>);

/// Points that contain one of these texts are never stored, whatever the script says.
const REFUSED: [(&str, u16); 2] = [("poison", 400), ("giant", 413)];

impl Store for Ports {
    async fn write(&self, lines: &[u8]) -> Result<Answer, StoreError> {
        let text = String::from_utf8(lines.to_vec()).unwrap();
        assert!(text.ends_with('\n') && !text.contains("\n\n"), "{text:?}");
        let script = {
            let mut outside = self.0.borrow_mut();
            outside.requests.push(text.clone());
            outside.writes.pop_front().unwrap_or(Write::Store(Duration::ZERO))
        };
        let answer = |status, body: &str| Answer { status, body: body.to_owned().into() };
        let is_broken = matches!(script, Write::StoreAndBreak);
        match script {
            Write::Store(after) => sleep(after).await,
            Write::Answer(status, body) => return Ok(answer(status, body)),
            Write::NoSecret => {
                let (arn, reason) = ("arn:secret".to_owned(), "AccessDenied: no".to_owned());
                return Err(StoreError::Secret { arn, reason });
            }
            Write::Hang => std::future::pending().await,
            Write::StoreAndBreak => {}
        }
        // As in InfluxDB 1, the others are stored.
        let mut refused = None;
        for line in text.lines() {
            let (head, time) = line.rsplit_once(' ').unwrap();
            let space = head.match_indices(' ').find(|(at, _)| !head[..*at].ends_with('\\'));
            let (key, fields) = head.split_at(space.unwrap().0);
            if let Some((_, status)) = REFUSED.iter().find(|(text, _)| line.contains(text)) {
                refused = Some(answer(*status, &format!("partial write: {line}")));
                continue;
            }
            let key = (key.to_owned(), time.parse().unwrap());
            self.0.borrow_mut().points.insert(key, fields.trim_start().to_owned());
        }
        if is_broken {
            return Err(ExchangeError::Unreachable("closed".to_owned()).into());
        }
        Ok(refused.unwrap_or_else(|| answer(204, "")))
    }
}

impl Queue for Ports {
    async fn quarantine(&self, entries: &[Quarantined]) -> Vec<Option<Failure>> {
        let script = self.0.borrow_mut().sends.pop_front();
        let mut failures = vec![None; entries.len()];
        match script {
            Some(Send::Hang) => std::future::pending().await,
            Some(Send::After(time)) => sleep(time).await,
            Some(Send::Refuse(place)) => {
                if let Some(failure) = failures.get_mut(place) {
                    *failure = Some(Failure::new("InternalError", "no"));
                }
            }
            None => {}
        }
        self.0.borrow_mut().calls.push(entries.to_vec());
        failures
    }
}

/// The handler under test.
pub(crate) struct Handler {
    app: App<Ports, Ports, Output>,
    pub(crate) ports: Ports,
    output: Output,
}

impl Handler {
    /// A handler with these variables in addition to Lambda's own.
    pub(crate) fn new(variables: &[(&str, &str)]) -> Self {
        Self::with(Ports::default(), variables)
    }

    /// A new process with the store and the queue of another.
    pub(crate) fn with(ports: Ports, variables: &[(&str, &str)]) -> Self {
        let own = [
            ("TSDB_WRITE_URL", "http://127.0.0.1:8086/write?db=d"),
            ("TSDB_AUTH", "none"),
            ("QUARANTINE_QUEUE_URL", "http://127.0.0.1:9324/1/quarantine"),
        ];
        let environment = [&LAMBDA, &own[..], variables].concat().into_iter().collect();
        let config = Config::from_environment(&environment).unwrap();
        let output = Output::default();
        let app = App::new(config, ports.clone(), ports.clone(), output.clone());
        Self { app, ports, output }
    }

    /// Sets the reactions of the store to the next requests; afterwards it stores everything
    /// immediately.
    pub(crate) fn store(&self, script: impl IntoIterator<Item = Write>) {
        self.ports.0.borrow_mut().writes.extend(script);
    }

    /// Sets the reactions of SQS to the next calls; afterwards it accepts everything.
    pub(crate) fn sqs(&self, script: impl IntoIterator<Item = Send>) {
        self.ports.0.borrow_mut().sends.extend(script);
    }

    /// Removes the rest of the scripts.
    pub(crate) fn be_well(&self) {
        let mut outside = self.ports.0.borrow_mut();
        outside.writes.clear();
        outside.sends.clear();
    }

    /// Handles one event with this remaining time; returns the only sequence number in the answer,
    /// if any.
    pub(crate) async fn handle_within(
        &mut self,
        event: &Value,
        left: Duration,
    ) -> Result<Option<String>, InvalidEvent> {
        let now = Timestamp::from_nanos(u128::from(NOW_MS) * 1_000_000).unwrap();
        let (event, deadline) = (event.to_string(), Instant::now() + left);
        let body = event.as_bytes();
        let invocation =
            Invocation { body, request_id: "request", function_arn: "", now, deadline };
        let mut answer = Vec::new();
        self.app.handle(invocation, &mut answer).await?;
        assert!(Instant::now() < deadline, "the answer is always given");
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let first = answer["batchItemFailures"][0]["itemIdentifier"].as_str().map(str::to_owned);
        let items: Vec<_> = first.iter().map(|first| json!({"itemIdentifier": first})).collect();
        assert_eq!(answer, json!({"batchItemFailures": items}), "nothing else");
        Ok(first)
    }

    /// Handles one event with half a minute of remaining time.
    pub(crate) async fn handle(&mut self, event: &Value) -> Option<String> {
        self.handle_within(event, Duration::from_secs(30)).await.unwrap()
    }

    /// Handles one event in a process that ends after this time; `None` if it ended before the
    /// answer.
    pub(crate) async fn handle_until(
        &mut self,
        event: &Value,
        left: Duration,
        killed_after: Duration,
    ) -> Option<Option<String>> {
        let handled = timeout(killed_after, self.handle_within(event, left)).await;
        handled.ok().map(Result::unwrap)
    }

    /// The points in the store.
    pub(crate) fn points(&self) -> Points {
        self.ports.0.borrow().points.clone()
    }

    /// The requests since the last time, each as its lines.
    pub(crate) fn requests(&self) -> Vec<Vec<String>> {
        let requests = std::mem::take(&mut self.ports.0.borrow_mut().requests);
        requests.iter().map(|text| text.lines().map(str::to_owned).collect()).collect()
    }

    /// The messages sent to quarantine since the last time, by call.
    pub(crate) fn calls(&self) -> Vec<Vec<Quarantined>> {
        std::mem::take(&mut self.ports.0.borrow_mut().calls)
    }

    /// The messages sent to quarantine since the last time: reason, `eventID`, position and body.
    pub(crate) fn kept(&self) -> Vec<[String; 4]> {
        let attribute = |entry: &Quarantined, name: &str| {
            let found = entry.attributes.iter().find(|(own, _)| own == name);
            found.unwrap().1.text().unwrap().to_owned()
        };
        let entry = |entry: Quarantined| {
            let of = |name| attribute(&entry, name);
            let [reason, id, position] =
                ["sluice.reason", "sluice.message_id", "sluice.position"].map(of);
            assert_eq!(of("sluice.source_arn"), STREAM_ARN);
            [reason, id, position, entry.body]
        };
        self.calls().into_iter().flatten().map(entry).collect()
    }

    /// The metrics of the invocation since the last time.
    pub(crate) fn metrics(&self) -> BTreeMap<String, u64> {
        numbers(&self.output.take_line())
    }

    /// The lines on standard output since the last time.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.output.take_lines()
    }
}

/// A record with this number and payload, which arrived two seconds before every invocation starts.
pub(crate) fn record(number: usize, payload: impl AsRef<[u8]>) -> Value {
    let sequence_number = number.to_string();
    json!({
        "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventName": "aws:kinesis:record",
        "eventID": format!("shardId-000000000000:{sequence_number}"),
        "eventSourceARN": STREAM_ARN, "awsRegion": "us-east-1",
        "kinesis": {
            "kinesisSchemaVersion": "1.0", "partitionKey": "m", "sequenceNumber": sequence_number,
            "data": STANDARD.encode_to_string(payload),
            "approximateArrivalTimestamp": 1_709_296_498.0,
        },
    })
}

pub(crate) fn event(records: &[Value]) -> Value {
    json!({"Records": records})
}

/// An event whose records have these payloads and the numbers 0, 1, …
pub(crate) fn payloads(payloads: &[&str]) -> Value {
    let records = payloads.iter().enumerate().map(|(number, payload)| record(number, payload));
    event(&records.collect::<Vec<_>>())
}
