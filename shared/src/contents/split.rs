//! Finds where each event of a text starts and ends.
//!
//! An unreadable part does not affect its neighbours: it becomes a separate event, which the event
//! model refuses.

mod array;

use std::ops::{Deref, DerefMut};

use crate::envelope::holds_object;
use crate::json::{Extent, Span};
use array::{broken_array, elements};
use memchr::memchr;

/// The positions of events, up to a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Events {
    places: Vec<Span>,
    /// Maximum number of positions; `None` means no limit.
    limit: Option<usize>,
}

impl Events {
    pub(super) const fn up_to(limit: Option<usize>) -> Self {
        Self { places: Vec::new(), limit }
    }

    pub(super) fn push(&mut self, place: Span) {
        if self.limit.is_none_or(|limit| self.places.len() < limit) {
            self.places.push(place);
        }
    }

    fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.places.len() >= limit)
    }
}

impl Deref for Events {
    type Target = Vec<Span>;

    fn deref(&self) -> &Vec<Span> {
        &self.places
    }
}

impl DerefMut for Events {
    fn deref_mut(&mut self) -> &mut Vec<Span> {
        &mut self.places
    }
}

/// Finds the events in a trimmed text that is probably valid, reading as little of it as possible:
/// if the model refuses one of the events, [`again`] finds the right ones.
pub(super) fn quickly(text: &[u8], inside: Span, events: &mut Events) {
    let content = inside.of(text);
    if content.is_empty() {
        return;
    }
    if content[0] == b'[' {
        if !elements(content, inside.start, events) {
            carefully(text, inside, events);
        }
    } else if memchr(b'\n', content).is_none() || is_one_value(content) {
        events.push(inside);
    } else if content
        .split(|byte| *byte == b'\n')
        .next()
        .is_some_and(|first| is_one_value(trim(first)))
    {
        for line in lines(text, inside) {
            events.push(line);
        }
    } else {
        carefully(text, inside, events);
    }
}

/// Finds the events again after one of those that [`quickly`] found was refused. Those before it
/// stay the same: they are documents already, and an event is identified by its position. `found`
/// is a buffer.
pub(super) fn again(text: &[u8], inside: Span, events: &mut Events, found: &mut Vec<Span>) {
    events.clear();
    quickly(text, inside, events);
    found.clone_from(&events.places);
    carefully(text, inside, events);
    if !agree(text, found, events) {
        events.places.clone_from(found);
    }
}

/// Whether `again` and `found` are the same up to an unreadable event.
fn agree(text: &[u8], found: &[Span], again: &[Span]) -> bool {
    let same = found.iter().zip(again).take_while(|(one, other)| one == other).count();
    found.get(same).is_none_or(|differs| !is_event(differs.of(text)))
}

/// Finds the events in any trimmed text.
fn carefully(text: &[u8], inside: Span, events: &mut Events) {
    events.clear();
    find(text, inside, events);
    if !events.is_full() && !are_all(text, inside, events) {
        events.clear();
        events.push(inside);
    }
}

/// Whether there are only separators outside the events.
fn are_all(text: &[u8], inside: Span, events: &[Span]) -> bool {
    let is_separator = |byte: &u8| is_white(*byte) || b",[]\xEF\xBB\xBF".contains(byte);
    let mut after = inside.start;
    let end = Span { start: inside.end, end: inside.end };
    events.iter().chain([&end]).all(|event| {
        let between = text.get(after..event.start);
        after = event.end;
        between.is_some_and(|between| between.iter().all(is_separator))
    })
}

fn find(text: &[u8], inside: Span, events: &mut Events) {
    let content = inside.of(text);
    let array = content.first() == Some(&b'[');
    if array && elements(content, inside.start, events) {
        return;
    }
    events.clear();
    if values(content, inside.start, events) {
        return;
    }
    events.clear();
    if array {
        if broken_array(text, inside, events) {
            return;
        }
        if count(text, events) == 0 {
            events.clear();
        }
    }
    // A line that belongs to something larger is usually indented.
    if content.split(|byte| *byte == b'\n').any(|line| leading_event(line).is_some()) {
        let mut by_line = Events::up_to(events.limit);
        for line in lines(text, inside) {
            let line = if array { element_of_a_line(text, line) } else { line };
            if line.length() > 0 {
                events_of_a_line(text, line, &mut by_line);
            }
        }
        if count(text, &by_line) > count(text, events) {
            *events = by_line;
        }
    }
    if events.is_empty() {
        leading_events(text, inside, events);
    }
}

/// The span without a byte order mark and surrounding white space.
pub(super) fn trimmed(text: &[u8], Span { start, end }: Span) -> Span {
    let bom = if text[start..end].starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let start = start + bom;
    let start = start + white_space(&text[start..end]);
    let last = text[start..end].iter().rposition(|byte| !is_white(*byte));
    Span { start, end: last.map_or(start, |last| start + last + 1) }
}

const fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The length of the white space at the start of `text`.
fn white_space(text: &[u8]) -> usize {
    text.iter().position(|byte| !is_white(*byte)).unwrap_or(text.len())
}

fn trim(text: &[u8]) -> &[u8] {
    trimmed(text, Span { start: 0, end: text.len() }).of(text)
}

/// The lines that are not blank.
fn lines(text: &[u8], inside: Span) -> impl Iterator<Item = Span> {
    let mut start = inside.start;
    inside.of(text).split(|byte| *byte == b'\n').filter_map(move |line| {
        let span = trimmed(text, Span { start, end: start + line.len() });
        start += line.len() + 1;
        (span.length() > 0).then_some(span)
    })
}

/// Adds consecutive values; returns `false` if there is something else.
fn values(content: &[u8], offset: usize, events: &mut Events) -> bool {
    let mut at = 0;
    while at < content.len() {
        let Some(length) = value_length(&content[at..]) else { return false };
        let end = at + length;
        let next = end + white_space(&content[end..]);
        // Numbers and words have no end mark.
        if next == end && next < content.len() && !matches!(content[at], b'{' | b'[' | b'"') {
            return false;
        }
        events.push(Span { start: offset + at, end: offset + end });
        at = next;
    }
    true
}

/// The array element on its own line; empty if the line has only a bracket.
fn element_of_a_line(text: &[u8], line: Span) -> Span {
    let Span { start, end } = line;
    match line.of(text) {
        b"[" | b"]" => Span { start, end: start },
        [.., b','] => trimmed(text, Span { start, end: end - 1 }),
        _ => line,
    }
}

/// Adds the consecutive events in a line, or else the line.
fn events_of_a_line(text: &[u8], line: Span, events: &mut Events) {
    let before = events.len();
    let is_of_events = values(line.of(text), line.start, events)
        && events[before..].iter().all(|event| is_event(event.of(text)));
    if !is_of_events {
        events.truncate(before);
        events.push(line);
    }
}

/// Adds the events before the first unreadable part, and the rest as one event.
fn leading_events(text: &[u8], inside: Span, events: &mut Events) {
    let mut at = inside.start;
    while let Some(length) = leading_event(&text[at..inside.end]) {
        events.push(Span { start: at, end: at + length });
        at += length;
        at += white_space(&text[at..inside.end]);
    }
    if at < inside.end {
        events.push(Span { start: at, end: inside.end });
    }
}

/// The number of readable events.
fn count(text: &[u8], events: &[Span]) -> usize {
    events.iter().filter(|event| is_event(event.of(text))).count()
}

/// Whether a text is a readable event.
fn is_event(text: &[u8]) -> bool {
    leading_event(text) == Some(text.len())
}

/// The length of the event at the start of `text`: an object, or a string that contains one.
fn leading_event(text: &[u8]) -> Option<usize> {
    match text.first() {
        Some(b'{') => value_length(text),
        Some(b'"') => value_length(text).filter(|length| holds_object(&text[..*length])),
        _ => None,
    }
}

fn is_one_value(text: &[u8]) -> bool {
    value_length(text) == Some(text.len())
}

/// The length of the value at the start of `text`; `None` if there is none.
fn value_length(text: &[u8]) -> Option<usize> {
    Extent::of(text).whole()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans<const N: usize>(spans: [(usize, usize); N]) -> [Span; N] {
        spans.map(|(start, end)| Span { start, end })
    }

    #[test]
    fn an_event_that_can_be_read_is_not_found_otherwise_again() {
        let text = b"{}\nx\n{}";
        let lines = spans([(0, 2), (3, 4), (5, 7)]);
        assert!(agree(text, &lines, &lines));
        assert!(agree(text, &lines, &spans([(0, 2), (3, 7)])));
        assert!(agree(text, &lines[..2], &lines));
        assert!(!agree(text, &lines, &spans([(0, 7)])));
        assert!(!agree(text, &lines, &spans([])));
        assert!(!agree(text, &lines, &lines[..2]));
    }

    #[test]
    fn what_is_outside_the_events_is_noticed() {
        let text = b"[{}, {}\n]";
        let inside = Span { start: 0, end: text.len() };
        assert!(are_all(text, inside, &spans([(1, 3), (5, 7)])));
        assert!(are_all(text, inside, &spans([(0, 9)])));
        for some in [&spans([(1, 3)])[..], &spans([(5, 7)]), &spans([(1, 2), (5, 7)]), &[]] {
            assert!(!are_all(text, inside, some), "{some:?}");
        }
    }
}
