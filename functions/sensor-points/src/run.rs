//! The outcome of one invocation, record by record, from which the answer, the metrics and the log
//! lines are made, so that they cannot disagree.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem;

use shared::event::Reason;

use crate::batch::At;
use crate::kinesis::Record;
use crate::outcome::Retry;

/// Maximum number of refused readings of a record that go to quarantine one by one; if there are
/// more, the whole record goes there. A record can contain hundreds of thousands.
pub(crate) const MAX_REFUSED_ALONE: usize = 1_000;

/// The outcomes of the readings of one record.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) points: u64,
    pub(crate) dropped: u64,
    pub(crate) fallbacks: u64,
    /// By reason.
    pub(crate) refused: BTreeMap<Cow<'static, str>, u64>,
}

impl Tally {
    pub(crate) fn refused(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// A reading that can never become a point.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) at: At,
    pub(crate) reason: Reason,
}

/// The outcome of one invocation.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// By record.
    pub(crate) tallies: Vec<Tally>,
    /// Readings that are not in quarantine yet: at most [`MAX_REFUSED_ALONE`] and one of each
    /// record.
    refused: Vec<Refused>,
    /// The first record that is redelivered, and why.
    pub(crate) retry: Option<(usize, Retry)>,
    /// Details of `retry`: the store's status, or what went wrong.
    pub(crate) said: String,
    pub(crate) write_requests: u64,
    pub(crate) write_bytes: u64,
    /// The longest time from a record's arrival to the confirmation of one of its readings, if
    /// there is one.
    pub(crate) stored_latency_ms: Option<u64>,
}

impl Run {
    pub(crate) fn new(records: usize) -> Self {
        let tallies = std::iter::repeat_with(Tally::default).take(records).collect();
        Self { tallies, ..Self::default() }
    }

    /// Notes that these readings are stored.
    pub(crate) fn stored(
        &mut self,
        records: &[Record<'_>],
        readings: impl Iterator<Item = At>,
        now_ms: u64,
    ) {
        for At { record, .. } in readings {
            self.tallies[record].points += 1;
            if let Some(arrived) = records[record].arrived {
                let latency = now_ms.saturating_sub(arrived.milliseconds());
                self.stored_latency_ms = self.stored_latency_ms.max(Some(latency));
            }
        }
    }

    pub(crate) fn refuse(&mut self, at: At, reason: Reason) {
        let tally = &mut self.tallies[at.record];
        *tally.refused.entry(reason.code.clone()).or_default() += 1;
        if tally.refused() <= MAX_REFUSED_ALONE as u64 + 1 {
            self.refused.push(Refused { at, reason });
        }
    }

    /// Whether a record goes to quarantine as a whole, although not all its lines were written: it
    /// is the first one, so the next invocation would not get further, and the records after it would
    /// wait until they expire.
    pub(crate) fn is_given_up(&self, record: usize) -> bool {
        record == 0 && self.tallies[0].refused() > MAX_REFUSED_ALONE as u64
    }

    /// Refuses the remaining readings of a record that is given up; the records after it are
    /// redelivered.
    pub(crate) fn give_up(&mut self, readings: impl Iterator<Item = At>, record: usize) {
        let detail = "no time was left to find out which other readings the store rejects";
        for at in readings {
            let (code, detail) = (Cow::Borrowed("store_refused"), Cow::Borrowed(detail));
            self.refuse(at, Reason { code, detail, advice: "" });
        }
        if record + 1 < self.tallies.len() {
            self.stop_at(record + 1, Retry::Deadline, String::new());
        }
    }

    /// Whether the number of readings that wait for quarantine has reached its maximum.
    pub(crate) const fn has_many_refused(&self) -> bool {
        self.refused.len() > 5 * MAX_REFUSED_ALONE
    }

    /// Notes that this record and all later ones are redelivered.
    pub(crate) fn stop_at(&mut self, record: usize, retry: Retry, said: String) {
        if self.retry.is_none_or(|(first, _)| record < first) {
            (self.retry, self.said) = (Some((record, retry)), said);
        }
    }

    /// The number of records before the first that is redelivered.
    pub(crate) fn done(&self) -> usize {
        self.retry.map_or(self.tallies.len(), |(first, _)| first)
    }

    /// Takes the refused readings of the records before this one, in order. Those of later records
    /// would be in quarantine twice.
    pub(crate) fn take_refused(&mut self, before: usize) -> Vec<Refused> {
        self.refused.sort_unstable_by_key(|refused| refused.at);
        let end = self.refused.partition_point(|refused| refused.at.record < before);
        let later = self.refused.split_off(end);
        mem::replace(&mut self.refused, later)
    }
}
