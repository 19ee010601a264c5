//! The answer, the metrics and the log of an invocation, all from one [`Tally`].

use std::io::{self, Write};

use serde::Serialize;
use shared::metrics::{Metrics, Unit};

use crate::queues::MoveTask;
use crate::request::Mode;
use crate::tally::{Ages, Names, Stopped, Tally};

/// Maximum length of an error in the log, in characters.
const SHOWN_CHARACTERS: usize = 256;

/// The results of an invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The counts of the messages.
    pub tally: Tally,
    /// Whether they were only counted, not moved.
    pub dry_run: bool,
    /// The retention period of the queue, in seconds.
    pub retention_seconds: Option<u64>,
    /// Whether nothing was redriven because the source is unavailable.
    pub source_unavailable: bool,
}

/// An invocation's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "camelCase")]
#[expect(missing_docs, reason = "the README describes them")]
pub enum Answer {
    #[serde(rename_all = "camelCase")]
    Redrive {
        mode: &'static str,
        scanned: u64,
        matched: u64,
        moved: u64,
        parked: u64,
        skipped: u64,
        failed: u64,
        complete: bool,
        dry_run: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        stopped: Option<Stopped>,
        #[serde(skip_serializing_if = "Option::is_none")]
        task_handle: Option<String>,
        reasons: Names,
    },
    #[serde(rename_all = "camelCase")]
    Inspect {
        scanned: u64,
        reasons: Names,
        sources: Names,
        ages: Ages,
        samples: Vec<String>,
        complete: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        stopped: Option<Stopped>,
    },
    Status {
        tasks: Vec<MoveTask>,
    },
    #[serde(rename_all = "camelCase")]
    Cancel {
        task_handle: String,
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

    /// The answer to a redrive by a move task.
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
    /// The error of writing to `out`.
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

    /// Logs the failures: one line for each step and code.
    pub fn log(&self, request_id: &str) {
        for ((step, code), (count, error, first_message_id)) in &self.tally.failures {
            let error = shared::text::beginning(error, SHOWN_CHARACTERS);
            tracing::warn!(
                request_id,
                step,
                code,
                count,
                error,
                first_message_id,
                "failed to move messages"
            );
        }
        if let Some(stopped) = self.tally.stopped {
            tracing::warn!(request_id, ?stopped, "stopped before all messages were examined");
        }
    }
}
