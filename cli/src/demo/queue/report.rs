//! The report of the SQS pipeline, as text or as JSON.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::account::Account;
use super::producer::Sent;
use super::{FUNCTION, Run};
use crate::demo::account::conclusion;
use crate::demo::logs::Reasons;
use crate::layout::{Durations, details, milliseconds, most_first, per_second, row, thousands};

#[derive(Clone, Debug, Serialize)]
pub(in super::super) struct Report {
    queue: String,
    destination: String,
    index: String,
    events: Input,
    account: Account,
    /// Events whose document already existed.
    documents_duplicate: u64,
    /// From the quarantine queue.
    quarantined_by_reason: Reasons,
    /// Messages in the dead-letter queue after the outage.
    given_up: u64,
    invocations: Invocations,
    elapsed_ms: f64,
    messages_per_second: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Input {
    source: String,
    #[serde(flatten)]
    sent: Sent,
}

#[derive(Clone, Debug, Serialize)]
struct Invocations {
    count: u64,
    failed: u64,
    /// Failures of messages.
    retried: u64,
    #[serde(flatten)]
    durations: Durations,
}

impl Report {
    pub(in super::super) fn new(
        source: String,
        [queue, destination]: [String; 2],
        index: &str,
        run: &Run,
        documents: u64,
    ) -> Self {
        Self {
            queue,
            destination,
            index: index.to_owned(),
            events: Input { source, sent: run.sent },
            account: Account::new(run, documents),
            documents_duplicate: run.metrics.documents_duplicate,
            quarantined_by_reason: run.quarantine.clone(),
            given_up: run.given_up,
            invocations: Invocations {
                count: run.mapping.invocations,
                failed: run.mapping.failed_invocations,
                retried: run.mapping.failed,
                durations: Durations::new(run.mapping.invocation_durations.iter().copied()),
            },
            elapsed_ms: milliseconds(run.elapsed),
            messages_per_second: per_second(run.sent.messages, run.elapsed),
        }
    }

    /// Returns the sums that do not add up.
    pub(in super::super) fn discrepancies(&self) -> &[String] {
        &self.account.discrepancies
    }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let account = &self.account;
        writeln!(out, "{} -> {FUNCTION} -> {}\n", self.queue, self.destination)?;
        row(out, "Messages in", account.messages_in, &self.events.source)?;
        let Sent { blank_lines, too_large, not_text, .. } = self.events.sent;
        for (label, number, note) in [
            ("Not sent", too_large, "larger than 1,048,576 bytes, the limit of SQS"),
            ("Not sent", not_text, "not text that SQS accepts"),
            ("Blank lines", blank_lines, "skipped"),
        ] {
            if number > 0 {
                row(out, label, number, note)?;
            }
        }
        row(out, "Done", account.done, "deleted from the queue")?;
        row(out, "Documents", account.documents, "counted by OpenSearch")?;
        row(out, "Duplicates", self.documents_duplicate, "documents that existed already")?;
        row(out, "Quarantined", account.quarantined, "reasons from the quarantine queue")?;
        details(out, most_first(&self.quarantined_by_reason))?;
        row(out, "Given up", self.given_up, "in an outage of OpenSearch, then moved back")?;
        row(out, "Dead letters", account.dead, "in the dead-letter queue at the end")?;
        let Invocations { count, failed, retried, durations } = self.invocations;
        durations.row(out, count, failed)?;
        row(out, "Retries", retried, "of messages that failed")?;
        let note = format!("messages a second, {:.1} s in total", self.elapsed_ms / 1_000.0);
        row(out, "Speed", self.messages_per_second, &note)?;
        writeln!(
            out,
            "\n{} messages in = {} done + {} quarantined + {} dead letters: {}",
            thousands(account.messages_in),
            thousands(account.done),
            thousands(account.quarantined),
            thousands(account.dead),
            conclusion(account.unaccounted, "message")
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Metrics;
    use super::*;
    use std::time::Duration;

    /// A run that adds up, with 88 documents.
    pub(in super::super) fn run() -> Run {
        let mut mapping = local::sqs::Report::default();
        (mapping.deleted, mapping.failed, mapping.invocations) = (97, 9, 4);
        Run {
            sent: Sent { messages: 100, blank_lines: 0, too_large: 1, not_text: 2 },
            mapping,
            metrics: Metrics {
                messages_done: 90,
                messages_quarantined: 7,
                documents_indexed: 88,
                documents_duplicate: 2,
            },
            given_up: 30,
            dead: 3,
            left: 0,
            quarantine: Reasons::from([("invalid_json".to_owned(), 5), ("too_deep".to_owned(), 2)]),
            elapsed: Duration::from_secs(4),
        }
    }

    fn report(run: &Run) -> Report {
        let servers = ["the embedded SQS", "the embedded OpenSearch"].map(str::to_owned);
        Report::new("bundled sample".to_owned(), servers, "i", run, 88)
    }

    #[test]
    fn the_report_as_text() {
        assert_eq!(
            report(&run()).to_string(),
            "\
the embedded SQS -> sqs-consumer -> the embedded OpenSearch

Messages in       100  bundled sample
Not sent            1  larger than 1,048,576 bytes, the limit of SQS
Not sent            2  not text that SQS accepts
Done               90  deleted from the queue
Documents          88  counted by OpenSearch
Duplicates          2  documents that existed already
Quarantined         7  reasons from the quarantine queue
                    5    invalid_json
                    2    too_deep
Given up           30  in an outage of OpenSearch, then moved back
Dead letters        3  in the dead-letter queue at the end
Invocations         4  median 0.0 ms, longest 0.0 ms
Retries             9  of messages that failed
Speed              25  messages a second, 4.0 s in total

100 messages in = 90 done + 7 quarantined + 3 dead letters: every message is accounted for.
"
        );
        let report = report(&Run { dead: 1, ..run() });
        assert!(report.to_string().ends_with("+ 1 dead letters: 2 unaccounted for.\n"));
        assert_eq!(report.discrepancies(), ["2 of 100 messages are unaccounted for"]);
    }
}
