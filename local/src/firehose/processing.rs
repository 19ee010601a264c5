//! Passes batches to the function, and reads its answers.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::Report;
use super::answer::{Problem, Verdict, judge};
use super::backup::{Line, UNPROCESSED};
use super::options::Backoff;
use super::record::{Document, Record, index, request};
use super::state::Shared;
use crate::runtime_api::{Invoke, invoke};

/// Maximum number of retries of a failed invocation: the default of `NumberOfRetries`.
const RETRIES: u32 = 3;

const FUNCTION_ERROR: Problem = (
    "Lambda.FunctionError",
    "The Lambda function was successfully invoked but it returned an error result.",
);
const PROCESSING_FAILED: Problem =
    ("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record");

pub(super) async fn process(shared: &Shared, function: &Arc<impl Invoke>, batch: Vec<Record>) {
    let (answer, attempts) = transformed(shared, function, &batch).await;
    let verdicts = match &answer {
        Some(answer) => {
            judge(answer, &batch.iter().map(|record| record.id.as_str()).collect::<Vec<_>>())
        }
        None => vec![Verdict::Wrong(FUNCTION_ERROR); batch.len()],
    };
    let now_ms = shared.options.clock.milliseconds();
    let (mut documents, mut dropped, mut failures) = (Vec::new(), 0, Vec::new());
    let (mut processing_failed, mut invocation_failed) = (0, 0);
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
                processing_failed += 1;
                PROCESSING_FAILED
            }
            Verdict::Wrong(problem) => {
                invocation_failed += 1;
                problem
            }
        };
        failures.push(Line::of_record(&record, attempts, problem, now_ms));
    }
    let is_wrong = answer.is_some() && invocation_failed > 0;
    shared.count(|report| {
        report.ok += documents.len() as u64;
        report.dropped += dropped;
        report.in_flight -= dropped;
        report.failed_invocations += u64::from(is_wrong);
    });
    let count = |report: &mut Report| {
        report.processing_failed += processing_failed;
        report.invocation_failed += invocation_failed;
    };
    shared.back_up(UNPROCESSED, failures, count).await;
    shared.batch_done(documents);
}

/// The function's answer, if an invocation succeeded, and the number of invocations.
async fn transformed(
    shared: &Shared,
    function: &Arc<impl Invoke>,
    batch: &[Record],
) -> (Option<Bytes>, u32) {
    let mut backoff = Backoff::new(shared.options.longest_pause);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let started = Instant::now();
        let result = invoke(function, request(&shared.options, batch)).await;
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
