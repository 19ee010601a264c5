//! What one invocation did, counted while it works.

use std::collections::BTreeMap;

use shared::opensearch::Findings;

use crate::outcome::Outcome;

/// What was done, for the answer, the metrics and the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// By message.
    pub outcomes: Vec<Outcome>,
    /// Documents that are in the index and were not before.
    pub indexed: u64,
    /// Documents that are in the index under an `_id` that an ingest pipeline chose: how many, and
    /// the first message.
    pub elsewhere: Option<(u64, usize)>,
    /// Documents that were there before: how many, and the first message.
    pub duplicate: Option<(u64, usize)>,
    /// What is wrong with events and with OpenSearch; the message of the first of each kind.
    pub findings: Findings<usize>,
    /// Messages that hold S3's test of a notification: how many, and the first.
    pub test_events: Option<(u64, usize)>,
    /// Messages of CloudWatch Logs without log events: how many, and the first.
    pub no_log_events: Option<(u64, usize)>,
    /// Bulk requests sent.
    pub bulk_requests: u64,
    /// Their bodies before compression, in bytes.
    pub bulk_bytes: u64,
    /// What did not go to quarantine: how many by code, and what SQS said of the first.
    pub not_quarantined: BTreeMap<String, (u64, String)>,
}
