//! The account: every event that went in is somewhere.

use local::firehose;
use serde::Serialize;

/// Where the events are, each number counted where it can be seen: what went in by the sender,
/// documents by OpenSearch, the backup in its files; only what the function dropped is known from
/// its answers alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    /// Events that went into the delivery stream.
    pub(super) events_in: u64,
    /// Documents that OpenSearch counts.
    pub(super) documents: u64,
    /// Records that the function dropped on purpose, without those that it put back.
    pub(super) dropped: u64,
    /// Records in the files of the backup.
    pub(super) in_backup: u64,
    /// Events that went in and are nowhere; below 0 if something came out twice.
    pub(super) unaccounted: i128,
    /// What does not fit together, in words; empty if all is well.
    pub(super) discrepancies: Vec<String>,
}

impl Account {
    /// Sets what the stream says against what OpenSearch and the backup hold.
    pub(super) fn new(
        events_in: u64,
        stream: &firehose::Report,
        documents: u64,
        in_backup: u64,
    ) -> Self {
        // A record that was put back is answered `Dropped`, and comes in a second time.
        let dropped = stream.dropped.saturating_sub(stream.reingested);
        let found = [documents, dropped, in_backup].into_iter().map(i128::from).sum::<i128>();
        let mut account = Self {
            events_in,
            documents,
            dropped,
            in_backup,
            unaccounted: i128::from(events_in) - found,
            discrepancies: Vec::new(),
        };
        account.discrepancies = account.against(stream);
        account
    }

    /// Every comparison that must hold; one alone could hide errors that cancel out.
    fn against(&self, stream: &firehose::Report) -> Vec<String> {
        let Self { events_in, documents, in_backup, unaccounted, .. } = self;
        let firehose::Report { put, delivered, unwritten, in_flight, .. } = stream;
        let failed = stream.processing_failed + stream.invocation_failed + stream.delivery_failed;
        let comparisons = [
            (events_in == put, format!("{events_in} events were sent, but the stream took {put}")),
            (
                documents == delivered,
                format!("OpenSearch took {delivered} documents, but counts {documents}"),
            ),
            (
                *in_backup == failed,
                format!("{failed} records failed, but the backup's files hold {in_backup}"),
            ),
            (
                *unwritten == 0,
                format!("{unwritten} failed records could not be written to the backup"),
            ),
            (*in_flight == 0, format!("{in_flight} records are still on their way")),
            (*unaccounted <= 0, format!("{unaccounted} of {events_in} events are unaccounted for")),
            (
                *unaccounted >= 0,
                format!("{} more came out than the {events_in} that went in", -unaccounted),
            ),
        ];
        comparisons.into_iter().filter_map(|(holds, text)| (!holds).then_some(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Account;
    use local::firehose::Report;

    fn stream() -> Report {
        let mut stream = Report::default();
        stream.put = 100;
        stream.delivered = 90;
        stream.dropped = 3;
        stream.processing_failed = 5;
        stream.invocation_failed = 1;
        stream.delivery_failed = 1;
        stream
    }

    #[test]
    fn all_is_well() {
        let account = Account::new(100, &stream(), 90, 7);
        let expected = Account {
            events_in: 100,
            documents: 90,
            dropped: 3,
            in_backup: 7,
            unaccounted: 0,
            discrepancies: Vec::new(),
        };
        assert_eq!(account, expected);
    }

    #[test]
    fn what_was_put_back_is_not_dropped() {
        let mut stream = stream();
        stream.reingested = 20;
        stream.dropped = 23;
        let account = Account::new(100, &stream, 90, 7);
        assert_eq!(account.dropped, 3);
        assert_eq!(account.discrepancies, Vec::<String>::new());
    }

    #[test]
    fn a_document_that_opensearch_does_not_have() {
        let account = Account::new(100, &stream(), 89, 7);
        assert_eq!(account.unaccounted, 1);
        assert_eq!(
            account.discrepancies,
            ["OpenSearch took 90 documents, but counts 89", "1 of 100 events are unaccounted for"]
        );
    }

    #[test]
    fn a_document_that_came_out_twice() {
        let account = Account::new(100, &stream(), 91, 7);
        assert_eq!(account.unaccounted, -1);
        assert_eq!(
            account.discrepancies,
            [
                "OpenSearch took 90 documents, but counts 91",
                "1 more came out than the 100 that went in"
            ]
        );
    }

    #[test]
    fn a_backup_without_its_records() {
        let account = Account::new(100, &stream(), 90, 0);
        assert_eq!(
            account.discrepancies,
            [
                "7 records failed, but the backup's files hold 0",
                "7 of 100 events are unaccounted for"
            ]
        );
    }

    #[test]
    fn errors_that_cancel_out_are_seen() {
        let account = Account::new(100, &stream(), 91, 6);
        assert_eq!(account.unaccounted, 0);
        assert_eq!(account.discrepancies.len(), 2, "{:?}", account.discrepancies);
    }

    #[test]
    fn what_the_stream_still_holds() {
        let mut stream = stream();
        stream.put = 99;
        stream.unwritten = 2;
        stream.in_flight = 3;
        let account = Account::new(100, &stream, 90, 7);
        assert_eq!(
            account.discrepancies,
            [
                "100 events were sent, but the stream took 99",
                "2 failed records could not be written to the backup",
                "3 records are still on their way",
            ]
        );
    }
}
