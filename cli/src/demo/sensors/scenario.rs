//! The faults while the readings are sent.

use std::fmt::Display;
use std::ops::Range;
use std::time::Duration;

use local::door::{Door, Passage};
use local::kinesis::{EventSourceMapping, SharedStream};
use local::runtime_api::Function;
use local::sample::{Readings, Sending};
use shared::time;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

use crate::console::log;
use crate::error::CliError;
use crate::progress::Progress;

/// How long the store is unavailable, in a run that is long enough.
const OUTAGE: Duration = Duration::from_secs(5);

/// The indices of the two initial shards.
const SPLIT: usize = 0;
const UNSPLIT: usize = 1;

/// Maximum time until the function's next request to the store.
const NEXT_WRITE: Duration = Duration::from_secs(10);

/// Causes faults at certain times while readings are sent.
#[derive(Debug)]
pub(super) struct Scenario<'a> {
    pub(super) stream: &'a SharedStream,
    pub(super) mapping: &'a EventSourceMapping,
    pub(super) function: &'a Function,
    /// The door before the store.
    pub(super) door: &'a mut Door,
    /// Notified of an answer of the store that is held.
    pub(super) held: &'a mut UnboundedReceiver<()>,
    /// The time in which readings are sent.
    pub(super) length: Duration,
}

/// When the store was unavailable, the function killed and the checkpoint lost, in milliseconds since
/// 1970.
pub(super) type Faults = [Range<u64>; 3];

impl Scenario<'_> {
    /// Splits a shard, makes the store unavailable, kills the function when the store has accepted
    /// its points but the function does not know it yet, and makes the mapping read half of a shard
    /// again.
    ///
    /// # Errors
    /// [`CliError::Failed`] if one of them is not possible.
    pub(super) async fn run(self) -> Result<Faults, CliError> {
        let failed = |error: &dyn Display| {
            CliError::failed(format_args!("failed to disturb the run: {error}"))
        };
        let part = self.length / 6;
        sleep(part).await;
        log("Splitting a shard.");
        self.stream.split_evenly(SPLIT).map_err(|error| failed(&error))?;
        sleep(part).await;
        log("The store is unavailable.");
        let outage_start_ms = time::now().milliseconds();
        self.door.close().await;
        sleep(OUTAGE.min(part * 2)).await;
        self.door.open().map_err(|error| failed(&error))?;
        let outage_ms = outage_start_ms..time::now().milliseconds();
        log("The store is available again.");
        sleep(part * 2).await;
        self.door.plan(Passage::HoldAnswer);
        // The open connections break, and the next one is held.
        self.door.close().await;
        self.door.open().map_err(|error| failed(&error))?;
        let kill_start_ms = time::now().milliseconds();
        let held = tokio::time::timeout(NEXT_WRITE, self.held.recv()).await;
        held.map_err(|_| failed(&"the function writes nothing"))?;
        self.function.kill().await;
        log("The function is killed while it waits for the store's answer.");
        let kill_ms = kill_start_ms..time::now().milliseconds();
        sleep(part / 2).await;
        log("The checkpoint of a shard is lost: it is read again from an older one.");
        let records = self.stream.with(|stream| stream.shards()[UNSPLIT].records().len());
        self.mapping.lose_place(UNSPLIT, records / 2);
        let now_ms = time::now().milliseconds();
        Ok([outage_ms, kill_ms, now_ms..now_ms])
    }
}

/// Puts the records into the stream when they are due. Returns their number.
pub(super) async fn send(readings: &Readings, stream: &SharedStream) -> u64 {
    let mut progress = Progress::new("records");
    let total = readings.sendings.len() as u64;
    let mut sent = 0;
    for Sending { at_ms, partition_key, data } in &readings.sendings {
        let wait_ms = at_ms.saturating_sub(time::now().milliseconds());
        if wait_ms > 0 {
            progress.advance(sent, total);
            sleep(Duration::from_millis(wait_ms)).await;
        }
        stream.put(partition_key, data.clone());
        sent += 1;
    }
    progress.advance(sent, total);
    sent
}
