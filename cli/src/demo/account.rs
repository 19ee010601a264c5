//! Accounts for every event of the Firehose pipeline.

use local::firehose;
use serde::Serialize;

/// Number of events by where they are, from different sources: events from the sender, documents
/// from OpenSearch, the backup from its files. Only dropped records are known from the function's
/// answers alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    pub(super) events_in: u64,
    pub(super) documents: u64,
    /// Records that the function dropped and did not put back.
    pub(super) dropped: u64,
    pub(super) in_backup: u64,
    /// Events that are missing; negative if events came out twice.
    pub(super) unaccounted: i128,
    /// Differences between the sources.
    pub(super) discrepancies: Vec<String>,
}

impl Account {
    /// Compares the stream's counts with OpenSearch and the backup.
    pub(super) fn new(
        events_in: u64,
        stream: &firehose::Report,
        documents: u64,
        in_backup: u64,
    ) -> Self {
        let firehose::Report { put, delivered, unwritten, in_flight, .. } = stream;
        let failed = stream.processing_failed + stream.invocation_failed + stream.delivery_failed;
        // A record that was put back is answered `Dropped`, and received again.
        let dropped = stream.dropped.saturating_sub(stream.reingested);
        let unaccounted = unaccounted(events_in, &[documents, dropped, in_backup]);
        // One comparison alone could hide errors that cancel out.
        let comparisons = [
            (events_in == *put, format!("{events_in} events were sent, but the stream took {put}")),
            (
                documents == *delivered,
                format!("OpenSearch took {delivered} documents, but counts {documents}"),
            ),
            (
                in_backup == failed,
                format!("{failed} records failed, but the backup has {in_backup}"),
            ),
            (*unwritten == 0, format!("failed to write {unwritten} records to the backup")),
            (*in_flight == 0, format!("{in_flight} records are still in flight")),
            balance(unaccounted, events_in, "events"),
        ];
        let discrepancies = discrepancies(comparisons);
        Self { events_in, documents, dropped, in_backup, unaccounted, discrepancies }
    }
}

/// Returns the part of `total` that is not in any of the places.
pub(super) fn unaccounted(total: u64, places: &[u64]) -> i128 {
    i128::from(total) - places.iter().copied().map(i128::from).sum::<i128>()
}

/// Compares the number of events that came in with those that were found.
pub(super) fn balance(unaccounted: i128, total: u64, unit: &str) -> (bool, String) {
    let text = if unaccounted > 0 {
        format!("{unaccounted} of {total} {unit} are unaccounted for")
    } else {
        format!("{} more {unit} came out than the {total} that were sent", -unaccounted)
    };
    (unaccounted == 0, text)
}

/// Returns the texts of failed comparisons.
pub(super) fn discrepancies(comparisons: impl IntoIterator<Item = (bool, String)>) -> Vec<String> {
    comparisons.into_iter().filter_map(|(holds, text)| (!holds).then_some(text)).collect()
}

/// Returns the end of a report's last line.
pub(super) fn conclusion(unaccounted: i128, unit: &str) -> String {
    match unaccounted {
        0 => format!("every {unit} is accounted for."),
        missing if missing > 0 => format!("{missing} unaccounted for."),
        more => format!("{} too many.", -more),
    }
}

#[cfg(test)]
mod tests {
    use super::Account;
    use local::firehose::Report;

    #[test]
    fn every_discrepancy_is_reported() {
        type Change = fn(&mut Report);
        let none: Change = |_| ();
        let cases: [(Change, u64, u64, i128, &[&str]); 7] = [
            (none, 90, 7, 0, &[]),
            // Records that were put back are not dropped.
            (|stream| (stream.reingested, stream.dropped) = (20, 23), 90, 7, 0, &[]),
            (
                none,
                89,
                7,
                1,
                &[
                    "OpenSearch took 90 documents, but counts 89",
                    "1 of 100 events are unaccounted for",
                ],
            ),
            (
                none,
                91,
                7,
                -1,
                &[
                    "OpenSearch took 90 documents, but counts 91",
                    "1 more events came out than the 100 that were sent",
                ],
            ),
            (
                none,
                90,
                0,
                7,
                &["7 records failed, but the backup has 0", "7 of 100 events are unaccounted for"],
            ),
            // Errors that cancel out.
            (
                none,
                91,
                6,
                0,
                &[
                    "OpenSearch took 90 documents, but counts 91",
                    "7 records failed, but the backup has 6",
                ],
            ),
            (
                |stream| (stream.put, stream.unwritten, stream.in_flight) = (99, 2, 3),
                90,
                7,
                0,
                &[
                    "100 events were sent, but the stream took 99",
                    "failed to write 2 records to the backup",
                    "3 records are still in flight",
                ],
            ),
        ];
        for (change, documents, in_backup, unaccounted, discrepancies) in cases {
            let mut stream = Report::default();
            (stream.put, stream.delivered, stream.dropped) = (100, 90, 3);
            stream.processing_failed = 5;
            (stream.invocation_failed, stream.delivery_failed) = (1, 1);
            change(&mut stream);
            let account = Account::new(100, &stream, documents, in_backup);
            assert_eq!(account.discrepancies, discrepancies);
            assert_eq!((account.dropped, account.unaccounted), (3, unaccounted));
        }
    }
}
