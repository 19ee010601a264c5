//! The elements of arrays.

use super::{Events, trimmed, value_length, white_space};
use crate::json::Span;
use memchr::{memchr, memchr2};

/// Maximum number of positions from which a malformed array is read again, each time possibly to
/// its end.
const MAX_TRIES: usize = 100;

/// Adds the elements of an array at `offset`; returns `false` if it is not an array.
pub(super) fn elements(array: &[u8], offset: usize, events: &mut Events) -> bool {
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

/// Adds the elements of an array with malformed elements, and the text after it. Returns `true` if
/// the array ends with the text, and the brackets and quotes of its last element are balanced.
pub(super) fn broken_array(text: &[u8], inside: Span, events: &mut Events) -> bool {
    let content = inside.of(text);
    let mut good = Events::up_to(events.limit);
    let mut add = |start: usize, end: usize| {
        let Span { start, end } =
            trimmed(text, Span { start: inside.start + start, end: inside.start + end });
        // Elements may be empty: between two commas, and after the last.
        if start < end {
            events.push(Span { start, end });
        }
    };
    let mut start = 1;
    loop {
        let (end, is_balanced) = element_end(content, start);
        if !is_balanced {
            add(start, good_elements(content, start, &mut good).unwrap_or(end));
            good.iter().for_each(|element| add(element.start, element.end));
            return false;
        }
        add(start, end);
        if content.get(end) != Some(&b',') {
            add(end + 1, content.len());
            return end + 1 == content.len();
        }
        start = end + 1;
    }
}

/// Finds the first comma that is followed by an object and from which everything to the end of the
/// array is readable; adds the elements after it and returns its position.
fn good_elements(array: &[u8], from: usize, events: &mut Events) -> Option<usize> {
    let (mut at, mut tries) = (from, 0);
    while array.last() == Some(&b']') && tries < MAX_TRIES {
        let comma = at + memchr(b',', array.get(at..)?)?;
        at = comma + 1;
        if array.get(at + white_space(&array[at..])) == Some(&b'{') {
            tries += 1;
            events.clear();
            if elements(&array[comma..], comma, events) {
                return Some(comma);
            }
            at = events.last().map_or(at, |last| last.end);
        }
    }
    events.clear();
    None
}

/// Returns where the array element at `start` ends: at a comma, at the end of the array or at the
/// end of the text; and whether its brackets and quotes, the only thing that this checks, are
/// balanced there.
fn element_end(text: &[u8], start: usize) -> (usize, bool) {
    let mut open = Vec::new();
    let mut arrays = 0_usize;
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                at = string_end(text, at + 1);
                continue;
            }
            b',' if open.is_empty() => return (at, true),
            b'[' | b'{' => {
                open.push(byte);
                arrays += usize::from(byte == b'[');
            }
            b']' if arrays > 0 => {
                // Anything still open inside it ends with it.
                while open.pop().is_some_and(|byte| byte != b'[') {}
                arrays -= 1;
            }
            b']' if open.is_empty() || white_space(&text[at + 1..]) + at + 1 == text.len() => {
                return (at, open.is_empty());
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
    (text.len(), false)
}

/// Returns where the string whose content begins at `start` ends, valid or not.
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
