#![doc = include_str!("../README.md")]

mod aggregate;
mod batch;
mod config;
mod kinesis;
mod outcome;
mod quarantine;
mod readings;
mod report;
mod run;
mod series;
mod store;

pub use config::{Config, VARIABLES};
pub use kinesis::InvalidEvent;
pub use quarantine::{AwsQueue, Queue};
pub use series::Series;
pub use store::{Auth, HttpStore, Scheme, Settings, Store, StoreError};

use std::borrow::Cow;
use std::io::Write;
use std::mem;

use shared::aws::Answer;
use shared::event::{Model, Reason, Timestamp};
use shared::runtime::{Function, Invocation};
use shared::schedule::Schedule;
use shared::sqs::{Failure, MAX_ENTRIES, MAX_QUARANTINE_BYTES, Quarantined};
use tokio::time::timeout_at;

use crate::batch::{At, Batch};
use crate::kinesis::Record;
use crate::outcome::{Retry, Verdict};
use crate::readings::{Found, Readings};
use crate::run::{MAX_REFUSED_ALONE, Refused, Run};
use crate::series::Origin;

/// Maximum size of the text of a store's answer that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 1_024;

/// The function.
#[derive(Debug)]
pub struct App<S, Q, W> {
    config: Config,
    store: S,
    queue: Q,
    metrics: W,
    // Reused between invocations, so that their buffers grow only once.
    readings: Readings,
    batch: Batch,
    line: Vec<u8>,
    spare: Vec<u8>,
}

/// The context of the work on one event.
#[derive(Clone, Copy, Debug)]
struct Job<'a> {
    records: &'a [Record<'a>],
    now: Timestamp,
    schedule: Schedule,
}

impl<S: Store, Q: Queue, W: Write> Function for App<S, Q, W> {
    type Error = InvalidEvent;

    /// Writes the points of one event's records and emits the metrics. The content of a record
    /// cannot fail the invocation.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), InvalidEvent> {
        let records = match kinesis::parse(invocation.body) {
            Ok(records) => records,
            Err(error) => {
                self.report(&Run::default(), &[], &invocation);
                return Err(error);
            }
        };
        let schedule = Schedule::new(&invocation, self.config.deadline_margin);
        let job = Job { records: &records, now: invocation.now, schedule };
        let run = self.settle(job).await;
        self.report(&run, &records, &invocation);
        answer.extend_from_slice(b"{\"batchItemFailures\":[");
        if let Some((first, _)) = run.retry {
            // Lambda continues from there. The number is copied as written, so that its escapes
            // stay valid.
            let sequence_number = records[first].sequence_number;
            let item = format!("{{\"itemIdentifier\":\"{sequence_number}\"}}");
            answer.extend_from_slice(item.as_bytes());
        }
        answer.extend_from_slice(b"]}");
        Ok(())
    }
}

impl<S: Store, Q: Queue, W: Write> App<S, Q, W> {
    /// Creates the function with these settings, this store and this quarantine. It writes its
    /// metrics to `metrics`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, store: S, queue: Q, metrics: W) -> Self {
        Self {
            config,
            store,
            queue,
            metrics,
            readings: Readings::default(),
            batch: Batch::default(),
            line: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Writes the points and sends refused readings to quarantine, record by record, until one has
    /// to be redelivered.
    async fn settle(&mut self, job: Job<'_>) -> Run {
        let mut run = Run::new(job.records.len());
        self.batch.clear();
        for (index, record) in job.records.iter().enumerate() {
            self.readings.open(record);
            let mut place = 0;
            while self.next_line(job, index, place, &mut run) {
                if !self.line.is_empty() {
                    if !self.batch.fits(self.line.len(), self.config.max_lines) {
                        self.write(job, &mut run).await;
                    }
                    self.batch.push(&self.line, At { record: index, place });
                }
                place += 1;
                if run.retry.is_some() {
                    break;
                }
            }
            if run.has_many_refused() {
                self.write(job, &mut run).await;
                self.quarantine(job, index + 1, &mut run).await;
            }
            if run.retry.is_some() {
                break;
            }
        }
        if run.retry.is_none() {
            self.write(job, &mut run).await;
        }
        self.quarantine(job, run.done(), &mut run).await;
        run
    }

    /// Reads the next position of the open record and writes its line, which is empty if there is
    /// no point. Returns `false` at the record's end.
    fn next_line(&mut self, job: Job<'_>, index: usize, place: usize, run: &mut Run) -> bool {
        let Self { config, readings, line, spare, .. } = self;
        line.clear();
        let origin = Origin { record: &job.records[index], place, now: job.now };
        let mut write = |found: Found<'_>| match found {
            Found::Reading(mut event) => {
                config.series.write(&mut event, &origin, spare, line).map(Some)
            }
            Found::Refused(refusal) => Err(Reason::from(refusal)),
            Found::Nothing => Ok(None),
        };
        let Some(written) = readings.next(&config.model, &mut write) else { return false };
        match written {
            Ok(Some(is_fallback)) => run.tallies[index].fallbacks += u64::from(is_fallback),
            Ok(None) => run.tallies[index].dropped += 1,
            Err(reason) => {
                line.clear();
                run.refuse(At { record: index, place }, reason);
            }
        }
        true
    }

    /// Writes the lines of the batch, in order. Requests that the store rejects are halved, down to
    /// single lines. After the first request that has to be retried later, nothing more is written. If the
    /// time is not enough for all the lines of a record that the store rejects, the record is given up.
    async fn write(&mut self, job: Job<'_>, run: &mut Run) {
        let Self { store, batch, .. } = self;
        let mut parts = Vec::new();
        if batch.count() > 0 && run.retry.is_none() {
            parts.push(0..batch.count());
        }
        while let Some(part) = parts.pop() {
            let first = batch.at(part.start);
            if job.schedule.is_late() {
                if run.is_given_up(first.record) {
                    parts.push(part);
                    let left = parts.into_iter().flatten().map(|line| batch.at(line));
                    run.give_up(left.filter(|at| at.record == first.record), first.record);
                } else {
                    run.stop_at(first.record, Retry::Deadline, String::new());
                }
                break;
            }
            let lines = batch.text(&part);
            run.write_requests += 1;
            run.write_bytes += lines.len() as u64;
            let answer = timeout_at(job.schedule.work_until, store.write(lines)).await;
            let answer =
                answer.unwrap_or_else(|_| Err(StoreError::Timeout(job.schedule.work_time)));
            match Verdict::of(&answer) {
                Verdict::Stored => {
                    let readings = part.map(|line| batch.at(line));
                    run.stored(job.records, readings, job.schedule.now_ms());
                }
                Verdict::Refused(code) if part.len() == 1 => {
                    let detail = answer.as_ref().map_or_else(|_| String::new(), text);
                    let (code, detail) = (Cow::Borrowed(code), Cow::Owned(detail));
                    run.refuse(first, Reason { code, detail, advice: "" });
                }
                Verdict::Refused(_) => {
                    let middle = usize::midpoint(part.start, part.end);
                    parts.extend([middle..part.end, part.start..middle]);
                }
                Verdict::Retry(retry) => {
                    // Never the store's text: it may quote a point.
                    let status = |answer: &Answer| format!("status {}", answer.status);
                    let said = answer.as_ref().map_or_else(ToString::to_string, status);
                    run.stop_at(first.record, retry, said);
                    break;
                }
            }
        }
        batch.clear();
    }

    /// Sends the refused readings of the records before this one to quarantine, as far as time
    /// allows.
    async fn quarantine(&mut self, job: Job<'_>, before: usize, run: &mut Run) {
        let refused = run.take_refused(before.min(run.done()));
        let mut call = Vec::new();
        for of_record in refused.chunk_by(|one, other| one.at.record == other.at.record) {
            for entry in self.entries(job, of_record) {
                let bytes: usize = call.iter().map(Quarantined::bytes).sum();
                let fits = bytes + entry.bytes() <= MAX_QUARANTINE_BYTES;
                if call.len() == MAX_ENTRIES || !call.is_empty() && !fits {
                    self.send(job, mem::take(&mut call), run).await;
                }
                if run.done() <= entry.message {
                    return;
                }
                call.push(entry);
            }
        }
        self.send(job, call, run).await;
    }

    async fn send(&self, job: Job<'_>, call: Vec<Quarantined>, run: &mut Run) {
        let Some(first) = call.first() else { return };
        let sent = timeout_at(job.schedule.calls_until, self.queue.quarantine(&call)).await;
        let Ok(failures) = sent else {
            let late = Failure::late().to_string();
            return run.stop_at(first.message, Retry::NotQuarantined, late);
        };
        for (index, entry) in call.iter().enumerate() {
            let untold = || Some(Failure::new("Missing", "the answer lacks this entry"));
            let failure = failures.get(index).cloned().unwrap_or_else(untold);
            if let Some(failure) = failure {
                return run.stop_at(entry.message, Retry::NotQuarantined, failure.to_string());
            }
        }
    }

    /// The quarantine messages for the refused readings of one record, in order.
    fn entries(&mut self, job: Job<'_>, refused: &[Refused]) -> Vec<Quarantined> {
        let Some(Refused { at, reason }) = refused.first() else { return Vec::new() };
        let record = &job.records[at.record];
        let Self { readings, config, .. } = self;
        readings.open(record);
        if refused.len() > MAX_REFUSED_ALONE {
            return if quarantine::fits(record) {
                vec![quarantine::entry(record, *at, reason, readings.data())]
            } else {
                parts(readings, &config.model, record, (*at, reason))
            };
        }
        let mut entries = Vec::with_capacity(refused.len());
        let mut place = 0;
        for Refused { at, reason } in refused {
            // Reading again returns the same text at the same position.
            while place <= at.place && readings.next(&config.model, |_| ()).is_some() {
                place += 1;
            }
            entries.push(quarantine::entry(record, *at, reason, &readings.text()));
        }
        entries
    }

    fn report(&mut self, run: &Run, records: &[Record<'_>], invocation: &Invocation<'_>) {
        report::log(run, records, invocation.request_id);
        let Config { metrics_namespace, function_name, .. } = &self.config;
        let now_ms = invocation.now.milliseconds();
        let written =
            report::emit(run, metrics_namespace, function_name, now_ms, &mut self.metrics);
        if let Err(error) = written {
            tracing::error!(%error, "metrics could not be written");
        }
    }
}

/// The messages for the opened record, which one message cannot hold: its readings on lines.
fn parts(
    readings: &mut Readings,
    model: &Model,
    record: &Record<'_>,
    (at, reason): (At, &Reason),
) -> Vec<Quarantined> {
    let (mut entries, mut lines) = (Vec::new(), Vec::new());
    let (mut first, mut place) = (at.place, 0);
    loop {
        let text = readings.next(model, |_| ()).map(|()| readings.text());
        let bytes = text.as_ref().map_or(usize::MAX, Vec::len);
        if !lines.is_empty() && bytes.saturating_add(lines.len()) >= quarantine::MAX_PART_BYTES {
            let at = At { place: first, ..at };
            entries.push(quarantine::entry(record, at, reason, &lines));
            lines.clear();
            first = place;
        }
        let Some(text) = text else { return entries };
        if !lines.is_empty() {
            lines.push(b'\n');
        }
        lines.extend(text);
        place += 1;
    }
}

/// The text of an answer, for quarantine.
fn text(answer: &Answer) -> String {
    let body = &answer.body[..answer.body.len().min(MAX_TEXT_BYTES)];
    String::from_utf8_lossy(body).into_owned()
}
