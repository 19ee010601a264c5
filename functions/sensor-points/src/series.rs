//! Converts readings to points: `SERIES`.
//!
//! Source of the format: "Line protocol", InfluxDB documentation. A number is always written as a
//! float, without `i`: the type of a field is that of its first point, forever.

mod parse;

use std::borrow::Cow;
use std::io::Write as _;

use sha2::{Digest, Sha256};
use shared::event::{Event, InputPath, Model, Reason, Timestamp, TimestampSource};
use shared::json::{Kind, Scanner, meaning};

use crate::kinesis::Record;

pub(crate) use parse::BUILT_IN;

/// Maximum size of a tag's value, in bytes.
const MAX_TAG_BYTES: usize = 256;

/// Maximum length of a number without an exponent that certainly fits in a double.
const SURELY_FINITE: usize = 300;

const NANOSECONDS_A_MILLISECOND: u64 = 1_000_000;

/// The definition of the points that readings become.
#[derive(Debug)]
pub struct Series {
    measurement: String,
    id: Vec<InputPath>,
    tags: Vec<Tag>,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Tag {
    name: String,
    paths: Vec<InputPath>,
}

#[derive(Debug)]
struct Field {
    name: String,
    paths: Vec<InputPath>,
    /// The texts for which the value is 1, and otherwise 0. `None`: the value is that of the
    /// reading.
    is: Option<Vec<String>>,
}

/// The origin of a reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) record: &'a Record<'a>,
    /// Its position in the record, from 0.
    pub(crate) place: usize,
    pub(crate) now: Timestamp,
}

impl Series {
    /// Compiles a series; `model` also learns its paths.
    ///
    /// # Errors
    /// The reason, with the member.
    pub(crate) fn parse(json: &str, model: &mut Model) -> Result<Self, String> {
        parse::parse(json, model)
    }

    /// Appends a reading's point, a line with its line break. Returns whether its time is not the
    /// reading's own.
    ///
    /// # Errors
    /// Why the reading can never become a point.
    pub(crate) fn write(
        &self,
        event: &mut Event<'_>,
        origin: &Origin<'_>,
        spare: &mut Vec<u8>,
        line: &mut Vec<u8>,
    ) -> Result<bool, Reason> {
        line.extend_from_slice(self.measurement.as_bytes());
        for Tag { name, paths } in &self.tags {
            if let Some(value) = first(event, paths) {
                write_tag(name, value, spare, line).ok_or_else(|| bad_tag(name))?;
            }
        }
        let mut separator = b' ';
        for Field { name, paths, is } in &self.fields {
            let Some(value) = first(event, paths) else { continue };
            line.push(separator);
            line.extend_from_slice(name.as_bytes());
            line.push(b'=');
            write_field(is.as_deref(), value, spare, line).ok_or_else(|| bad_field(name))?;
            separator = b',';
        }
        if separator == b' ' {
            return Err(reason("no_fields", "none of the fields of the series is in it"));
        }
        let (nanoseconds, is_fallback) = self.time(event, origin, spare);
        // Writing to a Vec never fails.
        writeln!(line, " {nanoseconds}").ok();
        Ok(is_fallback)
    }

    /// A reading's time in nanoseconds, and whether it is not the reading's own. Unknown digits
    /// below the millisecond are derived from the reading, so that its point is the same however
    /// often and in whichever batch it is delivered.
    fn time(&self, event: &mut Event<'_>, origin: &Origin<'_>, spare: &mut Vec<u8>) -> (u64, bool) {
        let Origin { record, place, now } = origin;
        let (time, source) = event.timestamp(record.arrived, *now);
        let mut nanoseconds = time.nanoseconds();
        if source == TimestampSource::Now {
            // All readings of an invocation have this time.
            nanoseconds -= nanoseconds % NANOSECONDS_A_MILLISECOND;
        }
        let is_fallback = source != TimestampSource::Event;
        if nanoseconds.is_multiple_of(NANOSECONDS_A_MILLISECOND) {
            nanoseconds += match self.id(event, spare) {
                Some(id) => digits(id),
                None if is_fallback => digits(format!("{}/{place}", record.sequence_number)),
                None => 0,
            };
        }
        (nanoseconds, is_fallback)
    }

    /// The id of the reading or its envelope: the meaning of a text, the characters of a number.
    fn id<'a>(&self, event: &'a Event<'_>, spare: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        match first(event, &self.id) {
            Some((Kind::String, content)) if !content.is_empty() => {
                return Some(meaning(content, spare));
            }
            Some((Kind::Number, number)) => return Some(number),
            _ => {}
        }
        let mut content = Vec::new();
        event.write_lent_id(&mut content).then(|| {
            spare.clear();
            shared::json::unescape(&content, spare);
            &spare[..]
        })
    }
}

/// Nanoseconds below the millisecond, derived from what identifies a reading.
fn digits(known_by: impl AsRef<[u8]>) -> u64 {
    let hash = Sha256::digest(known_by);
    let hash = hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    hash % NANOSECONDS_A_MILLISECOND
}

/// The first value at one of the paths that is not null.
fn first<'a>(event: &'a Event<'_>, paths: &[InputPath]) -> Option<(Kind, &'a [u8])> {
    paths.iter().find_map(|path| event.value(*path))
}

/// The text of a string, a number or a boolean; `None` for any other value.
fn scalar_text<'a>(kind: Kind, value: &'a [u8], spare: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    match kind {
        Kind::String => Some(meaning(value, spare)),
        Kind::Number | Kind::Bool => Some(value),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

/// Appends `,name=value`; nothing for an empty text. `None` if it cannot be a tag's value.
fn write_tag(
    name: &str,
    (kind, value): (Kind, &[u8]),
    spare: &mut Vec<u8>,
    line: &mut Vec<u8>,
) -> Option<()> {
    let text = scalar_text(kind, value, spare)?;
    if text.len() > MAX_TAG_BYTES {
        return None;
    }
    if text.is_empty() {
        return Some(());
    }
    line.push(b',');
    line.extend_from_slice(name.as_bytes());
    line.push(b'=');
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b',' | b'=');
    if text.iter().all(is_plain) {
        line.extend_from_slice(text);
        return Some(());
    }
    for character in std::str::from_utf8(text).ok()?.chars() {
        match character {
            // Line breaks and a backslash at the end cannot be escaped.
            '\\' => line.push(b'_'),
            control if control.is_control() => line.push(b'_'),
            ',' | '=' | ' ' => line.extend([b'\\', character as u8]),
            other => line.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(())
}

/// Appends a field's value; `None` if it cannot be one.
fn write_field(
    is: Option<&[String]>,
    (kind, value): (Kind, &[u8]),
    spare: &mut Vec<u8>,
    line: &mut Vec<u8>,
) -> Option<()> {
    let text = scalar_text(kind, value, spare)?;
    if let Some(texts) = is {
        let is_one = texts.iter().any(|known| known.as_bytes() == text);
        line.push(if is_one { b'1' } else { b'0' });
        return Some(());
    }
    match kind {
        Kind::Bool => line.push(if text == b"true" { b'1' } else { b'0' }),
        _ if is_number(kind, text) => line.extend_from_slice(text),
        _ => return None,
    }
    Some(())
}

/// Whether a text is a JSON number that fits in a double; one of `Kind::Number` is already JSON.
fn is_number(kind: Kind, text: &[u8]) -> bool {
    if kind == Kind::String {
        let mut scanner = Scanner::new(text);
        let is_json = scanner.scalar() == Ok(Kind::Number) && scanner.peek().is_none();
        if !is_json {
            return false;
        }
    }
    let has_exponent = text.iter().any(|byte| matches!(byte, b'e' | b'E'));
    if text.len() < SURELY_FINITE && !has_exponent {
        return true;
    }
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    number.is_some_and(f64::is_finite)
}

fn bad_tag(name: &str) -> Reason {
    let allowed = "neither a text, number nor boolean of at most 256 bytes";
    reason("bad_tag", format!("its value for the tag {name} is {allowed}"))
}

fn bad_field(name: &str) -> Reason {
    let allowed = "neither a number that a double holds, a text that is one, nor a boolean; \
                   with `is`, neither a text, number nor boolean";
    reason("bad_field", format!("its value for the field {name} is {allowed}"))
}

fn reason(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Reason {
    Reason { code: Cow::Borrowed(code), detail: detail.into(), advice: "" }
}

#[cfg(test)]
mod tests;
