//! The plan of a replay: reads the remaining records of all objects and sends nothing.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use object_loader::{Content, Item, Items, Objects, Reading, Request, Unread};
use serde::Serialize;
use shared::event::Timestamp;

use super::run::PATIENCE;
use super::source::Object;
use crate::console::{log, print_report, printable};
use crate::error::CliError;
use crate::layout::{row, thousands};

/// Maximum length of a name, in characters.
const SHOWN: usize = 200;

/// The actions of a replay.
#[derive(Debug, Default, Serialize)]
pub(super) struct Plan {
    pub(super) dry_run: bool,
    pub(super) source: String,
    /// The target of the records.
    pub(super) target: String,
    pub(super) ledger: String,
    /// Objects of the source.
    pub(super) objects: u64,
    /// Objects that were finished before, and those without failures if only failures are sent.
    pub(super) finished_before: u64,
    pub(super) without_failures: u64,
    /// By reason and hour of the arrival.
    pub(super) records: Vec<Row>,
    /// Number of records or load requests that would be sent.
    pub(super) to_send: u64,
    pub(super) documents: u64,
    /// Documents that only OpenSearch accepts, and unreadable lines.
    pub(super) documents_skipped: u64,
    pub(super) unreadable: u64,
    /// Failures that are not selected.
    pub(super) not_selected: u64,
    /// Objects that cannot be read, and why.
    pub(super) not_read: Vec<(String, String)>,
    #[serde(skip)]
    pub(super) table: BTreeMap<(String, String), Row>,
    #[serde(skip)]
    pub(super) takes: Takes,
}

/// The inputs that a target accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Takes {
    /// Events, and documents under their ids.
    #[default]
    Documents,
    Events,
    /// One load request for each object.
    Requests,
}

/// Records of one reason and one hour.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    reason: String,
    /// `2024-03-01T12`, in UTC.
    hour: String,
    records: u64,
    bytes: u64,
    first: String,
    last: String,
}

impl Plan {
    /// Reads the remaining records of an object.
    pub(super) async fn add<O: Objects>(
        &mut self,
        objects: &O,
        reading: &Reading,
        object: &Object,
        (request, only_failures): (&Request, bool),
    ) {
        match self.read(objects, reading, request, only_failures).await {
            Ok(()) => {}
            Err(error) => self.not_read.push((object.name(), error.to_string())),
        }
    }

    async fn read<O: Objects>(
        &mut self,
        objects: &O,
        reading: &Reading,
        request: &Request,
        only_failures: bool,
    ) -> Result<(), Unread> {
        if only_failures && !request.holds_failures() {
            self.without_failures += 1;
            return Ok(());
        }
        self.to_send += u64::from(self.takes == Takes::Requests);
        let mut items = Items::open(objects, request, reading, PATIENCE).await?;
        let modified = items.modified();
        while let Some(Item { bytes, content, .. }) = items.next().await? {
            let (reason, arrived) = match content {
                Content::NotSelected => {
                    self.not_selected += 1;
                    continue;
                }
                Content::Record => {
                    self.to_send += u64::from(self.takes != Takes::Requests);
                    ("-".to_owned(), modified)
                }
                Content::Failure(failure) => {
                    match (failure.document.is_some(), self.takes) {
                        (_, Takes::Requests) => {}
                        (true, Takes::Events) => self.documents_skipped += 1,
                        (is_document, _) => {
                            self.documents += u64::from(is_document);
                            self.to_send += 1;
                        }
                    }
                    let code = failure.code.unwrap_or_else(|| "unknown".to_owned());
                    (code, failure.arrived.or(modified))
                }
                Content::Unreadable(reason) => {
                    self.unreadable += 1;
                    (reason, modified)
                }
            };
            self.count(reason, arrived.map(text).unwrap_or_default(), bytes);
        }
        Ok(())
    }

    fn count(&mut self, reason: String, arrived: String, bytes: u64) {
        let hour = arrived.get(.."2024-03-01T12".len()).unwrap_or("-").to_owned();
        let row = self.table.entry((reason, hour)).or_insert_with_key(|(reason, hour)| Row {
            reason: reason.clone(),
            hour: hour.clone(),
            records: 0,
            bytes: 0,
            first: arrived.clone(),
            last: arrived.clone(),
        });
        row.records += 1;
        row.bytes += bytes;
        if arrived < row.first {
            row.first.clone_from(&arrived);
        }
        if arrived > row.last {
            row.last = arrived;
        }
    }

    /// Prints the plan after all objects are added.
    ///
    /// # Errors
    /// Those of standard output.
    pub(super) fn print(mut self, json: bool) -> Result<(), CliError> {
        self.records = std::mem::take(&mut self.table).into_values().collect();
        print_report(&self, json)?;
        for (object, why) in &self.not_read {
            log(format_args!("{}: {}", printable(object, SHOWN), printable(why, SHOWN)));
        }
        Ok(())
    }
}

fn text(time: Timestamp) -> String {
    let mut text = Vec::new();
    time.write(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

impl Display for Plan {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}\n", printable(&self.source, SHOWN))?;
        if !self.records.is_empty() {
            let [reason, hour, records] = ["Reason", "Hour", "Records"];
            writeln!(
                out,
                "{reason:<32}  {hour:<13}  {records:>9}  {:>13}  {:<24}  Last",
                "Bytes", "First"
            )?;
        }
        for Row { reason, hour, records, bytes, first, last } in &self.records {
            let (records, bytes) = (thousands(*records), thousands(*bytes));
            let reason = printable(reason, 31);
            writeln!(
                out,
                "{reason:<32}  {hour:<13}  {records:>9}  {bytes:>13}  {first:<24}  {last}"
            )?;
        }
        if !self.records.is_empty() {
            writeln!(out)?;
        }
        row(out, "Objects", self.objects, "in the source")?;
        for (label, count, note) in [
            ("Finished", self.finished_before, "before, by the ledger"),
            ("No failures", self.without_failures, "are in these objects: --failures reads them"),
            ("Not selected", self.not_selected, "records"),
            ("Skipped", self.documents_skipped, "documents: they go to OpenSearch only"),
            ("Unreadable", self.unreadable, "records"),
            ("Not read", self.not_read.len() as u64, "objects: see below"),
        ] {
            if count > 0 {
                row(out, label, count, note)?;
            }
        }
        row(out, "To send", self.to_send, &format!("to {}", printable(&self.target, SHOWN)))?;
        if self.documents > 0 {
            row(
                out,
                "",
                self.documents,
                "of them documents, under their ids in their own indices",
            )?;
        }
        writeln!(out, "Ledger       {}", printable(&self.ledger, SHOWN))
    }
}
