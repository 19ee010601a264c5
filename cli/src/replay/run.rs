//! Shared code of all targets: adds confirmed records to the ledger, the counts and the progress
//! bar, and limits the rate.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use dlq_redrive::schedule::Pace;
use object_loader::{Ended, Engine, Request, Stretch, Watch};
use serde::Serialize;
use shared::opensearch::Search;
use shared::time;
use tokio::time::sleep_until;

use super::ledger::{Line, Until, Writer};
use super::objects::{Port, RefusedFile};
use super::source::Object;
use crate::error::CliError;
use crate::progress::Progress;

/// Maximum time of one stretch or one call.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

/// Reasons for which the engine does not load an object, although others may be loaded.
const ABOUT_THE_OBJECT: [&str; 5] = [
    "object_archived",
    "object_denied",
    "object_not_found",
    "object_unavailable",
    "unknown_format",
];

/// The counts of objects and records.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tally {
    /// Objects of the source.
    pub(super) objects: u64,
    /// Objects that were finished before.
    pub(super) finished_before: u64,
    /// Objects without failures, if only failures are sent.
    pub(super) without_failures: u64,
    /// Documents that are new in the index.
    pub(super) indexed: u64,
    /// Documents that were in the index before.
    pub(super) duplicate: u64,
    /// Events that are dropped, and failures that are not selected.
    pub(super) dropped: u64,
    /// Messages, records of a stream, or load requests.
    pub(super) sent: u64,
    /// Documents that are not sent, because the target accepts only events.
    pub(super) documents_skipped: u64,
    /// Records that are kept as refused, or that are not sent, by reason.
    pub(super) refused: BTreeMap<String, u64>,
    /// Objects that are not completely replayed, and why.
    pub(super) left: Vec<(String, String)>,
}

/// A replay in progress.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) writer: Writer,
    pub(super) refused: Rc<RefusedFile>,
    pub(super) progress: &'a RefCell<Progress>,
    pub(super) pace: Pace,
    /// Whether Ctrl-C was pressed.
    pub(super) is_stopped: &'a Cell<bool>,
    /// Bytes of all objects, and of those before the current one.
    pub(super) bytes: u64,
    pub(super) bytes_before: u64,
    pub(super) tally: Tally,
    /// Refused records of the current object, by reason.
    pub(super) refused_of_object: BTreeMap<String, u64>,
}

/// An object whose stretches are confirmed.
struct Confirming<'a, 'r> {
    run: &'a mut Run<'r>,
    object: &'a Object,
    refused: BTreeMap<String, u64>,
    error: Option<CliError>,
}

impl Run<'_> {
    /// Starts an object, with the records that were refused before.
    pub(super) fn begin(&mut self, refused: BTreeMap<String, u64>) {
        self.refused_of_object.clear();
        for (reason, count) in refused {
            self.refuse(reason, count);
        }
    }

    /// Counts refused records of the current object.
    pub(super) fn refuse(&mut self, reason: String, count: u64) {
        *self.refused_of_object.entry(reason.clone()).or_default() += count;
        *self.tally.refused.entry(reason).or_default() += count;
    }

    /// Loads an object. Returns whether to continue with the next one.
    ///
    /// # Errors
    /// Those of the ledger; [`CliError::Failed`] if OpenSearch does not accept documents.
    pub(super) async fn load<S: Search>(
        &mut self,
        engine: &mut Engine<S, Port>,
        object: &Object,
        request: &Request,
    ) -> Result<ControlFlow<()>, CliError> {
        let refused = BTreeMap::new();
        let mut watch = Confirming { run: self, object, refused, error: None };
        let ended = engine.load(request, time::now(), &mut watch).await;
        if let Some(error) = watch.error {
            return Err(error);
        }
        let (reason, details, advice) = match ended {
            Ended::Done => return Ok(ControlFlow::Continue(())),
            Ended::Stopped => return Ok(ControlFlow::Break(())),
            Ended::Changed => ("object_changed", Vec::new(), None),
            Ended::Failed { reason, details, advice } => (reason, details, advice),
        };
        let details = details.iter().map(|detail| format!("; {detail}"));
        let why = reason.to_owned() + &details.collect::<String>();
        if reason == "object_changed" || ABOUT_THE_OBJECT.contains(&reason) {
            self.tally.left.push((object.name(), why));
            return Ok(ControlFlow::Continue(()));
        }
        let advice = advice.map(|advice| format!("\nadvice: {advice}")).unwrap_or_default();
        Err(CliError::Failed(why + &advice))
    }

    /// Notes that the records of an object before an offset are settled, `records` of which were
    /// sent since the last time, and waits as long as the rate requires.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(super) async fn confirm(
        &mut self,
        object: &Object,
        Until { offset, lists, is_end }: Until,
        records: u64,
        bytes_read: u64,
    ) -> Result<ControlFlow<()>, CliError> {
        let name = object.name();
        self.writer.confirm(&Line {
            object: &name,
            version: &object.etag,
            offset,
            lists,
            done: is_end,
            refused_bytes: self.refused.bytes(),
            refused: self.refused_of_object.clone(),
        })?;
        let bytes = if is_end { object.bytes } else { bytes_read.min(object.bytes) };
        self.progress.borrow_mut().advance(self.bytes_before + bytes, self.bytes);
        if is_end {
            self.bytes_before += object.bytes;
        }
        self.pace.spend(usize::try_from(records).unwrap_or(usize::MAX));
        if self.pace.is_limited() && !self.is_stopped.get() {
            sleep_until(self.pace.next()).await;
        }
        let is_stopped = self.is_stopped.get();
        Ok(if is_stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

impl Watch for Confirming<'_, '_> {
    const TIME: Option<Duration> = Some(PATIENCE);

    fn refused(&mut self, reason: &str) {
        *self.refused.entry(reason.to_owned()).or_default() += 1;
    }

    async fn confirmed(&mut self, stretch: Stretch) -> ControlFlow<()> {
        let Stretch { offset, lists, is_end, indexed, duplicate, dropped, bytes_read } = stretch;
        let tally = &mut self.run.tally;
        tally.indexed += indexed;
        tally.duplicate += duplicate;
        tally.dropped += dropped;
        for (reason, count) in std::mem::take(&mut self.refused) {
            self.run.refuse(reason, count);
        }
        let records = indexed + duplicate;
        match self
            .run
            .confirm(self.object, Until { offset, lists, is_end }, records, bytes_read)
            .await
        {
            Ok(flow) => flow,
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}
