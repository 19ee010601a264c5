//! Puts an event back into its source, with additional members.

use super::Event;
use super::mapping::{ARRIVAL, Mapping, REINGESTS};
use super::member::{Kind, Member};
use super::read::Found;
use crate::json::{self, Span};

impl Event<'_> {
    /// The number of times that this record was put back into its source: the highest count in a
    /// member [`REINGESTS`], 0 if there is none.
    #[must_use]
    pub fn reingests(&self) -> u32 {
        if self.envelope.is_none() {
            self.found.reingests(&self.model.mapping, self.text)
        } else {
            self.carried.reingests
        }
    }

    /// The payload to put back into the source: the event's text, or that of its envelope, with
    /// `reingests` as its count, if that is not 0. It contains the `arrival`, the JSON number that
    /// was the identity of the delivery, if the event's id depends on it.
    #[must_use]
    pub fn put_back(&self, reingests: u32, arrival: &[u8]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.text.len() + REINGESTS.len() + 64);
        if self.envelope.is_none() {
            let mapping = &self.model.mapping;
            self.found.original(mapping, self.text, |piece| payload.extend_from_slice(piece));
        } else {
            payload.extend_from_slice(self.envelope.text());
        }
        payload.pop();
        let last = payload.iter().rev().find(|byte| !byte.is_ascii_whitespace());
        let mut comma = if last == Some(&b'{') { "" } else { "," };
        let arrival = self.identity(arrival);
        if !arrival.is_empty() && !self.has_id() {
            payload.extend_from_slice(format!("{comma}\"{ARRIVAL}\":").as_bytes());
            payload.extend_from_slice(arrival);
            comma = ",";
        }
        if reingests > 0 {
            payload.extend_from_slice(format!("{comma}\"{REINGESTS}\":{reingests}").as_bytes());
        }
        payload.push(b'}');
        payload
    }

    /// What the derived id depends on in addition to the text: `given`, or the arrival in a record
    /// that was put back.
    pub(super) fn identity<'b>(&'b self, given: &'b [u8]) -> &'b [u8] {
        let carried = if self.envelope.is_none() {
            self.found.arrival(&self.model.mapping, self.text)
        } else {
            &self.carried.arrival
        };
        if carried.is_empty() { given } else { carried }
    }
}

impl Found {
    /// The text without the members that this model added when it put the event back.
    pub(super) fn original(&self, mapping: &Mapping, text: &[u8], mut piece: impl FnMut(&[u8])) {
        let mut position = 0;
        for member in self.own(mapping) {
            let (key, value) = (member.key().start, member.value());
            let before = text[..key].trim_ascii_end();
            let first = before.ends_with(b"{") || before.len() <= position;
            let cut = if first {
                // The first member goes with the comma after it.
                let after = text[value.end..].trim_ascii_start();
                let after = after
                    .strip_prefix(b",")
                    .map_or(&text[value.end..], |after| after.trim_ascii_start());
                Span { start: key, end: text.len() - after.len() }
            } else {
                Span { start: before.len() - 1, end: value.end }
            };
            piece(&text[position..cut.start]);
            position = cut.end;
        }
        piece(&text[position..]);
    }

    /// The members that this model adds, including replaced ones.
    pub(super) fn own(&self, mapping: &Mapping) -> impl Iterator<Item = &Member> {
        let any = self.named(mapping.reingests).or(self.named(mapping.arrival)).is_some();
        let members = if any { &self.members[..] } else { &[] };
        members.iter().filter(|member| member.name.is_own())
    }

    /// The highest count in the members [`REINGESTS`](super::REINGESTS).
    pub(super) fn reingests(&self, mapping: &Mapping, text: &[u8]) -> u32 {
        let counts = self.own(mapping).filter(|member| member.name == mapping.reingests);
        let count = |member: &Member| {
            let digits = std::str::from_utf8(member.value().of(text)).ok()?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
            // Only too many digits can still fail.
            Some(digits.parse().unwrap_or(u32::MAX))
        };
        counts.filter_map(count).max().unwrap_or(0)
    }

    /// The arrival in a record that was put back: a number, or nothing.
    pub(super) fn arrival<'a>(&self, mapping: &Mapping, text: &'a [u8]) -> &'a [u8] {
        let member = self.named(mapping.arrival).map(|index| self.members[index]);
        match member {
            Some(member) if member.kind == Kind::Scalar(json::Kind::Number) => {
                member.value().of(text)
            }
            _ => &[],
        }
    }
}
