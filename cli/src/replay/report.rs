//! The report of a replay.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::run::Tally;
use crate::console::{log, print_report, printable};
use crate::error::CliError;
use crate::layout::{details, most_first, row, thousands};

/// Maximum length of a name, in characters.
const SHOWN: usize = 200;

/// The results of a replay.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) dry_run: bool,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) ledger: String,
    /// The file of refused records, if there is one.
    pub(super) refused_file: Option<String>,
    pub(super) complete: bool,
    #[serde(flatten)]
    pub(super) tally: Tally,
}

impl Report {
    /// Prints the report.
    ///
    /// # Errors
    /// [`CliError::Failed`] if something failed or remains; `stopped` is the reason.
    pub(super) fn print(&self, json: bool, stopped: Option<String>) -> Result<(), CliError> {
        print_report(self, json)?;
        for (object, why) in &self.tally.left {
            log(format_args!("{}: {}", printable(object, SHOWN), printable(why, SHOWN)));
        }
        let refused: u64 = self.tally.refused.values().sum();
        if let Some(why) = stopped {
            let go_on = "the ledger holds what is done: run the same command again to go on";
            return Err(CliError::failed(format_args!("{why}\n{go_on}")));
        }
        let left = self.tally.left.len() as u64;
        if left > 0 {
            let left = thousands(left);
            return Err(CliError::failed(format_args!("{left} objects were not replayed")));
        }
        if refused == 0 {
            return Ok(());
        }
        let refused = thousands(refused);
        Err(CliError::failed(match &self.refused_file {
            Some(file) => format!(
                "{refused} records were refused and are kept: when the cause is gone, replay {file}"
            ),
            None => format!("{refused} records were not sent; they are where they were"),
        }))
    }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let tally = &self.tally;
        writeln!(out, "{}\n", printable(&self.source, SHOWN))?;
        row(out, "Objects", tally.objects, "in the source")?;
        for (label, count, note) in [
            ("Finished", tally.finished_before, "before, by the ledger"),
            ("No failures", tally.without_failures, "are in these objects: --failures reads them"),
            ("Indexed", tally.indexed, &self.target),
            ("Duplicate", tally.duplicate, "in the index before"),
            ("Sent", tally.sent, &self.target),
            ("Dropped", tally.dropped, "not selected, or by DROP_ACTIONS"),
            ("Skipped", tally.documents_skipped, "documents: they go to OpenSearch only"),
        ] {
            if count > 0 {
                row(out, label, count, &printable(note, SHOWN))?;
            }
        }
        if !tally.refused.is_empty() {
            let note = self.refused_file.as_deref().unwrap_or("not sent");
            row(out, "Refused", tally.refused.values().sum(), &printable(note, SHOWN))?;
            details(out, most_first(&tally.refused))?;
        }
        if !tally.left.is_empty() {
            row(out, "Left", tally.left.len() as u64, "objects: see below")?;
        }
        writeln!(out, "Ledger       {}", printable(&self.ledger, SHOWN))
    }
}
