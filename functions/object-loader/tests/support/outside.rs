//! The handler with S3, OpenSearch and SQS in memory, on a paused clock.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use base64_simd::STANDARD;
use bytes::Bytes;
use object_loader::{
    App, Chunks, Config, Engine, ObjectError, Objects, Opened, Place, Queues, Range,
};
use serde_json::{Value, json};
use shared::event::Timestamp;
use shared::opensearch::{Answer, Error as SearchError, Search};
use shared::runtime::{Function as _, Invocation};
use shared::sqs::Failure;
use testkit::{LAMBDA, Output, numbers};
use tokio::time::{Instant, sleep, timeout};

/// 2024-03-01T12:35:00Z, when every invocation starts.
pub(crate) const NOW_MS: u64 = 1_709_296_500_000;

/// 2024-03-01T12:34:58Z, when every object was last modified.
pub(crate) const MODIFIED_MS: u64 = 1_709_296_498_000;

/// The reaction of OpenSearch to one request.
#[derive(Clone, Debug)]
pub(crate) enum Bulk {
    /// It writes all documents, after this delay.
    Write(Duration),
    /// It answers the whole request with this status.
    Status(u16),
    /// It answers the documents at these positions with this status and error type.
    Items(&'static [usize], u16, &'static str),
    /// Never answers.
    Hang,
}

/// The reaction of S3 to one call.
#[derive(Clone, Debug)]
pub(crate) enum Get {
    /// It fails.
    Fail(ObjectError),
    /// The answer ends after this many bytes.
    BreakAfter(usize),
}

/// Size of the chunks that S3 sends.
const CHUNK_BYTES: usize = 1_000;

#[derive(Debug, Default)]
struct World {
    objects: BTreeMap<(String, String), Bytes>,
    /// The number of times that an object was written, which is its `ETag`.
    etags: BTreeMap<(String, String), u32>,
    /// The version of every object, in a versioned bucket.
    version_id: Option<String>,
    /// Index and document by `_id`.
    index: BTreeMap<String, (String, Value)>,
    /// The ids of each bulk request.
    requests: Vec<Vec<String>>,
    bulk: VecDeque<Bulk>,
    gets: VecDeque<Get>,
    ranges: Vec<Range>,
    puts: VecDeque<ObjectError>,
    sent: Vec<Value>,
    is_queue_down: bool,
    visibility: Vec<(String, u32)>,
    delay: Duration,
}

/// Everything outside the handler; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outside(Rc<RefCell<World>>);

/// The bytes of an object, while they are sent.
#[derive(Debug)]
pub(crate) struct Sending {
    bytes: Bytes,
    breaks_after: usize,
    delay: Duration,
}

impl Chunks for Sending {
    async fn next(&mut self) -> Option<Result<Bytes, ObjectError>> {
        sleep(self.delay).await;
        if self.breaks_after == 0 {
            return Some(Err(ObjectError::Unavailable("broken".to_owned())));
        }
        let length = self.bytes.len().min(CHUNK_BYTES).min(self.breaks_after);
        self.breaks_after -= length;
        (length > 0).then(|| Ok(self.bytes.split_to(length)))
    }
}

impl Outside {
    /// Writes the documents of a request, except those at these positions, and answers it.
    fn write(
        &self,
        ids: &[String],
        lines: &[Value],
        failing: &[usize],
        (status, error): (u16, &str),
    ) -> Bytes {
        let mut world = self.0.borrow_mut();
        let items = ids.iter().zip(lines.chunks(2)).enumerate().map(|(at, (id, pair))| {
            if failing.contains(&at) {
                let error = json!({"type": error, "reason": "secret reason"});
                return json!({"create": {"_id": id, "status": status, "error": error}});
            }
            let index = pair[0]["create"]["_index"].as_str().unwrap().to_owned();
            let is_new = !world.index.contains_key(id);
            world.index.entry(id.clone()).or_insert((index, pair[1].clone()));
            json!({"create": {"_id": id, "status": if is_new { 201 } else { 409 }}})
        });
        json!({"items": items.collect::<Vec<_>>()}).to_string().into()
    }

    /// The time between a change and its answer.
    async fn answer(&self) {
        let delay = self.0.borrow().delay;
        sleep(delay).await;
    }
}

impl Objects for Outside {
    type Chunks = Sending;

    async fn get(
        &self,
        place: &Place,
        range: Range,
        if_match: Option<&str>,
    ) -> Result<Opened<Sending>, ObjectError> {
        let mut world = self.0.borrow_mut();
        world.ranges.push(range);
        let breaks_after = match world.gets.pop_front() {
            Some(Get::Fail(error)) => return Err(error),
            Some(Get::BreakAfter(bytes)) => bytes,
            None => usize::MAX,
        };
        let name = (place.bucket.clone(), place.key.clone());
        let bytes = world.objects.get(&name).ok_or_else(|| ObjectError::NotFound(String::new()))?;
        let etag = format!("\"{}\"", world.etags[&name]);
        if if_match.is_some_and(|expected| expected != etag) {
            return Err(ObjectError::Changed(String::new()));
        }
        let start = usize::try_from(range.start).unwrap();
        let end =
            range.end.map_or(bytes.len(), |end| bytes.len().min(usize::try_from(end).unwrap()));
        if start >= bytes.len() && range != Range::ALL {
            return Err(ObjectError::BeyondEnd(String::new()));
        }
        Ok(Opened {
            etag: Some(etag),
            version_id: world.version_id.clone(),
            last_modified: Timestamp::from_nanos(u128::from(MODIFIED_MS) * 1_000_000),
            chunks: Sending { bytes: bytes.slice(start..end), breaks_after, delay: world.delay },
        })
    }

    async fn put(&self, bucket: &str, key: &str, body: Bytes) -> Result<(), ObjectError> {
        {
            let mut world = self.0.borrow_mut();
            if let Some(error) = world.puts.pop_front() {
                return Err(error);
            }
            let name = (bucket.to_owned(), key.to_owned());
            *world.etags.entry(name.clone()).or_default() += 1;
            world.objects.insert(name, body);
        }
        self.answer().await;
        Ok(())
    }
}

impl Search for Outside {
    async fn bulk(&self, body: &[u8]) -> Result<Answer, SearchError> {
        let lines: Vec<Value> = body
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        let ids = lines.chunks(2).map(|pair| pair[0]["create"]["_id"].as_str().unwrap().to_owned());
        let ids: Vec<_> = ids.collect();
        self.0.borrow_mut().requests.push(ids.clone());
        let act = self.0.borrow_mut().bulk.pop_front().unwrap_or(Bulk::Write(Duration::ZERO));
        let (mut failing, mut failure): (&[usize], _) = (&[], (0, ""));
        match act {
            Bulk::Write(after) => sleep(after).await,
            Bulk::Status(status) => return Ok(Answer { status, body: "{}".into() }),
            Bulk::Items(places, status, error) => (failing, failure) = (places, (status, error)),
            Bulk::Hang => std::future::pending().await,
        }
        let body = self.write(&ids, &lines, failing, failure);
        self.answer().await;
        Ok(Answer { status: 200, body })
    }
}

impl Queues for Outside {
    async fn send(&self, url: &str, body: String) -> Result<(), Failure> {
        assert_eq!(url, "http://127.0.0.1:9324/1/objects");
        {
            let mut world = self.0.borrow_mut();
            if world.is_queue_down {
                return Err(Failure::new("InternalError", "no"));
            }
            world.sent.push(serde_json::from_str(&body).unwrap());
        }
        self.answer().await;
        Ok(())
    }

    async fn change_visibility(
        &self,
        queue_arn: &str,
        receipt_handle: &str,
        seconds: u32,
    ) -> Result<(), Failure> {
        assert_eq!(queue_arn, "arn:aws:sqs:eu-west-1:1:objects");
        self.0.borrow_mut().visibility.push((receipt_handle.to_owned(), seconds));
        Ok(())
    }
}

/// The handler under test.
pub(crate) struct Handler {
    app: Function,
    outside: Outside,
    output: Output,
}

/// A load request.
pub(crate) fn load(key: &str) -> Value {
    json!({"sluice": "load", "bucket": "b", "key": key})
}

type Function = App<Outside, Outside, Outside, Output>;

fn config(variables: &[(&str, &str)]) -> Config {
    let own = [
        ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9200"),
        ("FAILURES_BUCKET", "backup"),
        ("CONTINUE_QUEUE_URL", "http://127.0.0.1:9324/1/objects"),
        ("INDEX", "events"),
        ("DOCUMENT_ID", "id"),
    ];
    let environment = [&LAMBDA, &own[..], variables].concat().into_iter().collect();
    Config::from_environment(&environment).unwrap()
}

fn app(variables: &[(&str, &str)], outside: &Outside, output: &Output) -> Function {
    let ports = (outside.clone(), outside.clone(), outside.clone());
    App::new(config(variables), ports, fastrand::Rng::with_seed(1), output.clone())
}

impl Handler {
    /// A handler with these variables in addition to Lambda's own.
    pub(crate) fn new(variables: &[(&str, &str)]) -> Self {
        let (outside, output) = (Outside::default(), Output::default());
        Self { app: app(variables, &outside, &output), outside, output }
    }

    /// Puts an object into the bucket `b`.
    pub(crate) fn put(&self, key: &str, body: impl Into<Bytes>) {
        let mut world = self.outside.0.borrow_mut();
        let name = ("b".to_owned(), key.to_owned());
        *world.etags.entry(name.clone()).or_default() += 1;
        world.objects.insert(name, body.into());
    }

    /// Sets the reactions of OpenSearch to the next requests; afterwards it writes everything
    /// immediately.
    pub(crate) fn opensearch(&self, script: impl IntoIterator<Item = Bulk>) {
        self.outside.0.borrow_mut().bulk.extend(script);
    }

    /// Sets the reactions of S3 to the next reads; afterwards it answers.
    pub(crate) fn gets(&self, script: impl IntoIterator<Item = Get>) {
        self.outside.0.borrow_mut().gets.extend(script);
    }

    /// Sets the errors of the next writes to S3.
    pub(crate) fn puts_fail(&self, errors: impl IntoIterator<Item = ObjectError>) {
        self.outside.0.borrow_mut().puts.extend(errors);
    }

    /// Delays each chunk that is read, and the answer to each change.
    pub(crate) fn be_slow(&self, delay: Duration) {
        self.outside.0.borrow_mut().delay = delay;
    }

    /// Makes the bucket versioned: every object has this version.
    pub(crate) fn have_versions(&self, version_id: &str) {
        self.outside.0.borrow_mut().version_id = Some(version_id.to_owned());
    }

    /// Sets whether SQS accepts no messages.
    pub(crate) fn queue_is_down(&self, is_down: bool) {
        self.outside.0.borrow_mut().is_queue_down = is_down;
    }

    /// Removes all faults.
    pub(crate) fn be_well(&self) {
        let mut world = self.outside.0.borrow_mut();
        (world.bulk, world.gets, world.puts) = Default::default();
        world.is_queue_down = false;
    }

    /// Starts a new instance of the function, in the same world.
    pub(crate) fn restart(&mut self, variables: &[(&str, &str)]) {
        self.app = app(variables, &self.outside, &self.output);
    }

    /// Creates an engine in the same world.
    pub(crate) fn engine(&self, variables: &[(&str, &str)]) -> Engine<Outside, Outside> {
        let Config { reading, writing, failures, .. } = config(variables);
        Engine::new((self.outside.clone(), self.outside.clone()), (reading, writing), failures)
    }

    /// Handles a message with this body in this time; returns whether it is redelivered, and how
    /// long it took.
    pub(crate) async fn handle_within(&mut self, body: &Value, left: Duration) -> (bool, Duration) {
        let started = Instant::now();
        let again = self.handle_until(body, left, None).await.expect("nobody kills it");
        assert!(started.elapsed() < left, "{:?}", started.elapsed());
        (again, started.elapsed())
    }

    /// Handles a message with this body in this time; returns whether it is redelivered, or `None`
    /// if it is killed before.
    pub(crate) async fn handle_until(
        &mut self,
        body: &Value,
        left: Duration,
        killed_after: Option<Duration>,
    ) -> Option<bool> {
        let event = json!({"Records": [{
            "messageId": "m", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:objects",
            "receiptHandle": "r", "body": body.to_string(), "attributes": {"ApproximateReceiveCount": "6"},
        }]});
        let event = event.to_string();
        let now = Timestamp::from_nanos(u128::from(NOW_MS) * 1_000_000).unwrap();
        let (body, deadline) = (event.as_bytes(), Instant::now() + left);
        let invocation =
            Invocation { body, request_id: "request", function_arn: "", now, deadline };
        let mut answer = Vec::new();
        let killed_after = killed_after.unwrap_or(left);
        timeout(killed_after, self.app.handle(invocation, &mut answer)).await.ok()?.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let again = answer == json!({"batchItemFailures": [{"itemIdentifier": "m"}]});
        assert!(again || answer == json!({"batchItemFailures": []}), "{answer}");
        Some(again)
    }

    /// Handles a message in fifteen minutes; returns whether it is redelivered, and the counts that
    /// are not 0, except those of bytes and requests.
    pub(crate) async fn handle(&mut self, body: &Value) -> (bool, Vec<(String, u64)>) {
        let (again, _) = self.handle_within(body, Duration::from_mins(15)).await;
        (again, self.counts())
    }

    /// The counts of the last invocation that are not 0, except those of bytes and requests.
    /// Asserts that the sums are correct.
    pub(crate) fn counts(&self) -> Vec<(String, u64)> {
        let mut counts = self.metrics();
        let sum = |names: &[&str]| names.iter().map(|name| counts[*name]).sum::<u64>();
        let objects = ["Done", "Continued", "Retried", "Ignored", "Superseded"];
        let objects = objects.map(|name| format!("Objects{name}"));
        assert_eq!(counts["ObjectsIn"], sum(&objects.each_ref().map(|name| &**name)));
        let records =
            ["DocumentsIndexed", "DocumentsDuplicate", "RecordsRefused", "RecordsDropped"];
        assert_eq!(counts["RecordsIn"], sum(&records));
        for name in ["ObjectsIn", "RecordsIn", "BytesRead", "BulkRequests", "BulkBytes"] {
            counts.remove(name);
        }
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// The metrics of the last invocation.
    pub(crate) fn metrics(&self) -> BTreeMap<String, u64> {
        numbers(&self.output.take_line())
    }

    /// The lines of metrics of the last invocation.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.output.take_lines()
    }

    /// The index and the document under each `_id`.
    pub(crate) fn index(&self) -> BTreeMap<String, (String, Value)> {
        self.outside.0.borrow().index.clone()
    }

    /// The ids of the documents of each bulk request since the last time.
    pub(crate) fn requests(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.outside.0.borrow_mut().requests)
    }

    /// The ranges that were read since the last time.
    pub(crate) fn ranges(&self) -> Vec<(u64, Option<u64>)> {
        let ranges = std::mem::take(&mut self.outside.0.borrow_mut().ranges);
        ranges.into_iter().map(|range| (range.start, range.end)).collect()
    }

    /// The messages that were sent since the last time.
    pub(crate) fn sent(&self) -> Vec<Value> {
        std::mem::take(&mut self.outside.0.borrow_mut().sent)
    }

    /// The visibility timeouts that were set since the last time.
    pub(crate) fn visibility(&self) -> Vec<(String, u32)> {
        std::mem::take(&mut self.outside.0.borrow_mut().visibility)
    }

    /// The objects in the bucket `backup`, line by line.
    pub(crate) fn kept(&self) -> BTreeMap<String, Vec<Value>> {
        let world = self.outside.0.borrow();
        let kept = world.objects.iter().filter(|((bucket, _), _)| bucket == "backup");
        let lines = |body: &Bytes| {
            let lines = std::str::from_utf8(body).unwrap().lines();
            lines.map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        kept.map(|((_, key), body)| (key.clone(), lines(body))).collect()
    }
}

/// Reason and text of the refused records in a line.
pub(crate) fn refused(line: &Value) -> (String, String) {
    let data = line["rawData"].as_str().unwrap_or_default();
    let data = STANDARD.decode_to_vec(data).unwrap();
    let reason = line["errorCode"].as_str().unwrap().to_owned();
    (reason, String::from_utf8_lossy(&data).into_owned())
}
