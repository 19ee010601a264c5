//! Where each event of a text starts and ends.
//!
//! What cannot be read does not take its neighbours with it: it becomes a separate event, which
//! the event model refuses.

use std::ops::{Deref, DerefMut};

use crate::json::{Extent, Span};
use memchr::{memchr, memchr2};

/// Where events stand: no more of them than are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Events {
    places: Vec<Span>,
    /// The most that are noted; all if there is no limit.
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

/// Finds the events in a trimmed text of which nothing is known to be broken. Reads no more of it
/// than it has to: where the model refuses one of the events, [`carefully`] finds the right ones.
/// Those before the refused one are the same.
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

/// Finds the events in a trimmed text, whatever is in it.
pub(super) fn carefully(text: &[u8], inside: Span, events: &mut Events) {
    let content = inside.of(text);
    events.clear();
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
        if objects(text, events) == 0 {
            events.clear();
        }
    }
    // A line within something larger is indented, mostly.
    let unindented = |line: &[u8]| line.first() == Some(&b'{') && value_length(line).is_some();
    if content.split(|byte| *byte == b'\n').any(unindented) {
        let mut by_line = Events::up_to(events.limit);
        for line in lines(text, inside) {
            objects_of_a_line(text, line, &mut by_line);
        }
        if objects(text, &by_line) > objects(text, events) {
            *events = by_line;
        }
    }
    if events.is_empty() {
        leading_objects(text, inside, events);
    }
}

/// The span without a byte order mark and white space around it.
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

/// How much white space `text` starts with.
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

/// Adds the elements of an array, which stands at `offset`; `false` where it is not an array.
fn elements(array: &[u8], offset: usize, events: &mut Events) -> bool {
    let after = |at: usize| at + white_space(&array[at..]);
    let mut at = after(1);
    if array.get(at) == Some(&b']') {
        return at + 1 == array.len();
    }
    loop {
        let Some(length) = array.get(at..).and_then(value_length) else { return false };
        events.push(Span { start: offset + at, end: offset + at + length });
        at = after(at + length);
        match array.get(at) {
            Some(b',') => at = after(at + 1),
            Some(b']') => return at + 1 == array.len(),
            _ => return false,
        }
    }
}

/// Adds values that stand one after the other; `false` where there is something else.
fn values(content: &[u8], offset: usize, events: &mut Events) -> bool {
    let mut at = 0;
    while at < content.len() {
        let Some(length) = value_length(&content[at..]) else { return false };
        let end = at + length;
        let next = end + white_space(&content[end..]);
        // A number or a word does not mark its end.
        if next == end && next < content.len() && !matches!(content[at], b'{' | b'[') {
            return false;
        }
        events.push(Span { start: offset + at, end: offset + end });
        at = next;
    }
    true
}

/// Adds the elements of an array some of which are broken, and what stands after it. `true` where
/// it ends with the text.
fn broken_array(text: &[u8], inside: Span, events: &mut Events) -> bool {
    let content = inside.of(text);
    let mut add = |start: usize, end: usize| {
        let Span { start, end } =
            trimmed(text, Span { start: inside.start + start, end: inside.start + end });
        // Between two commas, and after the last.
        if start < end {
            events.push(Span { start, end });
        }
    };
    let mut start = 1;
    loop {
        let end = element_end(content, start);
        add(start, end);
        match content.get(end) {
            Some(b',') => start = end + 1,
            Some(_) => {
                add(end + 1, content.len());
                return end + 1 == content.len();
            }
            None => return false,
        }
    }
}

/// Where the element of an array ends that starts here: at a comma, at the end of the array or at
/// the end of the text. Goes by brackets and quotes alone.
fn element_end(text: &[u8], start: usize) -> usize {
    let mut open = Vec::new();
    let mut arrays = 0_usize;
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                at = string_end(text, at + 1);
                continue;
            }
            b',' if open.is_empty() => return at,
            b'[' | b'{' => {
                open.push(byte);
                arrays += usize::from(byte == b'[');
            }
            b']' if arrays > 0 => {
                // Whatever was left open within it ends with it.
                while open.pop().is_some_and(|byte| byte != b'[') {}
                arrays -= 1;
            }
            b']' if open.is_empty() || white_space(&text[at + 1..]) + at + 1 == text.len() => {
                return at;
            }
            b'}' if open.len() > arrays => {
                while let Some(b'[') = open.pop() {
                    arrays -= 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Where a string ends whose content starts here, valid or not.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(found) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if text[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// Adds the objects that stand one after the other in a line, or else the line.
fn objects_of_a_line(text: &[u8], line: Span, events: &mut Events) {
    let before = events.len();
    let content = line.of(text);
    let objects = values(content, line.start, events)
        && events[before..].iter().all(|event| text[event.start] == b'{');
    if !objects {
        events.truncate(before);
        events.push(line);
    }
}

/// Adds the objects before what cannot be read, and the rest as one event.
fn leading_objects(text: &[u8], inside: Span, events: &mut Events) {
    let mut at = inside.start;
    while text[at..inside.end].first() == Some(&b'{')
        && let Some(length) = value_length(&text[at..inside.end])
    {
        events.push(Span { start: at, end: at + length });
        at += length;
        at += white_space(&text[at..inside.end]);
    }
    if at < inside.end {
        events.push(Span { start: at, end: inside.end });
    }
}

/// How many of the events are objects that can be read.
fn objects(text: &[u8], events: &[Span]) -> usize {
    let object = |event: &&Span| text[event.start] == b'{' && is_one_value(event.of(text));
    events.iter().filter(object).count()
}

fn is_one_value(text: &[u8]) -> bool {
    value_length(text) == Some(text.len())
}

/// How long the value at the start of `text` is; `None` where none stands there.
fn value_length(text: &[u8]) -> Option<usize> {
    Extent::of(text).whole()
}
