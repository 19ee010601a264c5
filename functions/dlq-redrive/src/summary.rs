//! What an invocation did, for those who asked, for the metrics and for the log; all of it from
//! one [`Tally`].

use std::io::{self, Write};

use serde::Serialize;
use shared::metrics::{Metrics, Unit};

use crate::queues::MoveTask;
use crate::request::Mode;
use crate::tally::{Ages, Names, Stopped, Tally};

/// A longer text is cut in the log, in characters.
const SHOWN_CHARACTERS: usize = 256;

/// What an invocation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// What became of the messages.
    pub tally: Tally,
    /// Whether that is only what would become of them.
    pub dry_run: bool,
    /// How long the queue keeps a message, in seconds.
    pub retention_seconds: Option<u64>,
    /// Whether nothing was redriven because the source is unavailable.
    pub source_unavailable: bool,
}

/// An invocation's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "camelCase")]
pub enum Answer {
    /// Messages were moved.
    #[serde(rename_all = "camelCase")]
    Redrive {
        /// `native` or `selective`
        mode: &'static str,
        /// Messages looked at.
        scanned: u64,
        /// Those that are meant.
        matched: u64,
        /// Those that are in their destination.
        moved: u64,
        /// Those that are in the parking queue.
        parked: u64,
        /// Those that were looked at and left.
        skipped: u64,
        /// Those that could not be sent or deleted.
        failed: u64,
        /// Whether there is nothing left to do.
        complete: bool,
        /// Whether this is only what would be done.
        dry_run: bool,
        /// Why the run ended before it was through.
        #[serde(skip_serializing_if = "Option::is_none")]
        stopped: Option<Stopped>,
        /// The move task.
        #[serde(skip_serializing_if = "Option::is_none")]
        task_handle: Option<String>,
        /// All that were looked at, by their reason.
        reasons: Names,
    },
    /// Messages were looked at.
    #[serde(rename_all = "camelCase")]
    Inspect {
        /// Messages looked at.
        scanned: u64,
        /// By their reason.
        reasons: Names,
        /// By the queue that they came from.
        sources: Names,
        /// By their age.
        ages: Ages,
        /// Some of their ids.
        samples: Vec<String>,
        /// Whether there are no others.
        complete: bool,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        stopped: Option<Stopped>,
    },
    /// Move tasks were listed.
    Status {
        /// Latest first.
        tasks: Vec<MoveTask>,
    },
    /// A move task was ended.
    #[serde(rename_all = "camelCase")]
    Cancel {
        /// Its handle.
        task_handle: String,
        /// How many messages it has moved.
        moved: u64,
    },
}

impl Answer {
    /// The answer to a redrive.
    #[must_use]
    pub fn redrive(mode: Mode, summary: &Summary) -> Self {
        let Summary { tally, dry_run, .. } = summary;
        Self::Redrive {
            mode: match mode {
                Mode::Native => "native",
                Mode::Selective => "selective",
            },
            scanned: tally.scanned,
            matched: tally.matched,
            moved: tally.moved,
            parked: tally.parked,
            skipped: tally.skipped,
            failed: tally.failed,
            complete: tally.stopped.is_none(),
            dry_run: *dry_run,
            stopped: tally.stopped,
            task_handle: None,
            reasons: tally.reasons.clone(),
        }
    }

    /// The answer to a redrive that a move task does.
    #[must_use]
    pub fn of_task(summary: &Summary, handle: String, is_complete: bool) -> Self {
        let mut answer = Self::redrive(Mode::Native, summary);
        if let Self::Redrive { task_handle, complete, .. } = &mut answer {
            *task_handle = Some(handle);
            *complete = is_complete;
        }
        answer
    }

    /// The answer to an inspection.
    #[must_use]
    pub fn inspect(Summary { tally, .. }: &Summary) -> Self {
        let survey = tally.survey.clone();
        Self::Inspect {
            scanned: tally.scanned,
            reasons: survey.reasons,
            sources: survey.sources,
            ages: survey.ages,
            samples: survey.samples,
            complete: tally.stopped.is_none(),
            stopped: tally.stopped,
        }
    }
}

impl Summary {
    /// Writes the metrics to `out`.
    ///
    /// # Errors
    /// What writing to `out` gives.
    pub fn emit(
        &self,
        namespace: &str,
        function_name: &str,
        now_ms: u64,
        out: impl Write,
    ) -> io::Result<()> {
        let Self { tally, dry_run, retention_seconds, source_unavailable } = self;
        let done = |count: u64| if *dry_run { 0 } else { count };
        let mut metrics = vec![
            ("Redriven", Unit::Count, done(tally.moved)),
            ("Parked", Unit::Count, done(tally.parked)),
            ("RedriveFailed", Unit::Count, tally.failed + u64::from(*source_unavailable)),
        ];
        if let Some(sent_ms) = tally.oldest_sent_ms {
            let age_seconds = now_ms.saturating_sub(sent_ms) / 1_000;
            metrics.push(("DlqOldestAgeSeconds", Unit::Seconds, age_seconds));
            if let Some(retention_seconds) = retention_seconds {
                let left = retention_seconds.saturating_sub(age_seconds);
                metrics.push(("SecondsToExpiry", Unit::Seconds, left));
            }
        }
        Metrics {
            namespace,
            dimensions: &[("FunctionName", function_name)],
            timestamp_ms: now_ms,
            metrics: &metrics,
        }
        .write(out)
    }

    /// Logs what went wrong: one line for each step and code.
    pub fn log(&self, request_id: &str) {
        for ((step, code), (count, error, first_message_id)) in &self.tally.failures {
            let error: String = error.chars().take(SHOWN_CHARACTERS).collect();
            tracing::warn!(
                request_id,
                step,
                code,
                count,
                error,
                first_message_id,
                "messages could not be moved"
            );
        }
        if let Some(stopped) = self.tally.stopped {
            tracing::warn!(request_id, ?stopped, "ended before all messages were looked at");
        }
    }
}
