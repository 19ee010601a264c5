//! The messages that were sent, and where each of them must be in the end.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

/// Number of messages that a discrepancy names.
const SHOWN: usize = 3;

/// The required fate of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// One document.
    Document,
    /// It is stored with refused messages: in a quarantine queue or in the bucket of failures.
    Refused,
    /// It is in the parking queue: it neither becomes a document nor fits into quarantine.
    Parked,
}

/// The messages that were sent, by id.
#[derive(Debug, Default)]
pub(crate) struct Books {
    sent: BTreeMap<String, Fate>,
}

/// Where messages were found in the end, by id; once for each copy.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) places: Vec<(String, Fate)>,
}

/// The result of comparing the messages that were sent and found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Closed {
    /// Number of messages that were sent, by pipeline and fate.
    pub(crate) sent: BTreeMap<(String, Fate), u64>,
    /// Additional copies of refused or parked messages. A message that is redelivered may be
    /// refused again; a document never exists twice.
    pub(crate) copies: u64,
    pub(crate) discrepancies: Vec<String>,
}

impl Books {
    /// Adds a message, whose id is `soak-PIPELINE-NUMBER`.
    pub(crate) fn enter(&mut self, id: String, fate: Fate) {
        self.sent.insert(id, fate);
    }

    /// Number of messages that were sent.
    pub(crate) fn sent(&self) -> usize {
        self.sent.len()
    }

    /// Compares the messages that were found with those that were sent.
    pub(crate) fn close(&self, found: &Found) -> Closed {
        let mut closed = Closed::default();
        let mut places: BTreeMap<&str, BTreeMap<Fate, u64>> = BTreeMap::new();
        for (id, place) in &found.places {
            *places.entry(id).or_default().entry(*place).or_default() += 1;
        }
        let mut wrong: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (id, fate) in &self.sent {
            *closed.sent.entry((pipeline(id).to_owned(), *fate)).or_default() += 1;
            let places = places.remove(id.as_str()).unwrap_or_default();
            let times = places.get(fate).copied().unwrap_or_default();
            let elsewhere = places.keys().find(|place| *place != fate);
            if times == 0 && elsewhere.is_none() {
                wrong.entry("lost".to_owned()).or_default().push(id);
            }
            if times > 1 && *fate == Fate::Document {
                wrong.entry("documents more than once".to_owned()).or_default().push(id);
            } else if times > 1 {
                closed.copies += times - 1;
            }
            if let Some(elsewhere) = elsewhere {
                let what = format!("{elsewhere}, but must be {fate}");
                wrong.entry(what).or_default().push(id);
            }
        }
        wrong.entry("found, but were never sent".to_owned()).or_default().extend(places.keys());
        for (what, ids) in wrong.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            let shown = ids[..ids.len().min(SHOWN)].join(", ");
            closed.discrepancies.push(format!("{} messages are {what}: {shown}", ids.len()));
        }
        closed
    }
}

/// The pipeline of an id.
fn pipeline(id: &str) -> &str {
    id.split('-').nth(1).unwrap_or_default()
}

impl Display for Fate {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Document => "documents",
            Self::Refused => "refused",
            Self::Parked => "parked",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_in_which_books_do_not_close() {
        type Case = (&'static str, &'static [(&'static str, Fate)], u64, &'static [&'static str]);
        use Fate::{Document, Parked, Refused};
        const SENT: [(&str, Fate); 4] = [
            ("soak-queue-1", Document),
            ("soak-queue-2", Document),
            ("soak-queue-3", Refused),
            ("soak-objects-4", Parked),
        ];
        let mut books = Books::default();
        for (id, fate) in SENT {
            books.enter(id.to_owned(), fate);
        }
        let close = |without: &str, more: &[(&str, Fate)]| {
            let kept = SENT.iter().filter(|(id, _)| *id != without).chain(more);
            let places = kept.map(|(id, fate)| ((*id).to_owned(), *fate)).collect();
            books.close(&Found { places })
        };
        let cases: [Case; 6] = [
            ("", &[], 0, &[]),
            // A redelivered message may be refused and parked again.
            ("", &[("soak-queue-3", Refused), ("soak-objects-4", Parked)], 2, &[]),
            ("soak-queue-1", &[], 0, &["1 messages are lost: soak-queue-1"]),
            (
                "",
                &[("soak-queue-2", Document)],
                0,
                &["1 messages are documents more than once: soak-queue-2"],
            ),
            (
                "soak-queue-1",
                &[("soak-queue-1", Refused), ("soak-queue-2", Refused), ("soak-queue-3", Document)],
                0,
                &[
                    "1 messages are documents, but must be refused: soak-queue-3",
                    "2 messages are refused, but must be documents: soak-queue-1, soak-queue-2",
                ],
            ),
            (
                "",
                &[("soak-queue-9", Document)],
                0,
                &["1 messages are found, but were never sent: soak-queue-9"],
            ),
        ];
        for (without, more, copies, discrepancies) in cases {
            let closed = close(without, more);
            assert_eq!(closed.discrepancies, discrepancies);
            assert_eq!(closed.copies, copies);
            let queue = ("queue".to_owned(), Document);
            assert_eq!(closed.sent[&queue], 2);
        }
    }
}
