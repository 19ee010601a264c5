//! Payloads for testing properties: valid events of hostile structure, and damaged ones.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::expected::{MAPPING, REINGESTS, TIMESTAMPS, segments};

/// Spellings of one plausible time; no other value of these payloads is one.
pub(crate) const OWN_TIMES: &[&str] =
    &["1709296496789", "1709296496.789", "\"2024-03-01T12:34:56.789Z\"", "\"1709296496789\""];

const LEAVES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-5",
    "1.50",
    "1e2",
    "1E+400",
    "0.1e-7",
    "120000",
    "215000",
    "123456789012345678901234567890",
    "\"\"",
    "\"x\"",
    "\"soon\"",
    "\"2024-13-01\"",
    "\" a\\tb \"",
    "\"line\\nbreak\\r\"",
    "\"\\u00e9\\uD834\\uDD1E\"",
    "\"한국\u{2028}𝄞\u{7f}\"",
    "\"\\\"},\\\"extra\\\":{\\\\\"",
    "\"{[,:]}\"",
];

/// Keys that are in no path, some of which look as if they were.
const UNKNOWN: &[&str] = &[
    "a",
    "b",
    "A",
    "",
    " ",
    ".",
    "artist.id",
    "artists",
    "event",
    "extra",
    "overflow",
    "analytics",
    "envelope",
    "@timestamp_original",
    "__sluice_",
    "한국",
    "𝄞",
    "tab\tquote\"backslash\\",
    "null",
];

/// White space between tokens; usually none.
const WHITE_SPACE: [&str; 16] =
    ["", "", "", "", "", "", "", "", "", " ", " ", "\t", "\n", "\r", "\r\n", " \n\t\n"];

/// A valid event; all of its objects may have duplicate keys.
pub(crate) fn event() -> impl Strategy<Value = String> {
    let mapped = paths().map(|path| segments(path).0);
    let known = mapped.chain(TIMESTAMPS.iter().copied()).chain(UNKNOWN.iter().copied());
    let groups = paths().filter(|path| path.contains('.')).map(|path| segments(path).0);
    let counts = ["0", "3", "\"3\"", "-1", "99999999999", "{}"];
    let member = prop_oneof![
        6 => (spelled(known.collect()), value()),
        2 => (spelled(groups.collect()), object(key(), value())),
        1 => (spelled(TIMESTAMPS.to_vec()), texts(OWN_TIMES)),
        1 => (spelled(vec![REINGESTS]), texts(&counts)),
    ];
    (members(member, 12), white_space())
        .prop_map(|(object, [before, after, ..])| format!("{before}{object}{after}"))
}

/// An event with some bytes changed, so that it may not be an event or UTF-8.
pub(crate) fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = (
        any::<proptest::sample::Index>(),
        0..3,
        prop_oneof![
            3 => select(&b"\"\\{}[]:,0-.eEu \n\tn\x00\x1f\xef\xc3"[..]),
            1 => any::<u8>(),
        ],
    );
    (event(), vec(damage, 0..4)).prop_map(|(event, damages)| {
        let mut bytes = event.into_bytes();
        for (at, how, byte) in damages {
            let at = at.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                _ => {
                    if let Some(old) = bytes.get_mut(at) {
                        *old = byte;
                    }
                }
            }
        }
        bytes
    })
}

fn paths() -> impl Iterator<Item = &'static str> {
    MAPPING.iter().flat_map(|(_, paths)| *paths).copied()
}

/// Keys of objects inside the event.
fn key() -> impl Strategy<Value = String> {
    let inside = paths().filter_map(|path| segments(path).1);
    spelled(inside.chain(UNKNOWN.iter().copied()).chain([REINGESTS]).collect())
}

/// These keys as JSON strings: mostly plain, some with unnecessary escapes.
fn spelled(keys: Vec<&'static str>) -> impl Strategy<Value = String> {
    let spellings = keys.into_iter().flat_map(|key| {
        let plain = spell(key, |_| false);
        let all = spell(key, |_| true);
        let last = spell(key, |index| index + 1 == key.chars().count());
        [plain.clone(), plain.clone(), plain, all, last]
    });
    select(spellings.collect::<Vec<_>>())
}

fn spell(key: &str, escaped: impl Fn(usize) -> bool) -> String {
    let mut text = String::from("\"");
    for (index, character) in key.chars().enumerate() {
        if escaped(index) || matches!(character, '"' | '\\' | '\0'..' ') {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(text, "\\u{unit:04x}").unwrap();
            }
        } else {
            text.push(character);
        }
    }
    text.push('"');
    text
}

fn texts(texts: &[&str]) -> impl Strategy<Value = String> + use<> {
    select(texts.iter().copied().map(str::to_owned).collect::<Vec<_>>())
}

fn value() -> impl Strategy<Value = String> {
    let long = |length| [format!("\"{}\"", "e".repeat(length)), "9".repeat(length)];
    let long: Vec<_> = [511, 512, 513].into_iter().flat_map(long).collect();
    let leaf = prop_oneof![20 => texts(LEAVES), 2 => texts(OWN_TIMES), 1 => select(long)];
    // Made once: the closure runs for every value.
    let (key, flat) = (key().boxed(), array(texts(LEAVES)).boxed());
    leaf.prop_recursive(5, 24, 5, move |inside| {
        prop_oneof![array(inside.clone()), flat.clone(), object(key.clone(), inside)]
    })
}

fn array(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let element = (value, white_space())
        .prop_map(|(value, [before, after, ..])| format!("{before}{value}{after}"));
    (vec(element, 0..5), white_space()).prop_map(|(elements, space)| match elements.len() {
        0 => format!("[{}]", space[0]),
        _ => format!("[{}]", elements.join(",")),
    })
}

fn object(
    key: impl Strategy<Value = String>,
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    members((key, value), 6)
}

fn members(
    member: impl Strategy<Value = (String, String)>,
    most: usize,
) -> impl Strategy<Value = String> {
    let member = (member, white_space())
        .prop_map(|((key, value), [a, b, c, d])| format!("{a}{key}{b}:{c}{value}{d}"));
    (vec(member, 0..most), white_space()).prop_map(|(members, space)| match members.len() {
        0 => format!("{{{}}}", space[0]),
        _ => format!("{{{}}}", members.join(",")),
    })
}

/// White space for four positions.
fn white_space() -> impl Strategy<Value = [&'static str; 4]> {
    any::<u16>().prop_map(|choice| {
        [0, 4, 8, 12].map(|shift| WHITE_SPACE[usize::from(choice >> shift & 15)])
    })
}
