//! Checks that `object-loader` loads an object of 1 GB in bounded memory, each record once,
//! although it is killed at any time and has little time.
//!
//! The object is generated while it is served, and always has the same bytes. Its queue is in this
//! process: a message is deleted when the function answers that it succeeded, and is redelivered,
//! in any order, when it answers otherwise or is killed.

use std::iter;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use fastrand::Rng;
use local::s3::Chunks;
use local::sample::{Size, events_of};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::bulk_api::{BulkApi, Keeps, hash};
use crate::functions::Function;
use crate::http::{Request, Server};
use crate::invoke::Running;
use crate::numbers::{as_f64, grouped};
use crate::objects::{BACKUP_BUCKET, BUCKET, Objects, notification};
use crate::pinned::Cores;
use crate::request::{ARRIVAL_MS, message};
use crate::runtime_api::Invocation;

const OBJECT_BYTES: usize = 1_000_000_000;
const MAX_MEMORY_BYTES: u64 = 100_000_000;
const KEY: &str = "gigabyte.json";
const LINES_PER_BLOCK: usize = 1_000;
/// More invocations than ever needed.
const MAX_INVOCATIONS: u32 = 2_000;
/// Time limits of invocations, in milliseconds.
const TIME_MS: Range<u64> = 1_000..4_000;
const DEADLINE_MARGIN_MS: &str = "300";

/// Loads the object, prints the results, and fails if records are missing or duplicate or the
/// function used too much memory.
pub(crate) fn run(function: &Function, cores: Cores, seed: u64) -> Result<(), Error> {
    let lines = Lines::new(seed)?;
    let blocks = OBJECT_BYTES.div_ceil(lines.block.len());
    let (length, records) = (blocks * lines.block.len(), blocks * LINES_PER_BLOCK);
    println!("{length} bytes, {} records, seed {seed}", grouped(records as u64));
    let expected = lines.sum_of_ids(blocks);

    let objects = Objects::start()?;
    objects.s3.put_generated(BUCKET, KEY, length, move |start| lines.from(start), ARRIVAL_MS);
    let opensearch = BulkApi::start(Keeps::Ids)?;
    let (sender, sent) = channel();
    let queues = Server::start(move |request| queue(&request, |body| Ok(sender.send(body)?)))?;
    let function = opensearch
        .written_by(&objects.read_by(function))
        .with("AWS_ENDPOINT_URL_SQS", format!("http://{}", queues.address))
        .with("DOCUMENT_ID", "id")
        .with("DEADLINE_MARGIN_MS", DEADLINE_MARGIN_MS);

    let started = Instant::now();
    let course = Course::until_done(&function, cores, &sent, Rng::with_seed(seed))?;
    let Course { invocations, killed, continued, retried, peak_memory_bytes } = course;
    let seconds = started.elapsed().as_secs();
    let books = opensearch.books();
    let megabytes = as_f64(peak_memory_bytes) / 1e6;
    println!(
        "{invocations} invocations in {seconds} s: {killed} killed, {continued} continued, \
         {retried} retried\n{} documents, {} conflicts, peak memory {megabytes:.1} MB",
        grouped(books.created),
        grouped(books.conflicts),
    );
    if (books.created, books.sum) != (records as u64, expected) {
        return Err("the documents are not those of the object's records, each once".into());
    }
    if !objects.s3.objects(BACKUP_BUCKET).is_empty() {
        return Err("records were refused".into());
    }
    if peak_memory_bytes > MAX_MEMORY_BYTES {
        return Err(format!("{megabytes:.1} MB of memory, more than 100").into());
    }
    Ok(())
}

/// The results until the queue was empty.
#[derive(Debug, Default)]
struct Course {
    invocations: u32,
    killed: u32,
    /// Number of messages that the function sent.
    continued: usize,
    /// Number of messages that it answered to redeliver.
    retried: u32,
    /// Maximum memory of any of its processes.
    peak_memory_bytes: u64,
}

impl Course {
    /// Invokes the function with the notification of the object, and with the messages that it
    /// sends, until all messages are done.
    fn until_done(
        function: &Function,
        cores: Cores,
        sent: &Receiver<String>,
        mut random: Rng,
    ) -> Result<Self, Error> {
        let mut course = Self::default();
        let mut messages = vec![notification(KEY)];
        let mut running = None;
        while !messages.is_empty() {
            let body = messages.swap_remove(random.usize(..messages.len()));
            course.invocations += 1;
            if course.invocations > MAX_INVOCATIONS {
                return Err(format!("not loaded in {MAX_INVOCATIONS} invocations").into());
            }
            let mut invoked = match running.take() {
                Some(running) => running,
                None => Running::start(function, cores)?,
            };
            let time_ms = random.u64(TIME_MS);
            let is_killed = random.bool();
            let life_ms = if is_killed { random.u64(..time_ms) } else { 10 * time_ms };
            let event = message("", 1, &body).body;
            let invocation = Invocation::due_in(&event, Duration::from_millis(time_ms))?;
            let answer = invoked.invoke_within(&invocation, Duration::from_millis(life_ms))?;
            let peak = invoked.process.peak_memory_bytes()?;
            course.peak_memory_bytes = course.peak_memory_bytes.max(peak);
            match answer {
                Some(answer) => {
                    running = Some(invoked);
                    let answer: Value = serde_json::from_slice(&answer)?;
                    if answer["batchItemFailures"] != json!([]) {
                        course.retried += 1;
                        messages.push(body);
                    }
                }
                None if is_killed => {
                    drop(invoked);
                    course.killed += 1;
                    messages.push(body);
                }
                None => return Err(format!("no answer {life_ms} ms after the invocation").into()),
            }
            let before = messages.len();
            messages.extend(sent.try_iter());
            course.continued += messages.len() - before;
        }
        Ok(course)
    }
}

/// Answers a call to SQS.
fn queue(
    request: &Request,
    send: impl Fn(String) -> Result<(), Error>,
) -> Result<Arc<Vec<u8>>, Error> {
    let target = request.headers.get("x-amz-target").map_or("", String::as_str);
    let call: Value = serde_json::from_slice(&request.body)?;
    if let (true, Some(body)) = (target.ends_with(".SendMessage"), call["MessageBody"].as_str()) {
        send(body.to_owned())?;
    }
    let answer = json!({"MessageId": "q"}).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\n";
    let length = answer.len();
    Ok(Arc::new(format!("{head}content-length: {length}\r\n\r\n{answer}").into_bytes()))
}

/// The lines of the object: one block, repeated. Every other line has an id that contains its
/// number, which is the only difference between blocks; the others have only the derived id.
#[derive(Clone, Debug)]
struct Lines {
    block: Vec<u8>,
    /// The offset of each line in a block.
    starts: Vec<usize>,
}

/// The start of a line with an id; its number replaces the digits.
const NUMBERED: &str = r#"{"event_id":"000000000000","#;
const NUMBER_AT: usize = 13;
const DIGITS: usize = 12;

impl Lines {
    fn new(seed: u64) -> Result<Self, Error> {
        let (mut block, mut starts) = (Vec::new(), Vec::new());
        for (at, event) in events_of(Size::Small, seed, LINES_PER_BLOCK).enumerate() {
            starts.push(block.len());
            let mut event: Map<String, Value> = serde_json::from_slice(&event)?;
            event.retain(|name, _| !["event_id", "eventId", "id"].contains(&name.as_str()));
            let event = serde_json::to_string(&event)?;
            let begin = if is_numbered(at) { NUMBERED } else { "{" };
            block.extend_from_slice(format!("{begin}{}\n", &event[1..]).as_bytes());
        }
        Ok(Self { block, starts })
    }

    /// The block with this number.
    fn block(&self, number: usize) -> Vec<u8> {
        let mut block = self.block.clone();
        for (at, start) in self.starts.iter().enumerate().filter(|(at, _)| is_numbered(*at)) {
            let start = start + NUMBER_AT;
            block[start..start + DIGITS].copy_from_slice(id(number, at).as_bytes());
        }
        block
    }

    /// The object from this offset on; it has no end.
    fn from(&self, offset: usize) -> Chunks {
        let (first, within) = (offset / self.block.len(), offset % self.block.len());
        let lines = self.clone();
        let rest = lines.block(first).split_off(within);
        Box::new(iter::once(rest).chain((first + 1..).map(move |number| lines.block(number))))
    }

    /// The sum of the hashes of the ids of the documents.
    fn sum_of_ids(&self, blocks: usize) -> u128 {
        let mut sum = 0_u128;
        for number in 0..blocks {
            for (at, start) in self.starts.iter().enumerate() {
                let id = if is_numbered(at) {
                    id(number, at)
                } else {
                    let end = self.starts.get(at + 1).map_or(self.block.len(), |end| *end) - 1;
                    let offset = number * self.block.len() + start;
                    derived_id(offset, &self.block[*start..end])
                };
                sum = sum.wrapping_add(hash(&[id.as_bytes()]));
            }
        }
        sum
    }
}

const fn is_numbered(at: usize) -> bool {
    at.is_multiple_of(2)
}

fn id(block: usize, at: usize) -> String {
    format!("{:0DIGITS$}", block * LINES_PER_BLOCK + at)
}

/// The id of a record without one, as documented in the README of `object-loader`.
fn derived_id(offset: usize, line: &[u8]) -> String {
    let place = format!("{BUCKET}\0{KEY}\0{offset}\0");
    let hash = Sha256::new().chain_update(place).chain_update(line).finalize();
    hash[..16].iter().fold(String::new(), |id, byte| id + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_the_same_from_any_offset() {
        let lines = Lines::new(7).unwrap();
        let whole: Vec<u8> = lines.from(0).take(3).flatten().collect();
        for offset in [1, lines.block.len() - 1, lines.block.len(), lines.block.len() + 5] {
            let rest: Vec<u8> = lines.from(offset).take(2).flatten().collect();
            let end = whole.len().min(offset + rest.len());
            assert!(whole[offset..end] == rest[..end - offset], "{offset}");
        }
        let line = whole[lines.block.len()..].split(|byte| *byte == b'\n').next().unwrap();
        assert!(line.starts_with(br#"{"event_id":"000000001000","#));
    }
}
