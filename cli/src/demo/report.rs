//! The report: what came in, what became of it, and how fast; as text or as JSON.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use local::firehose::RECORD_LIMIT_BYTES;
use local::opensearch::OpenSearch;
use serde::Serialize;

use super::account::Account;
use super::backup::Backup;
use super::firehose::Run;
use super::logs::{Reasons, reasons};
use super::questions::{Answers, Counted};
use super::{FUNCTION, Place};
use crate::failure::Failure;
use crate::layout::{
    details, median_and_max, milliseconds, most_first, per_second, row, thousands,
};

/// The report of one run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    opensearch: Destination,
    events: Input,
    account: Account,
    actions: Vec<Counted>,
    top_artists: Vec<Counted>,
    /// Records that the function answered `ProcessingFailed`.
    processing_failed: u64,
    /// As the function's log gives them.
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
    sent: u64,
    blank_lines: u64,
    too_large: u64,
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
    median_ms: f64,
    max_ms: f64,
}

impl Report {
    pub(super) fn new(
        source: String,
        opensearch: &OpenSearch,
        place: &Place,
        run: Run,
        backup: Backup,
        answers: Answers,
    ) -> Self {
        let stream = run.stream;
        let account = Account::new(run.fed.sent, &stream, answers.documents, backup.values().sum());
        let (median, max) = median_and_max(stream.invocation_durations);
        Self {
            opensearch: Destination {
                kind: opensearch.description(),
                url: opensearch.url().to_owned(),
                index: place.index.clone(),
            },
            events: Input {
                source,
                sent: run.fed.sent,
                blank_lines: run.fed.blank_lines,
                too_large: run.fed.too_large,
            },
            account,
            actions: answers.actions,
            top_artists: answers.artists,
            processing_failed: stream.processing_failed,
            failed_by_reason: reasons(&run.logs),
            backup: BackedUp { folder: place.backup_folder.clone(), by_error_code: backup },
            put_back: stream.reingested,
            invocations: Invocations {
                count: stream.invocations,
                failed: stream.failed_invocations,
                median_ms: milliseconds(median),
                max_ms: milliseconds(max),
            },
            elapsed_ms: milliseconds(run.elapsed),
            events_per_second: per_second(run.fed.sent, run.elapsed),
        }
    }

    /// # Errors
    /// [`Failure::Failed`] with what is missing, if one event is unaccounted for.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        if self.account.discrepancies.is_empty() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "the account does not come out even:\n  {}\nThe backup is in {}.",
            self.account.discrepancies.join("\n  "),
            self.backup.folder.display(),
        )))
    }
}

/// Numbers stand before names, for nobody knows how wide a name is.
impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let account = &self.account;
        writeln!(out, "Firehose -> {FUNCTION} -> {}\n", self.opensearch.kind)?;
        row(out, "Events in", account.events_in, &self.events.source)?;
        if self.events.too_large > 0 {
            let limit = thousands(RECORD_LIMIT_BYTES as u64);
            let note = format!("larger than the {limit} bytes that Firehose takes");
            row(out, "Not sent", self.events.too_large, &note)?;
        }
        if self.events.blank_lines > 0 {
            row(out, "Blank lines", self.events.blank_lines, "passed over")?;
        }
        row(out, "Documents", account.documents, "as OpenSearch counts them")?;
        details(out, self.actions.iter().map(|action| (action.documents, &action.name)))?;
        row(out, "Dropped", account.dropped, "empty records")?;
        row(out, "Failed", self.processing_failed, "reasons as the function's log gives them")?;
        details(out, most_first(&self.failed_by_reason))?;
        row(out, "In backup", account.in_backup, "as its files say")?;
        details(out, most_first(&self.backup.by_error_code))?;
        if self.put_back > 0 {
            row(out, "Put back", self.put_back, "came again, for they did not fit into an answer")?;
        }
        let Invocations { count, failed, median_ms, max_ms } = self.invocations;
        let mut note = format!("median {median_ms:.1} ms, longest {max_ms:.1} ms");
        if failed > 0 {
            note = format!("{note}; {} failed", thousands(failed));
        }
        row(out, "Invocations", count, &note)?;
        let note = format!("events a second, {:.1} s in all", self.elapsed_ms / 1_000.0);
        row(out, "Speed", self.events_per_second, &note)?;
        if !self.top_artists.is_empty() {
            writeln!(out, "Top artists")?;
            details(out, self.top_artists.iter().map(|artist| (artist.documents, &artist.name)))?;
        }
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
            match account.unaccounted {
                0 => "every event is accounted for.".to_owned(),
                missing if missing > 0 => format!("{missing} unaccounted for."),
                more => format!("{} too many.", -more),
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{BackedUp, Backup, Counted, Destination, Input, Invocations, Reasons, Report};
    use crate::demo::account::Account;
    use crate::failure::Failure;
    use serde_json::json;

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
                sent: 4_999,
                blank_lines: 0,
                too_large: 1,
            },
            account: Account {
                events_in: 4_999,
                documents: 4_950,
                dropped: 3,
                in_backup: 46,
                unaccounted: 0,
                discrepancies: Vec::new(),
            },
            actions: vec![counted("play", 3_000), counted("skip", 900)],
            top_artists: vec![counted("달빛정원", 1_100), counted("a\u{1b}b", 2)],
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
            invocations: Invocations { count: 6, failed: 0, median_ms: 12.3, max_ms: 45.0 },
            elapsed_ms: 1_234.5,
            events_per_second: 4_049,
        }
    }

    #[test]
    fn is_read_at_a_glance() {
        assert_eq!(
            report().to_string(),
            "\
Firehose -> firehose-transform -> the embedded OpenSearch

Events in       4,999  bundled sample
Not sent            1  larger than the 1,024,000 bytes that Firehose takes
Documents       4,950  as OpenSearch counts them
                3,000    play
                  900    skip
Dropped             3  empty records
Failed             46  reasons as the function's log gives them
                   40    too_deep
                    6    invalid_json
In backup          46  as its files say
                   46    Lambda.ProcessingFailedStatus
Invocations         6  median 12.3 ms, longest 45.0 ms
Speed           4,049  events a second, 1.2 s in all
Top artists
                1,100    달빛정원
                    2    a\u{fffd}b

Backup: target/backup
4,999 events in = 4,950 documents + 3 dropped + 46 in backup: every event is accounted for.
"
        );
    }

    #[test]
    fn rare_things_are_named_when_they_happen() {
        let mut report = report();
        report.events.blank_lines = 2;
        report.put_back = 1_500;
        report.invocations.failed = 3;
        let text = report.to_string();
        assert!(text.contains("\nBlank lines         2  passed over\n"), "{text}");
        assert!(text.contains("\nPut back        1,500  came again"), "{text}");
        assert!(text.contains("longest 45.0 ms; 3 failed\n"), "{text}");
    }

    #[test]
    fn an_uneven_account_is_a_failure_that_says_why() {
        let mut report = report();
        report.account.documents = 4_948;
        report.account.unaccounted = 2;
        report.account.discrepancies = vec!["one thing".to_owned(), "another".to_owned()];
        let text = report.to_string();
        assert!(text.ends_with("+ 46 in backup: 2 unaccounted for.\n"), "{text}");
        let Err(Failure::Failed(message)) = report.verdict() else { panic!("no failure") };
        assert!(
            message.contains("\n  one thing\n  another\nThe backup is in target/backup"),
            "{message}"
        );
    }

    #[test]
    fn as_json_it_has_stable_names() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(
            json["account"],
            json!({
                "events_in": 4_999, "documents": 4_950, "dropped": 3, "in_backup": 46,
                "unaccounted": 0, "discrepancies": [],
            })
        );
        assert_eq!(json["top_artists"][0], json!({"name": "달빛정원", "documents": 1_100}));
        assert_eq!(json["failed_by_reason"], json!({"invalid_json": 6, "too_deep": 40}));
        assert_eq!(json["backup"]["by_error_code"], json!({"Lambda.ProcessingFailedStatus": 46}));
        assert_eq!(json["invocations"]["median_ms"], json!(12.3));
    }
}
