//! The metrics and log lines of an invocation, counted from the messages' outcomes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use shared::metrics::{Metrics, Unit, with_values};
use shared::opensearch::Refusals;
use shared::sqs::Failure;

use crate::envelope::Message;
use crate::outcome::{Outcome, Retry};
use crate::report::Report;

/// The metrics of an invocation.
pub(crate) const METRICS: [(&str, Unit); 9] = [
    ("MessagesIn", Unit::Count),
    ("MessagesDone", Unit::Count),
    ("MessagesRetried", Unit::Count),
    ("MessagesQuarantined", Unit::Count),
    ("DocumentsIndexed", Unit::Count),
    ("DocumentsDuplicate", Unit::Count),
    ("DocumentsRefused", Unit::Count),
    ("BulkRequests", Unit::Count),
    ("BulkBytes", Unit::Bytes),
];

/// Maximum length of a text in the log, in characters.
const SHOWN_CHARACTERS: usize = 256;

/// The counts of one invocation. `messages_in` is always the sum of the other messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary<'a> {
    /// The queue's name, if there was a message.
    pub queue_name: Option<&'a str>,
    /// Messages in the event.
    pub messages_in: u64,
    /// Messages whose documents are all in the index.
    pub messages_done: u64,
    /// Messages to redeliver: the entries of the answer.
    pub messages_retried: u64,
    /// Messages with something in quarantine and nothing to retry.
    pub messages_quarantined: u64,
    /// Messages to redeliver by reason: their number, and the id of the first.
    pub retries: BTreeMap<Retry, (u64, &'a str)>,
}

impl<'a> Summary<'a> {
    /// Counts the messages and their outcomes.
    #[must_use]
    pub(crate) fn of(messages: &[Message<'a>], outcomes: &[Outcome]) -> Self {
        let mut summary = Self::default();
        for (message, outcome) in messages.iter().zip(outcomes) {
            summary.messages_in += 1;
            match outcome {
                Outcome::Done => summary.messages_done += 1,
                Outcome::Quarantined => summary.messages_quarantined += 1,
                Outcome::Retry(retry) => {
                    summary.messages_retried += 1;
                    summary.retries.entry(*retry).or_insert((0, message.id)).0 += 1;
                }
            }
        }
        summary.queue_name = messages.first().map(|first| {
            // Borrows from the event, not from `first`.
            let arn: &'a str = first.source_arn;
            arn.rsplit_once(':').map_or(arn, |(_, name)| name)
        });
        summary
    }

    /// Writes the metrics to `out`.
    ///
    /// # Errors
    /// If writing to `out` fails.
    pub(crate) fn emit(
        &self,
        report: &Report,
        namespace: &str,
        function_name: &str,
        timestamp_ms: u64,
        out: impl Write,
    ) -> io::Result<()> {
        // Without a message the queue is not known.
        let dimensions: &[_] = match self.queue_name {
            Some(queue_name) => &[("FunctionName", function_name), ("QueueName", queue_name)],
            None => &[("FunctionName", function_name)],
        };
        let refused = report.findings.count();
        let values = [
            self.messages_in,
            self.messages_done,
            self.messages_retried,
            self.messages_quarantined,
            report.indexed,
            report.duplicate.map_or(0, |(count, _)| count),
            refused,
            report.bulk_requests,
            report.bulk_bytes,
        ];
        let metrics = with_values(METRICS, values);
        Metrics { namespace, dimensions, timestamp_ms, metrics: &metrics }.write(out)
    }

    /// Logs one line for each reason and each trouble.
    pub(crate) fn log(&self, report: &Report, messages: &[Message<'_>], request_id: &str) {
        for (code, Refusals { count, first, advice }) in &report.findings.refused {
            let first_message_id = shown(messages[*first].id);
            let advice = Some(*advice).filter(|advice| !advice.is_empty());
            tracing::warn!(
                request_id,
                reason = code,
                count,
                first_message_id,
                advice,
                "events refused"
            );
        }
        if let Some((count, first)) = report.test_events {
            let first_message_id = shown(messages[first].id);
            tracing::info!(request_id, count, first_message_id, "s3:TestEvent received");
        }
        if let Some((count, first)) = report.no_log_events {
            let first_message_id = shown(messages[first].id);
            let message = "messages of CloudWatch Logs without log events received";
            tracing::info!(request_id, count, first_message_id, message);
        }
        if let Some((count, first)) = report.duplicate {
            let first_message_id = shown(messages[first].id);
            tracing::info!(
                request_id,
                count,
                first_message_id,
                "documents were in the index before"
            );
        }
        if let Some((count, first)) = report.elsewhere {
            let first_message_id = shown(messages[first].id);
            let advice = "an ingest pipeline of the index sets _id: a message that is delivered \
                          again is only recognized where the pipeline sets the same _id again";
            let message = "documents are in the index under another _id";
            tracing::info!(request_id, count, first_message_id, advice, message);
        }
        for (retry, (count, id)) in &self.retries {
            let (reason, first_message_id) = (retry.reason(), shown(id));
            let message = "messages to be redelivered";
            if let Some(advice) = retry.advice() {
                tracing::error!(request_id, reason, count, first_message_id, advice, message);
            } else {
                tracing::warn!(request_id, reason, count, first_message_id, message);
            }
        }
        for trouble in &report.findings.troubles {
            trouble.log(request_id);
        }
        for (code, (count, said)) in &report.not_quarantined {
            let said = shown(said);
            tracing::error!(request_id, code, count, said, "events not sent to quarantine");
        }
    }
}

/// Logs the messages whose visibility timeout could not be set: they are redelivered after the
/// queue's own timeout.
pub(crate) fn log_visibility(failures: &[Failure], request_id: &str) {
    let mut by_code = BTreeMap::new();
    for Failure { code, message } in failures {
        by_code.entry(code).or_insert((0_u64, message)).0 += 1;
    }
    for (code, (count, said)) in by_code {
        let said = shown(said);
        let advice = "if the messages were visible again, the queue's visibility timeout is too \
                      short: give it at least six times the function's timeout; if access was \
                      denied, give the function's role sqs:ChangeMessageVisibility";
        tracing::warn!(request_id, code, count, said, advice, "visibility timeouts not changed");
    }
}

fn shown(text: &str) -> &str {
    shared::text::beginning(text, SHOWN_CHARACTERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope;
    use shared::opensearch;

    const THROTTLED: Retry = Retry::Search(opensearch::Retry::Throttled);

    #[test]
    fn counts_every_message_once() {
        let record = |id: u8| {
            format!("{{\"messageId\":\"m{id}\",\"eventSourceARN\":\"arn:aws:sqs:r:1:music\"}}")
        };
        let records: Vec<_> = (0..7).map(record).collect();
        let event = format!("{{\"Records\":[{}]}}", records.join(","));
        let messages = envelope::parse(event.as_bytes()).unwrap();
        let outcomes = [
            Outcome::Done,
            Outcome::Retry(THROTTLED),
            Outcome::Quarantined,
            Outcome::Retry(Retry::Deadline),
            Outcome::Retry(THROTTLED),
            Outcome::Done,
            Outcome::Done,
        ];
        let expected = Summary {
            queue_name: Some("music"),
            messages_in: 7,
            messages_done: 3,
            messages_retried: 3,
            messages_quarantined: 1,
            retries: [(THROTTLED, (2, "m1")), (Retry::Deadline, (1, "m3"))].into(),
        };
        assert_eq!(Summary::of(&messages, &outcomes), expected);
    }
}
