//! The account: every message that was sent is somewhere.

use serde::Serialize;

use super::Run;

/// Where the messages are: what was sent by the producer, what was done and quarantined by the
/// function's metrics, the rest by the queues, documents by OpenSearch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    /// Messages that were sent.
    pub(super) messages_in: u64,
    /// Messages whose documents OpenSearch has.
    pub(super) done: u64,
    /// Messages that can never become documents.
    pub(super) quarantined: u64,
    /// Messages in the dead-letter queue.
    pub(super) dead: u64,
    /// Messages still in the queue.
    pub(super) left: u64,
    /// Documents that OpenSearch counts.
    pub(super) documents: u64,
    /// Messages that are nowhere; below 0 if some came out twice.
    pub(super) unaccounted: i128,
    /// What does not fit together, in words; empty if all is well.
    pub(super) discrepancies: Vec<String>,
}

impl Account {
    /// Sets what the function says against what the queues and OpenSearch hold.
    pub(super) fn new(run: &Run, documents: u64) -> Self {
        let (done, quarantined) = (run.metrics.messages_done, run.metrics.messages_quarantined);
        // What could not be deleted was done more than once.
        let again = run.mapping.undeleted;
        let done = done.saturating_sub(again);
        let found = [done, quarantined, run.dead, run.left];
        let found = found.into_iter().map(i128::from).sum::<i128>();
        let mut account = Self {
            messages_in: run.sent.messages,
            done,
            quarantined,
            dead: run.dead,
            left: run.left,
            documents,
            unaccounted: i128::from(run.sent.messages) - found,
            discrepancies: Vec::new(),
        };
        account.discrepancies = account.against(run);
        account
    }

    /// Every comparison that must hold; one alone could hide errors that cancel out.
    fn against(&self, run: &Run) -> Vec<String> {
        let Self { messages_in, done, quarantined, left, documents, unaccounted, .. } = self;
        let (deleted, indexed) = (run.mapping.deleted, run.metrics.documents_indexed);
        let in_quarantine: u64 = run.quarantine.values().sum();
        let comparisons = [
            (
                deleted == done + quarantined,
                format!(
                    "{deleted} messages were deleted, but {done} done and {quarantined} \
                     quarantined"
                ),
            ),
            (
                *documents == indexed,
                format!("OpenSearch took {indexed} documents, but counts {documents}"),
            ),
            (
                in_quarantine >= *quarantined,
                format!("{quarantined} messages were quarantined, but {in_quarantine} are there"),
            ),
            (*left == 0, format!("{left} messages are still in the queue")),
            (
                *unaccounted <= 0,
                format!("{unaccounted} of {messages_in} messages are unaccounted for"),
            ),
            (
                *unaccounted >= 0,
                format!("{} more came out than the {messages_in} that were sent", -unaccounted),
            ),
        ];
        comparisons.into_iter().filter_map(|(holds, text)| (!holds).then_some(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::run;
    use super::Account;

    #[test]
    fn all_is_well() {
        let account = Account::new(&run(), 88);
        let expected = Account {
            messages_in: 100,
            done: 90,
            quarantined: 7,
            dead: 3,
            left: 0,
            documents: 88,
            unaccounted: 0,
            discrepancies: Vec::new(),
        };
        assert_eq!(account, expected);
    }

    #[test]
    fn a_message_that_is_nowhere() {
        let mut run = run();
        run.dead = 2;
        let account = Account::new(&run, 88);
        assert_eq!(account.unaccounted, 1);
        assert_eq!(account.discrepancies, ["1 of 100 messages are unaccounted for"]);
    }

    #[test]
    fn a_message_that_came_out_twice() {
        let mut run = run();
        run.metrics.messages_done = 91;
        let account = Account::new(&run, 88);
        assert_eq!(account.unaccounted, -1);
        assert_eq!(
            account.discrepancies,
            [
                "97 messages were deleted, but 91 done and 7 quarantined",
                "1 more came out than the 100 that were sent"
            ]
        );
        run.mapping.undeleted = 1;
        assert_eq!(Account::new(&run, 88).discrepancies, [""; 0], "it was not deleted");
    }

    #[test]
    fn what_the_function_says_is_not_taken_for_granted() {
        let mut run = run();
        run.quarantine.clear();
        run.left = 1;
        run.dead = 2;
        let account = Account::new(&run, 87);
        assert_eq!(
            account.discrepancies,
            [
                "OpenSearch took 88 documents, but counts 87",
                "7 messages were quarantined, but 0 are there",
                "1 messages are still in the queue"
            ]
        );
    }
}
