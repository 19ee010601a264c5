//! The report of the SQS half, as text or as JSON.

use std::fmt::{self, Display, Formatter};

use local::opensearch::OpenSearch;
use local::sqs::Sqs;
use serde::Serialize;

use super::super::logs::Reasons;
use super::account::Account;
use super::producer::Sent;
use super::{FUNCTION, Run};
use crate::layout::{
    details, median_and_max, milliseconds, most_first, per_second, row, thousands,
};

/// The report of one run.
#[derive(Clone, Debug, Serialize)]
pub(in super::super) struct Report {
    queue: String,
    destination: String,
    index: String,
    events: Input,
    account: Account,
    /// Events whose document was there already, by its id.
    documents_duplicate: u64,
    /// As the quarantine queue has them.
    quarantined_by_reason: Reasons,
    /// Messages that were in the dead-letter queue after OpenSearch was away.
    given_up: u64,
    invocations: Invocations,
    elapsed_ms: f64,
    messages_per_second: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Input {
    source: String,
    blank_lines: u64,
    too_large: u64,
    not_text: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Invocations {
    count: u64,
    failed: u64,
    /// Messages that failed, each time they did.
    retried: u64,
    median_ms: f64,
    max_ms: f64,
}

impl Report {
    pub(in super::super) fn new(
        source: String,
        sqs: &Sqs,
        opensearch: &OpenSearch,
        index: &str,
        run: &Run,
        documents: u64,
    ) -> Self {
        let servers = (sqs.description(), opensearch.description());
        Self::of(source, servers, index, run, documents)
    }

    fn of(
        source: String,
        (queue, destination): (String, String),
        index: &str,
        run: &Run,
        documents: u64,
    ) -> Self {
        let Sent { messages, blank_lines, too_large, not_text } = run.sent;
        let (median, max) = median_and_max(run.mapping.invocation_durations.clone());
        Self {
            queue,
            destination,
            index: index.to_owned(),
            events: Input { source, blank_lines, too_large, not_text },
            account: Account::new(run, documents),
            documents_duplicate: run.metrics.documents_duplicate,
            quarantined_by_reason: run.quarantine.clone(),
            given_up: run.given_up,
            invocations: Invocations {
                count: run.mapping.invocations,
                failed: run.mapping.failed_invocations,
                retried: run.mapping.failed,
                median_ms: milliseconds(median),
                max_ms: milliseconds(max),
            },
            elapsed_ms: milliseconds(run.elapsed),
            messages_per_second: per_second(messages, run.elapsed),
        }
    }

    /// What does not fit together; empty if every message is accounted for.
    pub(in super::super) fn discrepancies(&self) -> &[String] {
        &self.account.discrepancies
    }

    fn not_sent(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Input { blank_lines, too_large, not_text, .. } = self.events;
        for (label, number, note) in [
            ("Not sent", too_large, "larger than the 1,048,576 bytes that SQS takes"),
            ("Not sent", not_text, "no text that SQS takes"),
            ("Blank lines", blank_lines, "passed over"),
        ] {
            if number > 0 {
                row(out, label, number, note)?;
            }
        }
        Ok(())
    }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let account = &self.account;
        writeln!(out, "{} -> {FUNCTION} -> {}\n", self.queue, self.destination)?;
        row(out, "Messages in", account.messages_in, &self.events.source)?;
        self.not_sent(out)?;
        row(out, "Done", account.done, "deleted from the queue")?;
        row(out, "Documents", account.documents, "as OpenSearch counts them")?;
        row(out, "Duplicates", self.documents_duplicate, "their ids were there already")?;
        row(out, "Quarantined", account.quarantined, "reasons as the quarantine queue has them")?;
        details(out, most_first(&self.quarantined_by_reason))?;
        row(out, "Given up", self.given_up, "while OpenSearch was away, and put back after")?;
        row(out, "Dead letters", account.dead, "in the dead-letter queue at the end")?;
        let Invocations { count, failed, retried, median_ms, max_ms } = self.invocations;
        let mut note = format!("median {median_ms:.1} ms, longest {max_ms:.1} ms");
        if failed > 0 {
            note = format!("{note}; {} failed", thousands(failed));
        }
        row(out, "Invocations", count, &note)?;
        row(out, "Retries", retried, "of messages, by the function's answers")?;
        let note = format!("messages a second, {:.1} s in all", self.elapsed_ms / 1_000.0);
        row(out, "Speed", self.messages_per_second, &note)?;
        writeln!(
            out,
            "\n{} messages in = {} done + {} quarantined + {} dead letters: {}",
            thousands(account.messages_in),
            thousands(account.done),
            thousands(account.quarantined),
            thousands(account.dead),
            match account.unaccounted {
                0 => "every message is accounted for.".to_owned(),
                missing if missing > 0 => format!("{missing} unaccounted for."),
                more => format!("{} too many.", -more),
            }
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::metrics::Metrics;
    use super::super::producer::Sent;
    use super::{Reasons, Report, Run};
    use std::time::Duration;

    /// A run that comes out even, with 88 documents.
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
        let servers = ("the embedded SQS".to_owned(), "the embedded OpenSearch".to_owned());
        Report::of("bundled sample".to_owned(), servers, "i", run, 88)
    }

    #[test]
    fn is_read_at_a_glance() {
        assert_eq!(
            report(&run()).to_string(),
            "\
the embedded SQS -> sqs-consumer -> the embedded OpenSearch

Messages in       100  bundled sample
Not sent            1  larger than the 1,048,576 bytes that SQS takes
Not sent            2  no text that SQS takes
Done               90  deleted from the queue
Documents          88  as OpenSearch counts them
Duplicates          2  their ids were there already
Quarantined         7  reasons as the quarantine queue has them
                    5    invalid_json
                    2    too_deep
Given up           30  while OpenSearch was away, and put back after
Dead letters        3  in the dead-letter queue at the end
Invocations         4  median 0.0 ms, longest 0.0 ms
Retries             9  of messages, by the function's answers
Speed              25  messages a second, 4.0 s in all

100 messages in = 90 done + 7 quarantined + 3 dead letters: every message is accounted for.
"
        );
    }

    #[test]
    fn an_uneven_account_says_so() {
        let mut run = run();
        run.dead = 1;
        let report = report(&run);
        assert!(report.to_string().ends_with("+ 1 dead letters: 2 unaccounted for.\n"));
        assert_eq!(report.discrepancies(), ["2 of 100 messages are unaccounted for"]);
    }
}
