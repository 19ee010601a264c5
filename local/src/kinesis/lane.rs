//! One of the `ParallelizationFactor` lanes of a shard. Its batches are invoked one after another,
//! and it has all records of its partition keys.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::Record;
use super::failure::Condition;
use super::reader::{EventSourceMappingOptions, Outcome};
use crate::clock::milliseconds;
use crate::mapping::Batch;

/// The pause after the first of several consecutive failures; it doubles up to
/// [`LONGEST_PAUSE_MS`]. Lambda backs off, but does not document for how long.
const FIRST_PAUSE_MS: u64 = 100;
const LONGEST_PAUSE_MS: u64 = 1_000;

#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Records that are not in a batch yet, with the time when they were read.
    queue: VecDeque<(u64, Arc<Record>)>,
    /// The current batch, in several parts if it was bisected. The first part is in flight or
    /// invoked next.
    parts: VecDeque<Part>,
    is_in_flight: bool,
    /// Number of consecutive failures.
    failures: u32,
    not_before_ms: u64,
}

#[derive(Debug)]
struct Part {
    records: Vec<Arc<Record>>,
    /// Number of failed invocations that count as attempts.
    attempts: u32,
}

/// Records that a lane gives up.
#[derive(Debug)]
pub(super) struct GivenUp {
    pub(super) condition: Condition,
    pub(super) records: Vec<Arc<Record>>,
    pub(super) attempts: u32,
}

impl Lane {
    pub(super) fn push(&mut self, record: Arc<Record>, now_ms: u64) {
        self.queue.push_back((now_ms, record));
    }

    /// The records that are not settled, oldest first.
    pub(super) fn records(&self) -> impl Iterator<Item = &Arc<Record>> {
        let in_parts = self.parts.iter().flat_map(|part| &part.records);
        in_parts.chain(self.queue.iter().map(|(_, record)| record))
    }

    /// When the next batch is due, as far as is known; `None` while one is in flight.
    pub(super) fn due_ms(&self, options: &EventSourceMappingOptions) -> Option<u64> {
        if self.is_in_flight {
            return None;
        }
        if !self.parts.is_empty() {
            return Some(self.not_before_ms);
        }
        let (read_ms, _) = self.queue.front()?;
        Some(self.not_before_ms.max(read_ms + milliseconds(options.batching_window)))
    }

    /// Takes the records of the next invocation, and gives up the records before them that are too
    /// old.
    pub(super) fn next(
        &mut self,
        options: &EventSourceMappingOptions,
        now_ms: u64,
        given_up: &mut Vec<GivenUp>,
    ) -> Option<Vec<Arc<Record>>> {
        if self.is_in_flight || now_ms < self.not_before_ms {
            return None;
        }
        loop {
            if self.parts.is_empty() {
                let records = self.gather(options, now_ms)?;
                self.parts.push_back(Part { records, attempts: 0 });
            }
            let part = self.parts.front_mut()?;
            let limit_ms = options.maximum_record_age.map_or(u64::MAX, milliseconds);
            let is_old =
                |record: &&Arc<Record>| now_ms.saturating_sub(record.arrived_ms) > limit_ms;
            let old = part.records.iter().take_while(is_old).count();
            if old > 0 {
                given_up.push(GivenUp {
                    condition: Condition::RecordAgeExceeded,
                    records: part.records.drain(..old).collect(),
                    attempts: part.attempts,
                });
            }
            if !part.records.is_empty() {
                self.is_in_flight = true;
                return Some(part.records.clone());
            }
            self.parts.pop_front();
        }
    }

    /// The next batch, if it is full or its window has ended.
    fn gather(
        &mut self,
        options: &EventSourceMappingOptions,
        now_ms: u64,
    ) -> Option<Vec<Arc<Record>>> {
        let (read_ms, _) = self.queue.front()?;
        let is_over = now_ms >= read_ms + milliseconds(options.batching_window);
        let mut batch = Batch::default();
        let mut is_full = false;
        for (_, record) in &self.queue {
            is_full = batch.add(Arc::clone(record)).is_some();
            if is_full || batch.records.len() == options.batch_size {
                is_full = true;
                break;
            }
        }
        if !is_over && !is_full {
            return None;
        }
        self.queue.drain(..batch.records.len());
        Some(batch.records)
    }

    /// Settles the records in flight; returns those that are done.
    pub(super) fn settle(
        &mut self,
        outcome: Outcome,
        options: &EventSourceMappingOptions,
        now_ms: u64,
        given_up: &mut Vec<GivenUp>,
    ) -> Vec<Arc<Record>> {
        let Some(mut part) = self.parts.pop_front().filter(|_| self.is_in_flight) else {
            return Vec::new();
        };
        self.is_in_flight = false;
        let done = match outcome {
            Outcome::Done => part.records.len(),
            Outcome::From(first) => first,
            Outcome::Failed => 0,
        };
        let rest = part.records.split_off(done.min(part.records.len()));
        let done = part.records;
        if !done.is_empty() {
            self.failures = 0;
        }
        if rest.is_empty() {
            return done;
        }
        self.failures += 1;
        let pause_ms = FIRST_PAUSE_MS << (self.failures - 1).min(8);
        self.not_before_ms = now_ms + pause_ms.min(LONGEST_PAUSE_MS);
        let bisects = options.bisect_batch_on_function_error && outcome == Outcome::Failed;
        if bisects && rest.len() > 1 {
            // A bisection is not an attempt.
            let mut first = rest;
            let second = first.split_off(first.len() / 2);
            for records in [second, first] {
                self.parts.push_front(Part { records, attempts: part.attempts });
            }
            return done;
        }
        let attempts = part.attempts + 1;
        if options.maximum_retry_attempts.is_some_and(|most| attempts > most) {
            let condition = Condition::RetryAttemptsExhausted;
            given_up.push(GivenUp { condition, records: rest, attempts });
        } else {
            self.parts.push_front(Part { records: rest, attempts });
        }
        done
    }
}
