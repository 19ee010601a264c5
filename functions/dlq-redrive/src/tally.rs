//! The counts of a run, from which the answer, the metrics and the log are made.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::sqs::Failure;

use crate::message::Message;

/// Maximum number of names that are counted separately: messages can name any reason.
const MAX_NAMES: usize = 100;

/// Maximum length of a name, in characters; longer names are cut.
const MAX_NAME_CHARACTERS: usize = 256;

/// The name of messages without one.
const UNKNOWN: &str = "unknown";

/// The name of messages beyond [`MAX_NAMES`].
const OTHER: &str = "other";

/// Maximum number of ids that are reported as samples.
const MAX_SAMPLES: usize = 10;

/// The number of messages by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Names(BTreeMap<String, u64>);

impl Names {
    /// Counts a message.
    pub fn add(&mut self, name: Option<&str>) {
        let name: String = name.unwrap_or(UNKNOWN).chars().take(MAX_NAME_CHARACTERS).collect();
        let is_full = self.0.len() >= MAX_NAMES && !self.0.contains_key(&name);
        *self.0.entry(if is_full { OTHER.to_owned() } else { name }).or_default() += 1;
    }

    /// The names with their numbers of messages.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (name.as_str(), *count))
    }
}

/// The result of a message that was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was moved to its destination.
    Moved,
    /// It was moved to the parking queue.
    Parked,
    /// It does not match, and stays.
    Unmatched,
    /// It matches, and stays: redriven too often, or without a known destination.
    Left,
    /// It matches, and stays: sending or deleting it failed.
    Failed {
        /// `send` or `delete`.
        step: &'static str,
        /// The error that SQS returned.
        failure: Failure,
    },
}

/// Why a run stopped early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the README describes them")]
pub enum Stopped {
    Deadline,
    Interrupted,
    Canary,
    ReceiveFailed,
    UnhealthyEndpoint,
    GroupBlocked,
}

/// The counts of a run. `scanned` is always the sum of the fates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the README describes them")]
pub struct Tally {
    pub scanned: u64,
    pub matched: u64,
    pub moved: u64,
    pub parked: u64,
    pub skipped: u64,
    pub failed: u64,
    pub reasons: Names,
    /// Details of the messages that match.
    pub survey: Survey,
    /// When the oldest message was sent, in milliseconds since 1970.
    pub oldest_sent_ms: Option<u64>,
    /// Failures by step and code: number, and error text and message id of the first.
    pub failures: BTreeMap<(&'static str, String), (u64, String, String)>,
    pub stopped: Option<Stopped>,
    pub receive_failure: Option<Failure>,
}

impl Tally {
    /// Counts a message that was examined.
    pub fn settle(&mut self, message: &Message, fate: Fate, now_ms: u64) {
        self.scanned += 1;
        self.reasons.add(message.reason());
        self.oldest_sent_ms = [self.oldest_sent_ms, message.sent_ms].into_iter().flatten().min();
        if fate == Fate::Unmatched {
            self.skipped += 1;
            return;
        }
        self.matched += 1;
        self.survey.add(message, now_ms);
        match fate {
            Fate::Moved => self.moved += 1,
            Fate::Parked => self.parked += 1,
            Fate::Left | Fate::Unmatched => self.skipped += 1,
            Fate::Failed { step, failure: Failure { code, message: text } } => {
                self.failed += 1;
                let first = || (0, text, message.id.clone());
                self.failures.entry((step, code)).or_insert_with(first).0 += 1;
            }
        }
    }
}

/// Details of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the README describes them")]
pub struct Survey {
    pub reasons: Names,
    pub sources: Names,
    pub ages: Ages,
    pub samples: Vec<String>,
}

impl Survey {
    fn add(&mut self, message: &Message, now_ms: u64) {
        self.reasons.add(message.reason());
        self.sources.add(message.source_arn());
        self.ages.add(message.sent_ms.map(|sent_ms| now_ms.saturating_sub(sent_ms) / 1_000));
        if self.samples.len() < MAX_SAMPLES {
            self.samples.push(message.id.clone());
        }
    }
}

/// The age of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the README describes them")]
pub struct Ages {
    pub oldest_seconds: Option<u64>,
    pub youngest_seconds: Option<u64>,
    /// Up to one hour.
    pub hour: u64,
    /// Up to one day, and more than one hour.
    pub day: u64,
    /// Up to one week, and more than one day.
    pub week: u64,
    /// More than one week.
    pub older: u64,
}

impl Ages {
    fn add(&mut self, seconds: Option<u64>) {
        let Some(seconds) = seconds else { return };
        self.oldest_seconds = self.oldest_seconds.max(Some(seconds));
        let youngest = self.youngest_seconds.map_or(seconds, |youngest| youngest.min(seconds));
        self.youngest_seconds = Some(youngest);
        match seconds {
            0..=3_600 => self.hour += 1,
            3_601..=86_400 => self.day += 1,
            86_401..=604_800 => self.week += 1,
            _ => self.older += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::sqs::attributes::REASON;
    use shared::sqs::{Attribute, AttributeValue};

    fn message(reason: &str, sent_ms: u64) -> Message {
        let value = AttributeValue::Text(reason.to_owned());
        let reason = Attribute { data_type: "String".to_owned(), value };
        Message {
            id: format!("id-{sent_ms}"),
            attributes: [(REASON.to_owned(), reason)].into(),
            sent_ms: Some(sent_ms),
            ..Message::default()
        }
    }

    #[test]
    fn every_message_is_counted_once() {
        let mut tally = Tally::default();
        let failed = |code: &str| Fate::Failed { step: "send", failure: Failure::new(code, "x") };
        let fates = [
            Fate::Moved,
            Fate::Moved,
            Fate::Parked,
            Fate::Unmatched,
            Fate::Left,
            failed("a"),
            failed("b"),
            failed("a"),
        ];
        for (sent_ms, fate) in (5..).zip(fates) {
            tally.settle(&message("timeout", sent_ms), fate, 10_000);
        }
        tally.settle(&Message::default(), Fate::Moved, 10_000);
        let Tally { scanned, matched, moved, parked, skipped, failed, .. } = tally;
        assert_eq!((scanned, matched, moved, parked, skipped, failed), (9, 8, 3, 1, 2, 3));
        assert_eq!(scanned, moved + parked + skipped + failed);
        let reasons = serde_json::to_string(&tally.reasons).unwrap();
        assert_eq!(reasons, r#"{"timeout":8,"unknown":1}"#);
        assert_eq!(tally.oldest_sent_ms, Some(5));
        assert_eq!(tally.survey.samples.len(), 8);
        assert_eq!(tally.failures[&("send", "a".to_owned())], (2, "x".into(), "id-10".into()));
    }

    #[test]
    fn names_are_bounded() {
        let mut names = Names::default();
        for index in 0..200 {
            names.add(Some(&format!("reason-{index}")));
            names.add(Some("reason-0"));
        }
        assert_eq!(names.0.len(), 101);
        assert_eq!((names.0["reason-0"], names.0["other"]), (201, 100));
        let mut names = Names::default();
        names.add(Some(&"é".repeat(1_000)));
        assert_eq!(names.0.into_keys().next().unwrap(), "é".repeat(256));
    }

    #[test]
    fn ages_have_classes() {
        let mut ages = Ages::default();
        let seconds = [0, 3_600, 3_601, 86_400, 86_401, 604_800, 604_801, u64::MAX];
        for seconds in seconds.map(Some).into_iter().chain([None]) {
            ages.add(seconds);
        }
        assert_eq!((ages.hour, ages.day, ages.week, ages.older), (2, 2, 2, 2));
        assert_eq!((ages.youngest_seconds, ages.oldest_seconds), (Some(0), Some(u64::MAX)));
    }
}
