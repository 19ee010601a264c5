//! What one invocation did, counted while it works.

use std::collections::BTreeMap;

use shared::opensearch::Trouble;

use crate::outcome::Outcome;

/// Maximum number of different troubles in the log.
pub(crate) const MAX_TROUBLES: usize = 8;

/// Maximum number of different reasons of refusal; the rest are counted as `other`.
const MAX_CODES: usize = 32;

/// Events refused for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusals {
    /// How many.
    pub count: u64,
    /// The message of the first.
    pub first: usize,
    /// What to do, for the log; empty where there is nothing to say.
    pub advice: &'static str,
}

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
    /// Events refused by the model or by OpenSearch, by code.
    pub refused: BTreeMap<String, Refusals>,
    /// Messages that hold S3's test of a notification: how many, and the first.
    pub test_events: Option<(u64, usize)>,
    /// Messages of CloudWatch Logs without log events: how many, and the first.
    pub no_log_events: Option<(u64, usize)>,
    /// Bulk requests sent.
    pub bulk_requests: u64,
    /// Their bodies before compression, in bytes.
    pub bulk_bytes: u64,
    /// What is wrong with OpenSearch.
    pub troubles: Vec<Trouble>,
    /// What did not go to quarantine: how many by code, and what SQS said of the first.
    pub not_quarantined: BTreeMap<String, (u64, String)>,
}

impl Report {
    /// Counts a refused event by its code. OpenSearch chooses its error types, but cannot fill the log
    /// with them.
    pub(crate) fn count_refused(&mut self, code: &str, message: usize, advice: &'static str) {
        let codes = &mut self.refused;
        let code = if codes.len() < MAX_CODES || codes.contains_key(code) { code } else { "other" };
        match codes.get_mut(code) {
            Some(refusals) => refusals.count += 1,
            None => {
                codes.insert(code.to_owned(), Refusals { count: 1, first: message, advice });
            }
        }
    }

    /// Notes what is wrong with OpenSearch, once.
    pub(crate) fn note(&mut self, trouble: Trouble) {
        if self.troubles.len() < MAX_TROUBLES && !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }
}
