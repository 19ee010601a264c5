//! Batches go to the function, and its answers become documents, drops and failures.

use bytes::Bytes;
use tokio::time::Instant;

use super::answer::{Problem, Verdict, judge};
use super::backup::{Counts, Line, UNPROCESSED};
use super::options::Backoff;
use super::record::{Document, Record, index, request};
use super::state::Shared;
use crate::runtime_api::{InvokeError, Invoker};

/// Maximum retries of a failed invocation: the default of `NumberOfRetries`.
const RETRIES: u32 = 3;

const FUNCTION_ERROR: Problem = (
    "Lambda.FunctionError",
    "The Lambda function was successfully invoked but it returned an error result.",
);
const PROCESSING_FAILED: Problem =
    ("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record");

/// Takes a batch through the function.
pub(super) async fn process(shared: &Shared, invoke: &Invoker, batch: Vec<Record>) {
    let (answer, attempts) = transformed(shared, invoke, &batch).await;
    let verdicts = match &answer {
        Some(answer) => judge(answer, &batch.iter().map(Record::id).collect::<Vec<_>>()),
        None => vec![Verdict::Wrong(FUNCTION_ERROR); batch.len()],
    };
    let now_ms = shared.options.clock.milliseconds();
    let (mut documents, mut dropped, mut failures) = (Vec::new(), 0, Vec::new());
    let mut counts = Counts::default();
    for (record, verdict) in batch.into_iter().zip(verdicts) {
        let problem = match verdict {
            Verdict::Ok(body) => {
                documents.push(document(shared, &record, body));
                continue;
            }
            Verdict::Dropped => {
                dropped += 1;
                continue;
            }
            Verdict::ProcessingFailed => {
                counts.processing += 1;
                PROCESSING_FAILED
            }
            Verdict::Wrong(problem) => {
                counts.invocation += 1;
                problem
            }
        };
        failures.push(Line::of_record(&record, attempts, problem, now_ms));
    }
    let is_wrong = answer.is_some() && counts.invocation > 0;
    shared.count(|report| {
        report.ok += documents.len() as u64;
        report.dropped += dropped;
        report.in_flight -= dropped;
        report.failed_invocations += u64::from(is_wrong);
    });
    shared.back_up(UNPROCESSED, failures, counts).await;
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
        if let Ok(answer) = result {
            return (Some(answer), attempts);
        }
        shared.count(|report| report.failed_invocations += 1);
        if attempts > RETRIES {
            return (None, attempts);
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

fn document(shared: &Shared, record: &Record, body: Bytes) -> Document {
    let options = &shared.options;
    Document {
        id: format!("{}.0", record.sequence_number),
        index: index(&options.index_name, options.rotation, record.arrival_ms),
        arrival_ms: record.arrival_ms,
        body,
    }
}
