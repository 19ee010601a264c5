//! Batches go to the function, and its answers become documents, drops and failures.

use bytes::Bytes;
use tokio::time::Instant;

use super::answer::{Problem, Verdict, judge};
use super::backup::{Counts, Object, Unprocessed};
use super::options::Backoff;
use super::record::{Document, Record, index, request};
use super::state::Shared;
use crate::runtime_api::{InvokeError, Invoker};

const FUNCTION_ERROR: Problem = (
    "Lambda.FunctionError",
    "The Lambda function was successfully invoked but it returned an error result.",
);
const PROCESSING_FAILED: Problem =
    ("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record");

/// Takes a batch through the function.
pub(super) async fn process(shared: &Shared, invoke: &Invoker, batch: Vec<Record>) {
    let (answer, attempts) = transformed(shared, invoke, &batch).await;
    let ids: Vec<String> = batch.iter().map(Record::id).collect();
    let verdicts = answer.map(|answer| judge(&answer, &ids));
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

/// The function's answer, if an invocation brought one, and the number of invocations.
async fn transformed(shared: &Shared, invoke: &Invoker, batch: &[Record]) -> (Option<Bytes>, u32) {
    let mut backoff = Backoff::new(shared.options.retry_backoff);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let started = Instant::now();
        let result = match request(&shared.options, batch) {
            Ok(request) => invoke.invoke(request).await,
            Err(error) => Err(InvokeError::Start { message: error.to_string() }),
        };
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
                self.problem = Some(problem.0);
                self.fail(record, attempts, problem);
            }
        }
    }

    /// The invocation failed this record, or all of them.
    fn fail(&mut self, record: Record, attempts: u32, error: Problem) {
        self.counts.invocation += 1;
        self.failed(record, attempts, error);
    }

    fn failed(&mut self, record: Record, attempts: u32, error: Problem) {
        let (code, message) = error;
        self.failures.push(Unprocessed { record, attempts, code, message });
    }
}

fn document(shared: &Shared, record: Record, body: Bytes) -> Document {
    let options = &shared.options;
    Document {
        id: format!("{}.0", record.sequence_number),
        index: index(&options.index_name, options.rotation, record.arrival_ms),
        arrival_ms: record.arrival_ms,
        body,
        room: record.room,
    }
}
