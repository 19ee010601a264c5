//! What the stream holds and has done, shared by its tasks.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::backup::{Counts, Object};
use super::buffer::{Buffer, Size};
use super::record::{Document, RECORDS_LIMIT_BYTES, Record, Room, SequenceNumbers};
use super::{DeliveryStreamOptions, Error, PutError, RECORD_LIMIT_BYTES, Report};

/// What a record takes besides its data, in bytes; about.
const RECORD_OVERHEAD_BYTES: usize = 256;

/// Number of durations of invocations that are kept at least.
const DURATIONS: usize = 50_000;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: DeliveryStreamOptions,
    /// Filled by those who can wait.
    room: Arc<Semaphore>,
    /// Filled through the endpoint. Apart, because the function puts records back there in the
    /// middle of an invocation, which holds up everything else: it must never wait.
    endpoint_room: Arc<Semaphore>,
    sequence_numbers: SequenceNumbers,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    records: Buffer<Record>,
    /// Batches in the function's hands.
    processing: usize,
    documents: Buffer<Document>,
    /// Batches on their way to OpenSearch.
    delivering: usize,
    /// Calls of `flush` that wait.
    flushing: usize,
    /// Puts that wait for room.
    waiting: usize,
    /// Objects that could not be written, and why.
    unwritten: Vec<Arc<Object>>,
    backup_error: Option<String>,
    stopped: bool,
    report: Report,
}

/// How a record came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    /// From this process.
    Put,
    /// Through the endpoint.
    Endpoint,
}

impl Shared {
    pub(super) fn new(options: DeliveryStreamOptions) -> Self {
        let room = options.in_flight_bytes.clamp(RECORD_LIMIT_BYTES * 2, Semaphore::MAX_PERMITS);
        Self {
            options,
            room: Arc::new(Semaphore::new(room)),
            endpoint_room: Arc::new(Semaphore::new(room)),
            sequence_numbers: SequenceNumbers::new(),
            state: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.options.clock.milliseconds()
    }

    pub(super) fn report(&self) -> Report {
        self.state().report.clone()
    }

    /// Changes the counts.
    pub(super) fn count(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.state().report);
    }

    pub(super) fn record(&self, data: Bytes, partition_key: String, room: Room) -> Record {
        let sequence_number = self.sequence_numbers.next();
        Record { sequence_number, arrival_ms: self.now_ms(), partition_key, data, room }
    }

    /// Room for a record; waits for it as long as the stream is full.
    pub(super) async fn room(&self, bytes: usize) -> Result<Room, PutError> {
        self.state().check()?;
        let permits = permits(bytes);
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(permits) {
            return Ok(room);
        }
        let _waiting = Raised::new(self, |state| &mut state.waiting);
        tokio::select! {
            room = Arc::clone(&self.room).acquire_many_owned(permits) => {
                room.map_err(|_| PutError::Stopped)
            }
            error = self.until(|state, _| state.check().err().ok_or(None)) => Err(error),
        }
    }

    /// Room for a record that came through the endpoint, if there is any.
    pub(super) fn endpoint_room(&self, bytes: usize) -> Option<Room> {
        Arc::clone(&self.endpoint_room).try_acquire_many_owned(permits(bytes)).ok()
    }

    pub(super) fn put(&self, records: Vec<Record>, entrance: Entrance) -> Result<(), PutError> {
        let from_kinesis = self.options.source_kinesis_stream_arn.is_some();
        let now = Instant::now();
        let mut state = self.state();
        state.check()?;
        let was_empty = state.records.is_empty();
        let number = records.len() as u64;
        for record in records {
            let request_bytes = record.request_bytes(from_kinesis);
            let size = Size { bytes: record.data.len(), request_bytes };
            state.records.push(record, size, now);
        }
        match entrance {
            Entrance::Put => state.report.put += number,
            Entrance::Endpoint => state.report.reingested += number,
        }
        state.report.in_flight += number;
        let tell = was_empty || state.hurried() || state.records.is_full(self.batch_limit());
        drop(state);
        if tell {
            self.tell();
        }
        Ok(())
    }

    /// Waits for the next batch to hand to the function; [`batch_done`](Self::batch_done) after.
    pub(super) async fn next_batch(&self) -> Vec<Record> {
        let limit = self.batch_limit();
        let interval = self.options.processor_buffer_interval;
        self.until(|state, now| {
            let due_at = state.records.due_at(interval).ok_or(None)?;
            if due_at > now && !state.hurried() && !state.records.is_full(limit) {
                return Err(Some(due_at));
            }
            state.processing += 1;
            Ok(state.records.take(limit))
        })
        .await
    }

    /// The function is done with a batch; what it made of it goes on.
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

    /// Waits for the next documents to deliver; [`delivery_done`](Self::delivery_done) after.
    pub(super) async fn next_documents(&self) -> Vec<Document> {
        let limit =
            Size { bytes: self.options.destination_buffer_bytes, request_bytes: usize::MAX };
        let interval = self.options.destination_buffer_interval;
        self.until(|state, now| {
            let due_at = state.documents.due_at(interval).ok_or(None)?;
            // In a hurry still not before the last batch is in, for large requests.
            let hurried = state.hurried() && state.records.is_empty() && state.processing == 0;
            if due_at > now && !hurried && !state.documents.is_full(limit) {
                return Err(Some(due_at));
            }
            state.delivering += 1;
            Ok(state.documents.take(limit))
        })
        .await
    }

    pub(super) fn delivery_done(&self) {
        self.state().delivering -= 1;
        self.tell();
    }

    /// Waits until `ready` returns a value. It is asked after every change, and at the time that it
    /// returns otherwise, if it does.
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

    /// Writes an object to the backup; one that cannot be written is kept.
    pub(super) async fn back_up(&self, object: io::Result<Object>) {
        let object = match object {
            Ok(object) => Arc::new(object),
            // Of writing JSON to memory, which does not fail.
            Err(error) => return self.state().report.last_error = Some(error.to_string()),
        };
        let result = self.write(&object).await;
        let mut state = self.state();
        let records = object.counts.total();
        state.report.in_flight -= records;
        match result {
            Ok(()) => state.written(object.counts),
            Err(error) => {
                state.report.unwritten += records;
                state.unwritten.push(object);
                state.backup_failed(error);
            }
        }
        drop(state);
        self.tell();
    }

    /// Writes what could not be written before.
    pub(super) async fn retry_backup(&self) -> Result<(), Error> {
        let unwritten = self.state().unwritten.clone();
        for object in unwritten {
            let result = self.write(&object).await;
            let mut state = self.state();
            match result {
                Ok(()) => {
                    let kept = state.unwritten.len();
                    state.unwritten.retain(|other| !Arc::ptr_eq(other, &object));
                    // Another call may have written it, too, and counted it.
                    if state.unwritten.len() < kept {
                        state.report.unwritten -= object.counts.total();
                        state.written(object.counts);
                    }
                }
                Err(error) => state.backup_failed(error),
            }
        }
        let mut state = self.state();
        if state.unwritten.is_empty() {
            state.backup_error = None;
            return Ok(());
        }
        Err(Error::Backup {
            folder: self.options.backup_folder.clone(),
            records: state.report.unwritten,
            message: state.backup_error.clone().unwrap_or_default(),
        })
    }

    async fn write(&self, object: &Arc<Object>) -> Result<(), String> {
        let (object, folder) = (Arc::clone(object), self.options.backup_folder.clone());
        let written = tokio::task::spawn_blocking(move || object.write(&folder)).await;
        written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// Hurries everything out, and waits until the stream is empty.
    pub(super) async fn emptied(&self) -> Result<(), Error> {
        let _flushing = Raised::new(self, |state| &mut state.flushing);
        self.until(|state, _| match (state.stopped, state.is_empty()) {
            (true, _) => Ok(Err(Error::Stopped)),
            (false, true) => Ok(Ok(())),
            (false, false) => Err(None),
        })
        .await
    }

    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.room.close();
        self.endpoint_room.close();
        self.tell();
    }

    pub(super) fn took(&self, duration: Duration) {
        let mut state = self.state();
        state.report.invocations += 1;
        let durations = &mut state.report.invocation_durations;
        if durations.len() == 2 * DURATIONS {
            durations.drain(..DURATIONS);
        }
        durations.push(duration);
    }

    fn tell(&self) {
        self.changed.send_replace(());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No change below can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self) -> Result<(), PutError> {
        if self.stopped {
            return Err(PutError::Stopped);
        }
        match &self.backup_error {
            Some(message) => Err(PutError::Backup { message: message.clone() }),
            None => Ok(()),
        }
    }

    /// Whether buffers go out before they are full or old.
    fn hurried(&self) -> bool {
        self.flushing > 0 || self.waiting > 0
    }

    fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.processing == 0
            && self.documents.is_empty()
            && self.delivering == 0
    }

    fn backup_failed(&mut self, error: String) {
        self.report.last_error = Some(error.clone());
        self.backup_error = Some(error);
    }

    fn written(&mut self, counts: Counts) {
        self.report.backup_objects += 1;
        self.report.processing_failed += counts.processing;
        self.report.invocation_failed += counts.invocation;
        self.report.delivery_failed += counts.delivery;
    }
}

/// Raises a number of the state as long as it lives.
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

/// The semaphores' unit is a byte.
fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes + RECORD_OVERHEAD_BYTES).unwrap_or(u32::MAX)
}
