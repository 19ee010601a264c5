//! The state of the stream, shared by its tasks.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::backup::{self, Line};
use super::buffer::{Buffer, Size};
use super::record::{Document, RECORDS_LIMIT_BYTES, Record, SequenceNumbers};
use super::{DeliveryStreamOptions, Error, Report};
use crate::server::locked;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: DeliveryStreamOptions,
    sequence_numbers: SequenceNumbers,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    records: Buffer<Record>,
    /// Batches that the function is processing.
    processing: usize,
    documents: Buffer<Document>,
    delivering: bool,
    flushing: usize,
    /// Puts that wait for room in the buffers.
    waiting: usize,
    backup_error: Option<String>,
    report: Report,
}

impl Shared {
    pub(super) fn new(options: DeliveryStreamOptions) -> Self {
        Self {
            options,
            sequence_numbers: SequenceNumbers::new(),
            state: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    pub(super) fn report(&self) -> Report {
        self.state().report.clone()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.state().report);
    }

    pub(super) fn record(&self, data: Bytes, partition_key: String) -> Record {
        let sequence_number = self.sequence_numbers.next();
        let arrival_ms = self.options.clock.milliseconds();
        let is_kinesis = self.options.source_kinesis_stream_arn.is_some();
        let partition_key = is_kinesis.then_some(partition_key);
        Record::new(sequence_number, arrival_ms, data, partition_key)
    }

    /// Waits while the buffers are full and the backup can be written.
    pub(super) async fn room(&self) {
        let limit = self.options.buffered_bytes;
        let has_room = |state: &State| {
            state.backup_error.is_some() || state.records.bytes() + state.documents.bytes() < limit
        };
        if !has_room(&self.state()) {
            let _waiting = Raised::new(self, |state| &mut state.waiting);
            self.until(|state, _| if has_room(state) { Ok(()) } else { Err(None) }).await;
        }
    }

    /// Buffers records, and adds their number to the counter that `count` selects.
    pub(super) fn put(
        &self,
        records: Vec<Record>,
        count: fn(&mut Report) -> &mut u64,
    ) -> Result<(), Error> {
        let now = Instant::now();
        let mut state = self.state();
        self.check(&state)?;
        let was_empty = state.records.is_empty();
        let number = records.len() as u64;
        for record in records {
            let size = Size { bytes: record.data.len(), request_bytes: record.request_bytes() };
            state.records.push(record, size, now);
        }
        *count(&mut state.report) += number;
        state.report.in_flight += number;
        let tell = was_empty || state.hurried() || state.records.is_full(self.batch_limit());
        drop(state);
        if tell {
            self.tell();
        }
        Ok(())
    }

    /// Waits for the next batch for the function. Call [`batch_done`](Self::batch_done) afterwards.
    pub(super) async fn next_batch(&self) -> Vec<Record> {
        let limit = self.batch_limit();
        let interval = self.options.processor_buffer_interval;
        let batch = self.until(|state, now| {
            let due_at = state.records.due_at(interval).ok_or(None)?;
            if due_at > now && !state.hurried() && !state.records.is_full(limit) {
                return Err(Some(due_at));
            }
            state.processing += 1;
            Ok(state.records.take(limit))
        });
        let batch = batch.await;
        self.tell();
        batch
    }

    /// Ends the processing of a batch, and buffers its documents.
    pub(super) fn batch_done(&self, documents: Vec<Document>) {
        let now = Instant::now();
        let mut state = self.state();
        for document in documents {
            let size = Size { bytes: document.body.len(), request_bytes: 0 };
            state.documents.push(document, size, now);
        }
        state.processing -= 1;
        drop(state);
        self.tell();
    }

    fn batch_limit(&self) -> Size {
        Size { bytes: self.options.processor_buffer_bytes, request_bytes: RECORDS_LIMIT_BYTES }
    }

    /// Waits for the next documents to deliver. Call [`delivery_done`](Self::delivery_done)
    /// afterwards.
    pub(super) async fn next_documents(&self) -> Vec<Document> {
        let limit =
            Size { bytes: self.options.destination_buffer_bytes, request_bytes: usize::MAX };
        let interval = self.options.destination_buffer_interval;
        let documents = self.until(|state, now| {
            let due_at = state.documents.due_at(interval).ok_or(None)?;
            // Even in a hurry, waits for the documents of the last batch, so that requests are
            // large.
            let hurried = state.hurried() && state.records.is_empty() && state.processing == 0;
            if due_at > now && !hurried && !state.documents.is_full(limit) {
                return Err(Some(due_at));
            }
            state.delivering = true;
            Ok(state.documents.take(limit))
        });
        let documents = documents.await;
        self.tell();
        documents
    }

    pub(super) fn delivery_done(&self) {
        self.state().delivering = false;
        self.tell();
    }

    /// Waits until `ready` returns a value. Calls it after every change, and at the time that it
    /// returned, if any.
    async fn until<T>(
        &self,
        ready: impl Fn(&mut State, Instant) -> Result<T, Option<Instant>>,
    ) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            let due_at = match ready(&mut self.state(), Instant::now()) {
                Ok(value) => return value,
                Err(due_at) => due_at,
            };
            let due = async {
                match due_at {
                    Some(due_at) => tokio::time::sleep_until(due_at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // The sender lives as long as `self`.
                _ = changed.changed() => {}
                () = due => {}
            }
        }
    }

    /// Writes an object to the backup; if that succeeds, adds the number of its lines to the
    /// counter that `count` selects.
    pub(super) async fn back_up(
        &self,
        prefix: &'static str,
        lines: Vec<Line>,
        count: impl FnOnce(&mut Report),
    ) {
        if lines.is_empty() {
            return;
        }
        let (records, options) = (lines.len() as u64, self.options.clone());
        let write = move || backup::write(&options, prefix, &lines);
        let written = tokio::task::spawn_blocking(write).await;
        let mut state = self.state();
        state.report.in_flight -= records;
        match written.map_err(std::io::Error::other).flatten() {
            Ok(()) => count(&mut state.report),
            Err(error) => {
                state.report.unwritten += records;
                state.backup_error = Some(error.to_string());
            }
        }
        drop(state);
        self.tell();
    }

    /// Processes all records without delay, waits until the stream is empty, and returns the
    /// report.
    pub(super) async fn emptied(&self) -> Result<Report, Error> {
        let _flushing = Raised::new(self, |state| &mut state.flushing);
        self.until(|state, _| if state.is_empty() { Ok(()) } else { Err(None) }).await;
        let state = self.state();
        self.check(&state)?;
        Ok(state.report.clone())
    }

    fn check(&self, state: &State) -> Result<(), Error> {
        let Some(message) = &state.backup_error else { return Ok(()) };
        Err(Error::Backup {
            folder: self.options.backup_folder.clone(),
            records: state.report.unwritten,
            message: message.clone(),
        })
    }

    pub(super) fn took(&self, duration: Duration) {
        let mut state = self.state();
        state.report.invocations += 1;
        state.report.invocation_durations.push(duration);
    }

    fn tell(&self) {
        self.changed.send_replace(());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl State {
    fn hurried(&self) -> bool {
        self.flushing > 0 || self.waiting > 0
    }

    fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.processing == 0
            && self.documents.is_empty()
            && !self.delivering
    }
}

/// Increases a number of the state while this value exists.
struct Raised<'a> {
    shared: &'a Shared,
    number: fn(&mut State) -> &mut usize,
}

impl<'a> Raised<'a> {
    fn new(shared: &'a Shared, number: fn(&mut State) -> &mut usize) -> Self {
        *number(&mut shared.state()) += 1;
        shared.tell();
        Self { shared, number }
    }
}

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        *(self.number)(&mut self.shared.state()) -= 1;
    }
}
