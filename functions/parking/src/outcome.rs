//! The outcome of a run, from which answer, metrics and notice are made.

use std::io::{self, Write};

use serde_json::{Value, json};
use shared::aws::query::QueryError;
use shared::cost::Unread;
use shared::metrics::{Metrics, Unit, with_values};

use crate::machine::Machine;

/// A machine, and what to report about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    /// The tag `Name`, else the id.
    pub(crate) label: String,
    /// The value of its tag.
    pub(crate) schedule: String,
    /// Why it was kept, the error's code, or the problem.
    pub(crate) note: String,
    /// More about an error, for the log.
    pub(crate) message: String,
}

/// The outcome of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) is_dry_run: bool,
    /// Number of machines with the tag.
    pub(crate) watched: usize,
    pub(crate) started: Vec<Entry>,
    pub(crate) stopped: Vec<Entry>,
    pub(crate) kept: Vec<Entry>,
    pub(crate) failed: Vec<Entry>,
    pub(crate) problems: Vec<Entry>,
    pub(crate) unread: Unread,
    /// Number of machines that should be off, and are stopped or stopping.
    pub(crate) parked: usize,
}

impl Entry {
    pub(crate) fn new(machine: &Machine, note: impl Into<String>) -> Self {
        Self {
            id: machine.id.clone(),
            label: machine.label().to_owned(),
            schedule: machine.schedule.clone(),
            note: note.into(),
            message: String::new(),
        }
    }

    /// A machine for which a call failed.
    pub(crate) fn failed(machine: &Machine, error: &QueryError) -> Self {
        Self { message: error.message.clone(), ..Self::new(machine, &*error.code) }
    }
}

impl Outcome {
    /// Sorts all lists by id.
    pub(crate) fn sort(&mut self) {
        let lists = [&mut self.started, &mut self.stopped, &mut self.kept, &mut self.failed];
        for list in lists.into_iter().chain([&mut self.problems]) {
            list.sort_by(|one, other| one.id.cmp(&other.id));
        }
    }

    /// Failed machines and unread lists.
    fn failures(&self) -> usize {
        self.failed.len() + self.unread.len()
    }

    pub(crate) fn json(&self) -> Value {
        let ids = |list: &[Entry]| list.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>();
        let notes = |list: &[Entry], name: &str| {
            let note = |entry: &Entry| json!({"id": entry.id, name: entry.note});
            list.iter().map(note).collect::<Vec<_>>()
        };
        json!({
            "dryRun": self.is_dry_run,
            "watched": self.watched,
            "started": ids(&self.started),
            "stopped": ids(&self.stopped),
            "kept": notes(&self.kept, "why"),
            "failed": notes(&self.failed, "error"),
            "problems": notes(&self.problems, "problem"),
            "notRead": self.unread.entries(),
        })
    }

    /// Writes the metrics.
    pub(crate) fn emit(
        &self,
        namespace: &str,
        timestamp_ms: u64,
        out: impl Write,
    ) -> io::Result<()> {
        let metrics = with_values(
            [
                ("ParkingRuns", Unit::Count),
                ("ResourcesStarted", Unit::Count),
                ("ResourcesStopped", Unit::Count),
                ("ResourcesKept", Unit::Count),
                ("ResourcesParked", Unit::Count),
                ("ParkingFailures", Unit::Count),
                ("ParkingProblems", Unit::Count),
            ],
            [
                1,
                self.started.len(),
                self.stopped.len(),
                self.kept.len(),
                self.parked,
                self.failures(),
                self.problems.len(),
            ]
            .map(|count| u64::try_from(count).unwrap_or(u64::MAX)),
        );
        Metrics { namespace, dimensions: &[], timestamp_ms, metrics: &metrics }.write(out)
    }

    /// Logs a line for each failure and problem, and one for the run.
    pub(crate) fn log(&self, request_id: &str) {
        for Entry { id, note, .. } in &self.problems {
            tracing::warn!(request_id, id, problem = note, "left alone");
        }
        for Entry { id, note, message, .. } in &self.failed {
            tracing::error!(request_id, id, code = note, error = message, "failed to park");
        }
        tracing::info!(
            request_id,
            dry_run = self.is_dry_run,
            watched = self.watched,
            started = self.started.len(),
            stopped = self.stopped.len(),
            kept = self.kept.len(),
            parked = self.parked,
            "parked"
        );
    }
}
