//! Batches go to the function, and its answers become documents, drops and failures.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::answer::{Verdict, judge};
use super::backup::{Counts, Object, Unprocessed};
use super::record::{Document, Record};
use super::state::Shared;
use super::{RetryBackoff, names, request};
use crate::runtime_api::Invoker;

const FUNCTION_ERROR: (&str, &str) = (
    "Lambda.FunctionError",
    "The Lambda function was successfully invoked but it returned an error result.",
);
const PROCESSING_FAILED: (&str, &str) =
    ("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record");

/// Hands batches to the function, several at once, for ever.
pub(super) async fn run(shared: Arc<Shared>, invoke: Invoker) {
    let slots = Arc::new(Semaphore::new(shared.options.concurrent_invocations));
    // The set ends its tasks when it is dropped, with the stream.
    let mut batches = JoinSet::new();
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let batch = shared.next_batch().await;
        let (shared, invoke) = (Arc::clone(&shared), invoke.clone());
        batches.spawn(async move {
            process(&shared, &invoke, batch).await;
            drop(slot);
        });
        while batches.try_join_next().is_some() {}
    }
}

async fn process(shared: &Shared, invoke: &Invoker, batch: Vec<Record>) {
    let (answer, attempts) = transformed(shared, invoke, &batch).await;
    let verdicts = answer.map(|answer| judge(&answer, &batch));
    let mut sorted = Sorted::default();
    match verdicts {
        Some(verdicts) => {
            for (record, verdict) in batch.into_iter().zip(verdicts) {
                sorted.add(shared, record, verdict, attempts);
            }
        }
        None => batch.into_iter().for_each(|record| sorted.fail(record, attempts, FUNCTION_ERROR)),
    }
    let Sorted { documents, dropped, failures, counts, problem } = sorted;
    shared.count(|report| {
        report.ok += documents.len() as u64;
        report.dropped += dropped;
        report.in_flight -= dropped;
        if let Some(problem) = problem {
            report.failed_invocations += 1;
            report.last_error = Some(format!("the function's answer was wrong: {problem}"));
        }
    });
    if !failures.is_empty() {
        let now = shared.now_ms();
        let object = Object::of_unprocessed(&shared.options, failures, counts, now);
        shared.back_up(object).await;
    }
    shared.batch_done(documents);
}

/// The function's answer, if an invocation brought one, and how many it took.
async fn transformed(shared: &Shared, invoke: &Invoker, batch: &[Record]) -> (Option<Bytes>, u32) {
    let mut backoff = Backoff::new(shared.options.retry_backoff);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let request = request::write(&shared.options, batch);
        let started = Instant::now();
        let result = invoke.invoke(request).await;
        shared.took(started.elapsed());
        match result {
            Ok(answer) => return (Some(answer), attempts),
            Err(error) => shared.count(|report| {
                report.failed_invocations += 1;
                report.last_error = Some(format!("an invocation failed: {error}"));
            }),
        }
        if attempts > shared.options.number_of_retries {
            return (None, attempts);
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

/// A batch by what becomes of its records.
#[derive(Default)]
struct Sorted {
    documents: Vec<Document>,
    dropped: u64,
    failures: Vec<Unprocessed>,
    counts: Counts,
    problem: Option<&'static str>,
}

impl Sorted {
    fn add(&mut self, shared: &Shared, record: Record, verdict: Verdict, attempts: u32) {
        match verdict {
            Verdict::Ok(body) => self.documents.push(document(shared, record, body)),
            Verdict::Dropped => self.dropped += 1,
            Verdict::ProcessingFailed => {
                self.counts.processing += 1;
                self.failed(record, attempts, PROCESSING_FAILED);
            }
            Verdict::Wrong(problem) => {
                self.problem = Some(problem.code());
                self.fail(record, attempts, (problem.code(), problem.message()));
            }
        }
    }

    /// The invocation failed this record, or all of them.
    fn fail(&mut self, record: Record, attempts: u32, error: (&'static str, &'static str)) {
        self.counts.invocation += 1;
        self.failed(record, attempts, error);
    }

    fn failed(&mut self, record: Record, attempts: u32, error: (&'static str, &'static str)) {
        let (code, message) = error;
        self.failures.push(Unprocessed { record, attempts, code, message });
    }
}

fn document(shared: &Shared, record: Record, body: Bytes) -> Document {
    let options = &shared.options;
    Document {
        id: format!("{}.0", record.sequence_number),
        index: names::index(&options.index_name, options.rotation, record.arrival_ms),
        arrival_ms: record.arrival_ms,
        body,
        room: record.room,
    }
}

/// Pauses, each twice the one before.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    pub(super) fn new(backoff: RetryBackoff) -> Self {
        Self { next: backoff.first, longest: backoff.longest }
    }

    pub(super) fn next(&mut self) -> Duration {
        let pause = self.next.min(self.longest);
        self.next = pause.saturating_mul(2);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(1));
        let mut backoff = Backoff::new(RetryBackoff { first, longest });
        let pauses: Vec<_> = (0..5).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1000, 1000]);
    }
}
