//! What an invocation did, counted from the messages' outcomes: its metrics and its log lines.

use std::collections::BTreeMap;
use std::io::{self, Write};

use shared::metrics::{Metrics, Unit};

use crate::envelope::Message;
use crate::outcome::{Outcome, Retry};
use crate::reply::Trouble;
use crate::report::{Refusals, Report};
use shared::sqs::Failure;

/// A longer text is cut in the log.
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
            // What stands behind the borrow of `first` lives as long as the event.
            let arn: &'a str = first.source_arn;
            arn.rsplit_once(':').map_or(arn, |(_, name)| name)
        });
        summary
    }

    /// Writes the metrics to `out`.
    ///
    /// # Errors
    /// Where writing to `out` fails.
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
        let refused = report.refused.values().map(|refusals| refusals.count).sum();
        Metrics {
            namespace,
            dimensions,
            timestamp_ms,
            metrics: &[
                ("MessagesIn", Unit::Count, self.messages_in),
                ("MessagesDone", Unit::Count, self.messages_done),
                ("MessagesRetried", Unit::Count, self.messages_retried),
                ("MessagesQuarantined", Unit::Count, self.messages_quarantined),
                ("DocumentsIndexed", Unit::Count, report.indexed),
                ("DocumentsDuplicate", Unit::Count, report.duplicate.map_or(0, |(count, _)| count)),
                ("DocumentsRefused", Unit::Count, refused),
                ("BulkRequests", Unit::Count, report.bulk_requests),
                ("BulkBytes", Unit::Bytes, report.bulk_bytes),
            ],
        }
        .write(out)
    }

    /// Logs one line for each reason and each trouble.
    pub(crate) fn log(&self, report: &Report, messages: &[Message<'_>], request_id: &str) {
        for (code, Refusals { count, first, advice }) in &report.refused {
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
            if let Some(advice) = advice(*retry) {
                tracing::error!(request_id, reason, count, first_message_id, advice, message);
            } else {
                tracing::warn!(request_id, reason, count, first_message_id, message);
            }
        }
        for trouble in &report.troubles {
            log_trouble(trouble, request_id);
        }
        for (code, (count, said)) in &report.not_quarantined {
            let said = shown(said);
            tracing::error!(request_id, code, count, said, "events not sent to quarantine");
        }
    }
}

/// Logs which messages' visibility timeout could not be set: they are redelivered when the queue's
/// own timeout is over.
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

/// What a person has to change, where waiting alone does not help.
const fn advice(retry: Retry) -> Option<&'static str> {
    match retry {
        Retry::Denied => Some(
            "OpenSearch does not let the function write: check OPENSEARCH_AUTH and its user or \
             secret; give the function's role es:ESHttpPost on the domain (aoss:APIAccessAll and \
             a data access policy on a collection), and map the role or user in OpenSearch to \
             one that may create documents in the index",
        ),
        Retry::SetUp(error) => Some(error.advice),
        Retry::Rejected | Retry::OddAnswer => Some(
            "what answers is not OpenSearch, or a proxy stands before it: check \
             OPENSEARCH_ENDPOINT or OPENSEARCH_DOMAIN, and OPENSEARCH_SERVICE",
        ),
        Retry::NoIndex => Some(
            "the index does not exist and is not created: check INDEX, create it, or let OpenSearch \
             create it (action.auto_create_index)",
        ),
        Retry::NoAnswer => Some(
            "OpenSearch cannot be reached or is too slow: check OPENSEARCH_ENDPOINT or \
             OPENSEARCH_DOMAIN, the function's subnets and security groups, and the cluster",
        ),
        Retry::NoQuarantine => {
            Some("set QUARANTINE_QUEUE_URL: until then such messages end in the dead-letter queue")
        }
        Retry::NotQuarantined => Some(
            "check QUARANTINE_QUEUE_URL, and give the function's role sqs:SendMessage on it: \
             until then such messages end in the dead-letter queue",
        ),
        Retry::Throttled
        | Retry::Unavailable
        | Retry::Deadline
        | Retry::Panicked
        | Retry::GroupFailed => None,
    }
}

fn log_trouble(trouble: &Trouble, request_id: &str) {
    match trouble {
        Trouble::NoAnswer(error) => tracing::error!(request_id, %error, "no answer to _bulk"),
        Trouble::Status(status, error_type) => {
            tracing::error!(request_id, status, error_type, "OpenSearch refused _bulk");
        }
        Trouble::Documents(error_type) => {
            tracing::error!(request_id, error_type, "OpenSearch refused documents");
        }
        Trouble::NotOpenSearch(status) => {
            tracing::error!(request_id, status, "the answer to _bulk is not one of OpenSearch");
        }
    }
}

fn shown(text: &str) -> &str {
    &text[..text.char_indices().nth(SHOWN_CHARACTERS).map_or(text.len(), |(end, _)| end)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope;

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
            Outcome::Retry(Retry::Throttled),
            Outcome::Quarantined,
            Outcome::Retry(Retry::Deadline),
            Outcome::Retry(Retry::Throttled),
            Outcome::Done,
            Outcome::Done,
        ];
        let expected = Summary {
            queue_name: Some("music"),
            messages_in: 7,
            messages_done: 3,
            messages_retried: 3,
            messages_quarantined: 1,
            retries: [(Retry::Throttled, (2, "m1")), (Retry::Deadline, (1, "m3"))].into(),
        };
        assert_eq!(Summary::of(&messages, &outcomes), expected);
    }
}
