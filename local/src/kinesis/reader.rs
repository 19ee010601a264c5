//! The reading side of the mapping: its position in a stream, its batches and their results,
//! without a function and with the caller's clock. Times are in milliseconds since 1970.
//!
//! Source: AWS Lambda developer guide, "How Lambda processes records from stream-based event sources",
//! "Lambda parameters for Amazon Kinesis Data Streams event source mappings" and "Configuring partial
//! batch response with Kinesis Data Streams and Lambda".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::event::Record;
use super::failure::Discarded;
use super::lane::{GivenUp, Lane};
use super::stream::{Stream, hash_key};
use crate::mapping::{WrongAnswer, batch_item_failures, payload};

/// Maximum number of records that one read of a shard returns (`GetRecords`).
const READ_LIMIT: usize = 10_000;
/// Maximum size of the data of these records, in bytes.
const READ_LIMIT_BYTES: usize = 10 << 20;

/// The settings of an event source mapping that starts with the oldest record (`TRIM_HORIZON`) and
/// whose `FunctionResponseTypes` contains `ReportBatchItemFailures`.
#[derive(Debug, Clone)]
pub struct EventSourceMappingOptions {
    /// Maximum number of records of an invocation (`BatchSize`): 1 to 10,000.
    pub batch_size: usize,
    /// How long a batch that is not full waits for more records after its first one was read
    /// (`MaximumBatchingWindowInSeconds`): up to 300 s.
    pub batching_window: Duration,
    /// Maximum number of concurrent invocations with records of one shard
    /// (`ParallelizationFactor`): 1 to 10.
    pub parallelization_factor: usize,
    /// Whether a batch whose invocation failed is split in two (`BisectBatchOnFunctionError`).
    pub bisect_batch_on_function_error: bool,
    /// Number of retries after which records are given up (`MaximumRetryAttempts`); `None`: never.
    pub maximum_retry_attempts: Option<u32>,
    /// Age after which records are given up (`MaximumRecordAgeInSeconds`); `None`: never.
    pub maximum_record_age: Option<Duration>,
    /// How often each shard is read: every second in Lambda, more often in tests.
    pub poll_interval: Duration,
}

impl Default for EventSourceMappingOptions {
    /// The defaults of Lambda.
    fn default() -> Self {
        Self {
            batch_size: 100,
            batching_window: Duration::ZERO,
            parallelization_factor: 1,
            bisect_batch_on_function_error: false,
            maximum_retry_attempts: None,
            maximum_record_age: None,
            poll_interval: Duration::from_secs(1),
        }
    }
}

/// The records of one invocation.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The index of their shard.
    pub shard: usize,
    /// The records, oldest first; at least one.
    pub records: Vec<Arc<Record>>,
    lane: usize,
    /// Incremented whenever the position in the shard is lost.
    generation: u64,
}

/// The result of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All records are done.
    Done,
    /// The answer names the record at this position of the batch: Lambda continues from there.
    From(usize),
    /// The invocation failed, or its answer fails the whole batch.
    Failed,
}

impl Batch {
    /// The event.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        payload(&self.records)
    }

    /// The age of the last record (`IteratorAge`).
    #[must_use]
    pub fn iterator_age(&self, now_ms: u64) -> Duration {
        let arrived_ms = self.records.last().map_or(now_ms, |record| record.arrived_ms);
        Duration::from_millis(now_ms.saturating_sub(arrived_ms))
    }

    /// Reads the function's answer: the lowest of its sequence numbers counts.
    ///
    /// # Errors
    /// [`WrongAnswer`] if the whole batch failed.
    pub fn outcome(&self, answer: &[u8]) -> Result<Outcome, WrongAnswer> {
        let numbers: BTreeSet<_> =
            self.records.iter().map(|record| record.sequence_number.as_str()).collect();
        let failed = batch_item_failures(answer, &numbers)?;
        let mut records = self.records.iter();
        let first = records.position(|record| failed.contains(&record.sequence_number));
        Ok(first.map_or(Outcome::Done, Outcome::From))
    }
}

/// The position in every shard of a stream.
#[derive(Debug)]
pub struct Reader {
    options: EventSourceMappingOptions,
    shards: BTreeMap<usize, Place>,
    given_up: Vec<(usize, GivenUp)>,
}

#[derive(Debug)]
struct Place {
    /// The position of the record that is read next.
    next: usize,
    lanes: Vec<Lane>,
    generation: u64,
}

impl Place {
    fn new(lanes: usize) -> Self {
        let lanes = (0..lanes).map(|_| Lane::default()).collect();
        Self { next: 0, lanes, generation: 0 }
    }

    fn records(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.lanes.iter().flat_map(Lane::records)
    }
}

impl Reader {
    /// A reader that starts with the first record.
    #[must_use]
    pub fn new(options: EventSourceMappingOptions) -> Self {
        Self { options, shards: BTreeMap::new(), given_up: Vec::new() }
    }

    /// Reads every shard once. The children of a shard that was split or merged are read only after
    /// all records of their parents are settled. Returns the number of records.
    pub fn read(&mut self, stream: &Stream, now_ms: u64) -> usize {
        let arn = stream.arn();
        let mut read = 0;
        for (index, shard) in stream.shards().iter().enumerate() {
            if !shard.parents.iter().all(|parent| self.is_finished(stream, *parent)) {
                continue;
            }
            let lanes = self.options.parallelization_factor.max(1);
            let place = self.shards.entry(index).or_insert_with(|| Place::new(lanes));
            let mut bytes = 0;
            for stored in shard.records().iter().skip(place.next).take(READ_LIMIT) {
                bytes += stored.data.len();
                let record = Record::new(stored, place.next, shard, &arn);
                // Keeps the order of the records of a partition key.
                let lane = hash_key(&record.partition_key) % lanes as u128;
                let lane = usize::try_from(lane).unwrap_or_default();
                place.lanes[lane].push(Arc::new(record), now_ms);
                place.next += 1;
                read += 1;
                if bytes >= READ_LIMIT_BYTES {
                    break;
                }
            }
        }
        read
    }

    /// The next batch that is due, which is in flight until it is settled.
    pub fn next_batch(&mut self, now_ms: u64) -> Option<Batch> {
        for (&shard, place) in &mut self.shards {
            for (index, lane) in place.lanes.iter_mut().enumerate() {
                let mut given_up = Vec::new();
                let records = lane.next(&self.options, now_ms, &mut given_up);
                self.given_up.extend(given_up.into_iter().map(|given_up| (shard, given_up)));
                if let Some(records) = records {
                    let generation = place.generation;
                    return Some(Batch { shard, records, lane: index, generation });
                }
            }
        }
        None
    }

    /// When the next batch is due, as far as is known without reading more records.
    #[must_use]
    pub fn due_ms(&self) -> Option<u64> {
        let lanes = self.shards.values().flat_map(|place| &place.lanes);
        lanes.filter_map(|lane| lane.due_ms(&self.options)).min()
    }

    /// Settles a batch; returns its records that are done. If the position in its shard has been
    /// lost since, its records are read again and the outcome is ignored.
    pub fn settle(&mut self, batch: &Batch, outcome: Outcome, now_ms: u64) -> Vec<Arc<Record>> {
        let Some(place) = self.shards.get_mut(&batch.shard) else { return Vec::new() };
        if place.generation != batch.generation {
            return Vec::new();
        }
        let mut given_up = Vec::new();
        let done = place.lanes[batch.lane].settle(outcome, &self.options, now_ms, &mut given_up);
        self.given_up.extend(given_up.into_iter().map(|given_up| (batch.shard, given_up)));
        done
    }

    /// The records that were given up since the last call.
    pub fn take_discarded(&mut self, stream: &Stream) -> Vec<Discarded> {
        let given_up = std::mem::take(&mut self.given_up).into_iter();
        let discarded = given_up.map(|(shard, GivenUp { condition, records, attempts })| {
            let shard_id = stream.shards()[shard].id.clone();
            Discarded { condition, shard_id, records, attempts }
        });
        discarded.collect()
    }

    /// The checkpoint of a shard: the position of the first record that is not settled.
    #[must_use]
    pub fn checkpoint(&self, shard: usize) -> usize {
        let Some(place) = self.shards.get(&shard) else { return 0 };
        place.records().map(|record| record.place).min().unwrap_or(place.next)
    }

    /// Loses the position in a shard, which is read again from `checkpoint`, or from the present
    /// checkpoint if that is lower. Invocations in flight continue, but their outcome is ignored.
    /// Returns the number of records that had been read and not settled.
    pub fn lose_place(&mut self, shard: usize, checkpoint: usize) -> usize {
        let checkpoint = checkpoint.min(self.checkpoint(shard));
        let Some(place) = self.shards.get_mut(&shard) else { return 0 };
        let left = place.records().count();
        let generation = place.generation + 1;
        *place = Place { next: checkpoint, generation, ..Place::new(place.lanes.len()) };
        left
    }

    /// Whether all records that are now in the stream are settled.
    #[must_use]
    pub fn is_up_to_date(&self, stream: &Stream) -> bool {
        let mut shards = stream.shards().iter().enumerate();
        shards.all(|(index, shard)| self.checkpoint(index) == shard.records().len())
    }

    /// Whether a shard is closed and all its records are settled.
    fn is_finished(&self, stream: &Stream, shard: usize) -> bool {
        let found = &stream.shards()[shard];
        found.is_closed
            && self.shards.contains_key(&shard)
            && self.checkpoint(shard) == found.records().len()
    }
}
