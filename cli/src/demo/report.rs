//! The report of the Firehose pipeline, as text or as JSON.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use local::firehose::RECORD_LIMIT_BYTES;
use local::opensearch::OpenSearch;
use serde::Serialize;

use super::account::{Account, conclusion};
use super::backup::Backup;
use super::firehose::{Run, Sent};
use super::logs::{Reasons, reasons};
use super::metrics::Metric;
use super::search::{Counted, Found};
use super::{FUNCTION, Target};
use crate::error::CliError;
use crate::layout::{Durations, details, milliseconds, most_first, per_second, row, thousands};

#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    opensearch: Destination,
    events: Input,
    account: Account,
    actions: Vec<Counted>,
    top_artists: Vec<Counted>,
    /// Metrics of documents, with `--metric-rules`.
    metrics: Vec<Metric>,
    /// Records with the result `ProcessingFailed`.
    processing_failed: u64,
    /// From the function's log.
    failed_by_reason: Reasons,
    backup: BackedUp,
    /// Records that the function put back, because they did not fit into its answer.
    put_back: u64,
    invocations: Invocations,
    elapsed_ms: f64,
    events_per_second: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Destination {
    kind: String,
    url: String,
    index: String,
}

#[derive(Clone, Debug, Serialize)]
struct Input {
    source: String,
    #[serde(flatten)]
    sent: Sent,
}

#[derive(Clone, Debug, Serialize)]
struct BackedUp {
    folder: PathBuf,
    by_error_code: Backup,
}

#[derive(Clone, Debug, Serialize)]
struct Invocations {
    count: u64,
    failed: u64,
    #[serde(flatten)]
    durations: Durations,
}

impl Report {
    pub(super) fn new(
        source: String,
        opensearch: &OpenSearch,
        target: &Target,
        run: Run,
        backup: Backup,
        found: Found,
        metrics: Vec<Metric>,
    ) -> Self {
        let (sent, stream) = (run.sent, run.stream);
        let in_backup = backup.values().sum();
        let mut account = Account::new(sent.events, &stream, found.documents, in_backup);
        account.discrepancies.extend(metrics.iter().flat_map(Metric::discrepancies));
        Self {
            opensearch: Destination {
                kind: opensearch.description(),
                url: opensearch.url().to_owned(),
                index: target.index.clone(),
            },
            account,
            events_per_second: per_second(sent.events, run.elapsed),
            events: Input { source, sent },
            actions: found.actions,
            top_artists: found.artists,
            metrics,
            processing_failed: stream.processing_failed,
            failed_by_reason: reasons(&run.logs),
            backup: BackedUp { folder: target.backup_folder.clone(), by_error_code: backup },
            put_back: stream.reingested,
            invocations: Invocations {
                count: stream.invocations,
                failed: stream.failed_invocations,
                durations: Durations::new(stream.invocation_durations),
            },
            elapsed_ms: milliseconds(run.elapsed),
        }
    }

    /// # Errors
    /// [`CliError::Failed`] if an event is unaccounted for.
    pub(super) fn check(&self) -> Result<(), CliError> {
        if self.account.discrepancies.is_empty() {
            return Ok(());
        }
        Err(CliError::failed(format_args!(
            "the events do not add up:\n  {}\nThe backup is in {}.",
            self.account.discrepancies.join("\n  "),
            self.backup.folder.display(),
        )))
    }
}

fn counted(counted: &[Counted]) -> impl Iterator<Item = (u64, &str)> {
    counted.iter().map(|counted| (counted.documents, &*counted.name))
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let account = &self.account;
        writeln!(out, "Firehose -> {FUNCTION} -> {}\n", self.opensearch.kind)?;
        row(out, "Events in", account.events_in, &self.events.source)?;
        let Sent { blank_lines, too_large, .. } = self.events.sent;
        if too_large > 0 {
            let limit = thousands(RECORD_LIMIT_BYTES as u64);
            let note = format!("larger than {limit} bytes, the limit of Firehose");
            row(out, "Not sent", too_large, &note)?;
        }
        if blank_lines > 0 {
            row(out, "Blank lines", blank_lines, "skipped")?;
        }
        row(out, "Documents", account.documents, "counted by OpenSearch")?;
        details(out, counted(&self.actions))?;
        row(out, "Dropped", account.dropped, "empty records")?;
        row(out, "Failed", self.processing_failed, "reasons from the function's log")?;
        details(out, most_first(&self.failed_by_reason))?;
        row(out, "In backup", account.in_backup, "counted in its files")?;
        details(out, most_first(&self.backup.by_error_code))?;
        if self.put_back > 0 {
            row(out, "Put back", self.put_back, "did not fit into an answer, received again")?;
        }
        let Invocations { count, failed, durations } = self.invocations;
        durations.row(out, count, failed)?;
        let note = format!("events a second, {:.1} s in total", self.elapsed_ms / 1_000.0);
        row(out, "Speed", self.events_per_second, &note)?;
        if !self.top_artists.is_empty() {
            writeln!(out, "Top artists")?;
            details(out, counted(&self.top_artists))?;
        }
        self.metrics.iter().try_for_each(|metric| metric.rows(out))?;
        writeln!(out)?;
        if account.in_backup > 0 {
            writeln!(out, "Backup: {}", self.backup.folder.display())?;
        }
        writeln!(
            out,
            "{} events in = {} documents + {} dropped + {} in backup: {}",
            thousands(account.events_in),
            thousands(account.documents),
            thousands(account.dropped),
            thousands(account.in_backup),
            conclusion(account.unaccounted, "event")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(name: &str, documents: u64) -> Counted {
        Counted { name: name.to_owned(), documents }
    }

    fn report() -> Report {
        Report {
            opensearch: Destination {
                kind: "the embedded OpenSearch".to_owned(),
                url: "http://127.0.0.1:9200".to_owned(),
                index: "music-events-demo-1".to_owned(),
            },
            events: Input {
                source: "bundled sample".to_owned(),
                sent: Sent { events: 4_999, blank_lines: 0, too_large: 1 },
            },
            account: Account {
                events_in: 4_999,
                documents: 4_950,
                dropped: 3,
                in_backup: 46,
                ..Account::default()
            },
            actions: vec![counted("play", 3_000), counted("skip", 900)],
            top_artists: vec![counted("달빛정원", 1_100), counted("a\u{1b}b", 2)],
            metrics: Vec::new(),
            processing_failed: 46,
            failed_by_reason: Reasons::from([
                ("invalid_json".to_owned(), 6),
                ("too_deep".to_owned(), 40),
            ]),
            backup: BackedUp {
                folder: "target/backup".into(),
                by_error_code: Backup::from([("Lambda.ProcessingFailedStatus".to_owned(), 46)]),
            },
            put_back: 0,
            invocations: Invocations {
                count: 6,
                failed: 0,
                durations: Durations { median_ms: 12.3, max_ms: 45.0 },
            },
            elapsed_ms: 1_234.5,
            events_per_second: 4_049,
        }
    }

    #[test]
    fn the_report_as_text() {
        let mut report = report();
        assert_eq!(
            report.to_string(),
            "\
Firehose -> firehose-transform -> the embedded OpenSearch

Events in       4,999  bundled sample
Not sent            1  larger than 1,024,000 bytes, the limit of Firehose
Documents       4,950  counted by OpenSearch
                3,000    play
                  900    skip
Dropped             3  empty records
Failed             46  reasons from the function's log
                   40    too_deep
                    6    invalid_json
In backup          46  counted in its files
                   46    Lambda.ProcessingFailedStatus
Invocations         6  median 12.3 ms, longest 45.0 ms
Speed           4,049  events a second, 1.2 s in total
Top artists
                1,100    달빛정원
                    2    a\u{fffd}b

Backup: target/backup
4,999 events in = 4,950 documents + 3 dropped + 46 in backup: every event is accounted for.
"
        );
        report.events.sent.blank_lines = 2;
        report.put_back = 1_500;
        report.invocations.failed = 3;
        let text = report.to_string();
        assert!(text.contains("\nBlank lines         2  skipped\n"), "{text}");
        assert!(text.contains("\nPut back        1,500  did not fit"), "{text}");
        assert!(text.contains("longest 45.0 ms; 3 failed\n"), "{text}");
    }

    #[test]
    fn a_discrepancy_fails_the_demo() {
        let mut report = report();
        assert!(report.check().is_ok());
        report.account.unaccounted = 2;
        report.account.discrepancies = vec!["one thing".to_owned(), "another".to_owned()];
        let text = report.to_string();
        assert!(text.ends_with("+ 46 in backup: 2 unaccounted for.\n"), "{text}");
        let message = report.check().unwrap_err().to_string();
        let expected = "\n  one thing\n  another\nThe backup is in target/backup";
        assert!(message.contains(expected), "{message}");
    }
}
