//! The counts of one invocation.

use std::collections::BTreeMap;

use shared::opensearch::Findings;

use crate::outcome::Outcome;

/// The results, for the answer, the metrics and the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// By message.
    pub outcomes: Vec<Outcome>,
    /// Documents that are new in the index.
    pub indexed: u64,
    /// Documents that are in the index under an `_id` that an ingest pipeline chose: their number,
    /// and the first message.
    pub elsewhere: Option<(u64, usize)>,
    /// Documents that were in the index before: their number, and the first message.
    pub duplicate: Option<(u64, usize)>,
    /// Problems with events and with OpenSearch, with the first message of each kind.
    pub findings: Findings<usize>,
    /// Messages with S3's test of a notification: their number, and the first.
    pub test_events: Option<(u64, usize)>,
    /// Messages of CloudWatch Logs without log events: their number, and the first.
    pub no_log_events: Option<(u64, usize)>,
    /// Bulk requests sent.
    pub bulk_requests: u64,
    /// Their bodies before compression, in bytes.
    pub bulk_bytes: u64,
    /// Events that could not be sent to quarantine: their number by code, and SQS's message for the
    /// first.
    pub not_quarantined: BTreeMap<String, (u64, String)>,
}
