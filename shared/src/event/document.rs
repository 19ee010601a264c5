//! Writes documents. A mapped one has the claimed values first, each copied as written, then the
//! rest under `extra`.

use super::mapping::{ACTION, ID, NameId, Role};
use super::member::{Kind, Member};
use super::read::{self, Found};
use super::timestamp::{self, Timestamp};
use super::values::Places;
use super::{Arrival, Event, TimestampSource, Written};
use crate::json::{self, Span};

/// The form of a document: `DOCUMENT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DocumentForm {
    /// The fields of the mapping, and the rest under `extra`.
    #[default]
    Mapped,
    /// The unchanged event, with `@timestamp`.
    Passthrough,
}

impl DocumentForm {
    /// The values of `DOCUMENT`, for messages.
    pub const ALLOWED: &'static str = "mapped or passthrough";

    /// Reads a value of `DOCUMENT`.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        match value {
            "mapped" => Some(Self::Mapped),
            "passthrough" => Some(Self::Passthrough),
            _ => None,
        }
    }
}

impl<'a> Event<'a> {
    /// Appends the document, one line without its newline, and returns its time and id.
    pub fn write_document(&mut self, arrival: &Arrival<'a>, out: &mut Vec<u8>) -> Written {
        self.known_by = arrival.identity;
        let (timestamp, timestamp_source, member) = self.time(arrival.time, arrival.now);
        out.extend_from_slice(b"{\"@timestamp\":\"");
        timestamp.write(out);
        let (id, own_id) = match self.model.form {
            DocumentForm::Mapped => {
                if let Some(index) = member {
                    self.found.members[index].gone = true;
                }
                let (id, own_id) = self.write_fields(timestamp, timestamp_source, arrival.now, out);
                (Some(id), own_id)
            }
            DocumentForm::Passthrough => {
                out.push(b'"');
                self.write_members(member, out);
                (None, self.has_id())
            }
        };
        out.push(b'}');
        Written { timestamp, timestamp_source, id, own_id }
    }

    /// Writes everything after the time of a mapped document. Returns the span of `event.id`, and
    /// whether it is not derived.
    fn write_fields(
        &mut self,
        time: Timestamp,
        source: TimestampSource,
        now: Timestamp,
        out: &mut Vec<u8>,
    ) -> (Span, bool) {
        out.extend_from_slice(b"\",\"event\":{\"id\":\"");
        let start = out.len();
        let own = self.claim(ID);
        let own_id = self.write_id(own, out);
        let id = Span { start, end: out.len() };
        if let Some(action) = self.claim(ACTION) {
            out.extend_from_slice(b"\",\"action\":");
            self.copy(action.value(), out);
            out.extend_from_slice(b",\"ingested\":\"");
        } else {
            out.extend_from_slice(b"\",\"ingested\":\"");
        }
        out.extend_from_slice(self.found.ingested.text(now));
        out.push(b'"');
        out.extend_from_slice(match source {
            TimestampSource::Event => b"",
            TimestampSource::Arrival => b",\"timestamp_source\":\"arrival\"".as_slice(),
            TimestampSource::Now => b",\"timestamp_source\":\"now\"",
        });
        out.push(b'}');
        if !self.envelope.is_none() {
            out.extend_from_slice(b",\"envelope\":");
            out.extend_from_slice(self.envelope.group());
        }
        let durations = self.write_groups(out);
        self.write_analytics(time, durations, out);
        self.write_extra(out);
        (id, own_id)
    }

    /// The event's time, if it is plausible: its own, else its envelope's, else its arrival; else
    /// now. Also returns the member that it was read from, if it is the event's own.
    pub(super) fn time(
        &mut self,
        arrived: Option<Timestamp>,
        now: Timestamp,
    ) -> (Timestamp, TimestampSource, Option<usize>) {
        let plausible = |time: &Timestamp| self.model.plausible.holds(*time, now);
        for name in &self.model.mapping.timestamps {
            let Some(index) = self.found.named(*name) else {
                continue;
            };
            let Found { members, unescaped, .. } = &mut *self.found;
            let member = &members[index];
            let Kind::Scalar(kind) = member.kind else {
                continue;
            };
            let time =
                timestamp::parse(kind, member.value().of(self.text), unescaped).filter(plausible);
            if let Some(time) = time {
                return (time, TimestampSource::Event, Some(index));
            }
        }
        if !self.envelope.is_none() {
            let read = |time: &[u8]| timestamp::read(time, &mut Vec::new()).filter(plausible);
            if let Some(time) = self.envelope.times().find_map(read) {
                return (time, TimestampSource::Event, None);
            }
        }
        match arrived.filter(plausible) {
            Some(time) => (time, TimestampSource::Arrival, None),
            None => (now, TimestampSource::Now, None),
        }
    }

    /// Returns the member that the field takes, which is then no longer part of `extra`.
    #[inline]
    fn claim(&mut self, field: u16) -> Option<Member> {
        let index = self.found.claimed(field)?;
        let member = &mut self.found.members[index];
        member.gone = true;
        Some(*member)
    }

    /// Writes the mapped groups; returns the values of `song.duration_ms` and
    /// `interaction.listened_ms` if they are numbers.
    fn write_groups(&mut self, out: &mut Vec<u8>) -> [Option<Span>; 2] {
        let mut durations = [None; 2];
        let model = self.model;
        for group in &model.mapping.groups {
            let mut open = false;
            for field in &group.fields {
                let Some(member) = self.claim(field.number) else {
                    continue;
                };
                let value = member.value();
                let number = member.kind == Kind::Scalar(json::Kind::Number);
                match field.role {
                    Role::Duration if number => durations[0] = Some(value),
                    Role::Listened if number => durations[1] = Some(value),
                    _ => {}
                }
                let before = if open { &field.next } else { &field.first };
                open = true;
                out.extend_from_slice(before.as_bytes());
                self.copy(value, out);
            }
            if open {
                out.push(b'}');
            }
        }
        durations
    }

    fn write_analytics(
        &mut self,
        time: Timestamp,
        durations: [Option<Span>; 2],
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b",\"analytics\":{");
        let [duration, listened] = durations.map(|number| float(number?.of(self.text)));
        let mut completion = Span::default();
        if let Some(share) =
            listened.zip(duration).and_then(|(part, whole)| completion_of(part, whole))
        {
            out.extend_from_slice(b"\"completion\":");
            completion.start = out.len();
            write_ten_thousandths(share, out);
            completion.end = out.len();
            out.push(b',');
        }
        out.extend_from_slice(b"\"hour\":");
        let hour = out.len();
        write_small(time.hour(), out);
        let hour = Span { start: hour, end: out.len() };
        out.extend_from_slice(b",\"weekday\":");
        let weekday = out.len();
        write_small(time.weekday(), out);
        let weekday = Span { start: weekday, end: out.len() };
        out.push(b'}');
        self.found.places =
            Places { analytics: [completion, hour, weekday], after_analytics: out.len() };
    }

    fn write_extra(&self, out: &mut Vec<u8>) {
        const OPEN: &[u8] = b",\"extra\":{";
        let start = out.len();
        out.extend_from_slice(OPEN);
        let Found { members, long_path, .. } = &*self.found;
        let mut index = 0;
        while let Some(member) = members.get(index) {
            // Most members are gone: claimed by a field.
            if !member.gone {
                self.write_extra_member(index, out);
            }
            index = member.end();
        }
        if out.len() == start + OPEN.len() {
            out.truncate(start);
            return;
        }
        out.push(b'}');
        let extra = &out[start + OPEN.len() - 1..];
        if extra.len() > self.model.extra_max_bytes || *long_path && read::has_long_path(extra) {
            let name = start + 2..start + 2 + b"extra".len();
            out.splice(name, *b"overflow");
        }
    }

    /// Writes a member of `extra` as written: for a group, the members that are not claimed; for a
    /// member that `extra` omits, nothing.
    fn write_extra_member(&self, index: usize, out: &mut Vec<u8>) {
        let member = &self.found.members[index];
        if member.name != NameId::NONE && self.is_left_out(member) {
            return;
        }
        let before = out.len();
        if out.last() != Some(&b'{') {
            out.push(b',');
        }
        let (key, value) = (member.key(), member.value());
        if member.kind != Kind::Group {
            if value.start == key.end + 1 {
                // There is only the colon between them.
                self.copy(Span { start: key.start, end: value.end }, out);
            } else {
                out.extend_from_slice(key.of(self.text));
                out.push(b':');
                self.copy(value, out);
            }
            return;
        }
        out.extend_from_slice(key.of(self.text));
        out.extend_from_slice(b":{");
        let empty = out.len();
        for inside in index + 1..member.end() {
            if !self.found.members[inside].gone {
                self.write_extra_member(inside, out);
            }
        }
        if out.len() == empty {
            out.truncate(before);
        } else {
            out.push(b'}');
        }
    }

    /// Whether `extra` omits a member with a name although it is not claimed.
    fn is_left_out(&self, member: &Member) -> bool {
        let mapping = &self.model.mapping;
        member.name.is_own()
            || member.kind == Kind::Scalar(json::Kind::Null)
                && mapping.names.get(member.name).mapped
    }

    /// Copies a value without the cuts.
    #[inline]
    pub(super) fn copy(&self, value: Span, out: &mut Vec<u8>) {
        let mut position = value.start;
        if !self.found.cuts.is_empty() {
            let first = self.found.cuts.partition_point(|cut| cut.start < value.start);
            for cut in self.found.cuts[first..].iter().take_while(|cut| cut.start < value.end) {
                if cut.start > position {
                    out.extend_from_slice(&self.text[position..cut.start]);
                }
                position = position.max(cut.end);
            }
        }
        out.extend_from_slice(&self.text[position..value.end]);
    }
}

/// The value of a number as JSON writes it.
pub(crate) fn float(number: &[u8]) -> Option<f64> {
    // Nearly all numbers are small integers.
    match timestamp::whole(number).map(u32::try_from) {
        Some(Ok(whole)) => Some(f64::from(whole)),
        _ => std::str::from_utf8(number).ok()?.parse().ok(),
    }
}

/// The share of `part` in `whole` in ten-thousandths, from 0 to 10,000.
fn completion_of(part: f64, whole: f64) -> Option<u16> {
    let share = (part / whole).clamp(0.0, 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is between 0 and 1, never NaN here"
    )]
    (whole > 0.0 && !share.is_nan()).then(|| (share * 10_000.0).round() as u16)
}

fn write_ten_thousandths(share: u16, out: &mut Vec<u8>) {
    if share == 10_000 {
        out.push(b'1');
        return;
    }
    out.push(b'0');
    let mut rest = share;
    let mut tens = 1_000;
    while rest > 0 {
        if tens == 1_000 {
            out.push(b'.');
        }
        write_small(u64::from(rest / tens), out);
        rest %= tens;
        tens /= 10;
    }
}

/// Writes a number below 100.
fn write_small(number: u64, out: &mut Vec<u8>) {
    let digits = number.to_le_bytes()[0];
    if digits >= 10 {
        out.push(b'0' + digits / 10);
    }
    out.push(b'0' + digits % 10);
}
