//! The event source mapping of a stream, in real time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::failure::FailureObject;
use super::reader::{Batch, EventSourceMappingOptions, Outcome, Reader};
use super::report::Report;
use super::stream::{Put, Stream, StreamError};
use crate::clock::Clock;
use crate::mapping::Watched;
use crate::runtime_api::{ACCOUNT, Invoke, REGION, invoke};
use crate::s3;
use crate::server::locked;

/// A stream for several producers and a mapping; clones are the same stream.
#[derive(Clone, Debug)]
pub struct SharedStream {
    stream: Arc<Mutex<Stream>>,
    clock: Clock,
}

impl SharedStream {
    /// A stream with this number of shards, on the system's clock.
    #[must_use]
    pub fn new(name: impl Into<String>, shards: u32) -> Self {
        let stream = Arc::new(Mutex::new(Stream::new(name, shards)));
        Self { stream, clock: Clock::system() }
    }

    /// Puts a record: `PutRecord`.
    pub fn put(&self, partition_key: &str, data: impl Into<bytes::Bytes>) -> Put {
        let now_ms = self.clock.milliseconds();
        locked(&self.stream).put(partition_key, data, now_ms)
    }

    /// Splits a shard into halves.
    ///
    /// # Errors
    /// [`StreamError`], and nothing has changed.
    pub fn split_evenly(&self, shard: usize) -> Result<[usize; 2], StreamError> {
        locked(&self.stream).split_evenly(shard)
    }

    /// Merges two shards.
    ///
    /// # Errors
    /// [`StreamError`], and nothing has changed.
    pub fn merge(&self, shard: usize, adjacent: usize) -> Result<usize, StreamError> {
        locked(&self.stream).merge(shard, adjacent)
    }

    /// Calls `look` with the current state of the stream.
    pub fn with<T>(&self, look: impl FnOnce(&Stream) -> T) -> T {
        look(&locked(&self.stream))
    }
}

/// Where an object is written for records that are given up (`DestinationConfig.OnFailure`).
#[derive(Clone, Debug)]
pub struct OnFailure {
    /// The S3.
    pub s3: Arc<s3::Embedded>,
    /// The bucket.
    pub bucket: String,
}

/// A running mapping. It stops immediately when this value is dropped.
#[derive(Debug)]
pub struct EventSourceMapping {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    id: Uuid,
    options: EventSourceMappingOptions,
    stream: SharedStream,
    /// Locked while the report changes, so that both are consistent.
    reader: Mutex<Reader>,
    /// Sequence numbers of the records that are done.
    done: Mutex<HashSet<String>>,
    on_failure: Option<OnFailure>,
    watched: Watched<Report>,
}

impl EventSourceMapping {
    /// Starts to read the stream and to pass its records to `function`.
    pub fn start(
        options: EventSourceMappingOptions,
        stream: SharedStream,
        function: impl Invoke,
        on_failure: Option<OnFailure>,
    ) -> Self {
        let shared = Arc::new(Shared {
            id: Uuid::from_u128(fastrand::u128(..)),
            reader: Mutex::new(Reader::new(options.clone())),
            done: Mutex::default(),
            options,
            stream,
            on_failure,
            watched: Watched::default(),
        });
        let task = tokio::spawn(run(Arc::clone(&shared), Arc::new(function)));
        Self { shared, task }
    }

    /// The report so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.shared.watched.report()
    }

    /// Waits until `condition` returns true for the report. It is called after every change.
    pub async fn until(&self, condition: impl Fn(&Report) -> bool) -> Report {
        self.shared.watched.until(condition).await
    }

    /// Waits until all records that are now in the stream are settled.
    pub async fn until_up_to_date(&self) -> Report {
        let is_up_to_date = || {
            let reader = locked(&self.shared.reader);
            self.shared.stream.with(|stream| reader.is_up_to_date(stream))
        };
        self.shared.watched.wait(is_up_to_date).await;
        self.report()
    }

    /// Reads a shard again from the record at this position, as after the loss of a poller and its
    /// last checkpoints. Invocations that are in flight continue.
    pub fn lose_place(&self, shard: usize, checkpoint: usize) {
        let mut reader = locked(&self.shared.reader);
        let left = reader.lose_place(shard, checkpoint) as u64;
        self.shared.watched.count(|report| {
            report.left += left;
            report.in_hand -= left;
        });
    }

    /// Stops reading, waits until the invocations in flight have ended, and returns the report.
    pub async fn stop(mut self) -> Report {
        self.shared.watched.stop();
        // The task neither panics nor is aborted before.
        (&mut self.task).await.ok();
        self.report()
    }
}

impl Drop for EventSourceMapping {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An invocation that has ended.
struct Ended {
    batch: Batch,
    outcome: Result<Outcome, String>,
    duration: Duration,
}

async fn run(shared: Arc<Shared>, function: Arc<impl Invoke>) {
    let mut invocations = JoinSet::new();
    let mut next_read = Instant::now();
    loop {
        let is_stopping = shared.watched.is_stopping();
        if is_stopping && invocations.is_empty() {
            return;
        }
        if !is_stopping {
            if Instant::now() >= next_read {
                shared.read();
                next_read = Instant::now() + shared.options.poll_interval;
            }
            while let Some(batch) = shared.next_batch() {
                invocations.spawn(handle(Arc::clone(&function), batch));
            }
        }
        shared.discard();
        tokio::select! {
            Some(ended) = invocations.join_next() => {
                if let Ok(ended) = ended {
                    shared.settle(ended);
                }
            }
            () = sleep_until(shared.due().map_or(next_read, |due| due.min(next_read))),
                if !is_stopping => {}
            () = shared.watched.stopped(), if !is_stopping => {}
        }
    }
}

async fn handle(function: Arc<impl Invoke>, batch: Batch) -> Ended {
    let started = Instant::now();
    let answer = invoke(&function, batch.payload()).await;
    let duration = started.elapsed();
    let outcome = answer
        .map_err(|error| error.to_string())
        .and_then(|answer| batch.outcome(&answer).map_err(|wrong| wrong.to_string()));
    Ended { batch, outcome, duration }
}

impl Shared {
    fn now_ms(&self) -> u64 {
        self.stream.clock.milliseconds()
    }

    fn read(&self) {
        let now_ms = self.now_ms();
        let mut reader = locked(&self.reader);
        let read = self.stream.with(|stream| reader.read(stream, now_ms)) as u64;
        self.watched.count(|report| {
            report.read += read;
            report.in_hand += read;
        });
    }

    fn next_batch(&self) -> Option<Batch> {
        let now_ms = self.now_ms();
        let batch = locked(&self.reader).next_batch(now_ms)?;
        let age = batch.iterator_age(now_ms);
        self.watched.count(|report| report.iterator_age = report.iterator_age.max(age));
        Some(batch)
    }

    /// When a batch is due whose records have been read.
    fn due(&self) -> Option<Instant> {
        let due_ms = locked(&self.reader).due_ms()?;
        let wait_ms = due_ms.saturating_sub(self.now_ms()).max(1);
        Some(Instant::now() + Duration::from_millis(wait_ms))
    }

    fn settle(&self, Ended { batch, outcome, duration }: Ended) {
        let now_ms = self.now_ms();
        let settled = *outcome.as_ref().unwrap_or(&Outcome::Failed);
        let mut reader = locked(&self.reader);
        let done = reader.settle(&batch, settled, now_ms);
        let mut before = locked(&self.done);
        let first = done.iter().filter(|record| before.insert(record.sequence_number.clone()));
        let first: Vec<_> = first.map(|record| (record.arrived_ms, now_ms)).collect();
        self.watched.count(|report| {
            report.invocations += 1;
            report.invocation_durations.push(duration);
            report.partial_answers += u64::from(matches!(settled, Outcome::From(_)));
            if let Err(error) = outcome {
                report.failed_invocations += 1;
                report.last_error = Some(error);
            }
            report.done += done.len() as u64;
            report.in_hand -= done.len() as u64;
            report.done_ms.extend(first);
        });
    }

    /// Writes an object for the records that were given up.
    fn discard(&self) {
        let mut reader = locked(&self.reader);
        let (discarded, stream_arn) =
            self.stream.with(|stream| (reader.take_discarded(stream), stream.arn()));
        let now_ms = self.now_ms();
        let function_arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:function");
        for discarded in discarded {
            if let Some(OnFailure { s3, bucket }) = &self.on_failure {
                let ids = (self.id, Uuid::from_u128(fastrand::u128(..)));
                let FailureObject { key, body } =
                    discarded.object(ids, &function_arn, &stream_arn, now_ms);
                s3.put(bucket, &key, body, i64::try_from(now_ms).unwrap_or(i64::MAX));
            }
            let count = discarded.records.len() as u64;
            self.watched.count(|report| {
                report.discarded += count;
                report.in_hand -= count;
            });
        }
    }
}
