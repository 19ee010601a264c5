//! Accounts for every message of the SQS pipeline.

use serde::Serialize;

use super::Run;
use crate::demo::account::{balance, discrepancies, unaccounted};

/// Number of messages by where they are, from different sources: messages from the producer, done
/// and quarantined ones from the function's metrics, the rest from the queues, documents from
/// OpenSearch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    pub(super) messages_in: u64,
    /// Messages whose documents are in OpenSearch.
    pub(super) done: u64,
    pub(super) quarantined: u64,
    /// Messages in the dead-letter queue.
    pub(super) dead: u64,
    /// Messages that are still in the queue.
    pub(super) left: u64,
    pub(super) documents: u64,
    /// Messages that are missing; negative if messages came out twice.
    pub(super) unaccounted: i128,
    /// Differences between the sources.
    pub(super) discrepancies: Vec<String>,
}

impl Account {
    /// Compares the function's metrics with the queues and OpenSearch.
    pub(super) fn new(run: &Run, documents: u64) -> Self {
        let Run { metrics, mapping, dead, left, .. } = run;
        let (messages_in, quarantined) = (run.sent.messages, metrics.messages_quarantined);
        // A message that could not be deleted was processed more than once.
        let done = metrics.messages_done.saturating_sub(mapping.undeleted);
        let unaccounted = unaccounted(messages_in, &[done, quarantined, *dead, *left]);
        let (deleted, indexed) = (mapping.deleted, metrics.documents_indexed);
        let in_quarantine: u64 = run.quarantine.values().sum();
        // One comparison alone could hide errors that cancel out.
        let comparisons = [
            (
                deleted == done + quarantined,
                format!(
                    "{deleted} messages were deleted, but {done} done and {quarantined} quarantined"
                ),
            ),
            (
                documents == indexed,
                format!("OpenSearch took {indexed} documents, but counts {documents}"),
            ),
            (
                in_quarantine >= quarantined,
                format!("{quarantined} messages were quarantined, but {in_quarantine} are there"),
            ),
            (*left == 0, format!("{left} messages are still in the queue")),
            balance(unaccounted, messages_in, "messages"),
        ];
        let discrepancies = discrepancies(comparisons);
        let (dead, left) = (*dead, *left);
        Self { messages_in, done, quarantined, dead, left, documents, unaccounted, discrepancies }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::run;
    use super::{Account, Run};

    #[test]
    fn every_discrepancy_is_reported() {
        type Case = (fn(&mut Run), u64, i128, &'static [&'static str]);
        let cases: [Case; 5] = [
            (|_| (), 88, 0, &[]),
            (|run| run.dead = 2, 88, 1, &["1 of 100 messages are unaccounted for"]),
            (
                |run| run.metrics.messages_done = 91,
                88,
                -1,
                &[
                    "97 messages were deleted, but 91 done and 7 quarantined",
                    "1 more messages came out than the 100 that were sent",
                ],
            ),
            // A message that could not be deleted.
            (|run| (run.metrics.messages_done, run.mapping.undeleted) = (91, 1), 88, 0, &[]),
            (
                |run| {
                    run.quarantine.clear();
                    (run.left, run.dead) = (1, 2);
                },
                87,
                0,
                &[
                    "OpenSearch took 88 documents, but counts 87",
                    "7 messages were quarantined, but 0 are there",
                    "1 messages are still in the queue",
                ],
            ),
        ];
        for (change, documents, unaccounted, discrepancies) in cases {
            let mut run = run();
            change(&mut run);
            let account = Account::new(&run, documents);
            assert_eq!(account.discrepancies, discrepancies);
            assert_eq!((account.quarantined, account.unaccounted), (7, unaccounted));
        }
    }
}
