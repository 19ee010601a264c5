//! Parses a payload as a JSON object, or returns the reason why it is not one.

use serde::Deserialize;
use serde_json::{Map, Value};

const MAX_PAYLOAD_BYTES: usize = 1_048_576;
const MAX_LEVELS: usize = 128;
const MAX_NUMBER_CHARACTERS: usize = 1_000;

/// The payload without a leading byte order mark and surrounding white space.
pub(crate) fn trim(payload: &[u8]) -> &[u8] {
    let mut text = payload.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(payload);
    while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\n' | b'\r'] = text {
        text = rest;
    }
    text
}

/// Parses a trimmed payload as one JSON object.
pub(crate) fn object(payload: &[u8]) -> Result<Map<String, Value>, &'static str> {
    if payload.is_empty() {
        return Err("empty");
    }
    let text = str::from_utf8(payload).map_err(|_| "invalid_utf8")?;
    let Value::Object(object) = parse(text)? else {
        return Err("not_an_object");
    };
    if payload.len() > MAX_NUMBER_CHARACTERS && object.values().any(has_long_number) {
        return Err("number_too_long");
    }
    Ok(object)
}

/// Refuses payloads that exceed the maximum size of a record.
pub(crate) fn check_size(payload: &[u8]) -> Result<(), &'static str> {
    if payload.len() > MAX_PAYLOAD_BYTES { Err("too_large") } else { Ok(()) }
}

fn parse(text: &str) -> Result<Value, &'static str> {
    match serde_json::from_str(text) {
        Err(error) if error.to_string().starts_with("recursion limit") => parse_deep(text),
        parsed => parsed.map_err(|_| "invalid_json"),
    }
}

/// `serde_json` itself stops at 127 levels.
fn parse_deep(text: &str) -> Result<Value, &'static str> {
    if levels(text) > MAX_LEVELS {
        return Err("too_deep");
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    let value = Value::deserialize(&mut deserializer).map_err(|_| "invalid_json")?;
    deserializer.end().map_err(|_| "invalid_json")?;
    Ok(value)
}

fn levels(text: &str) -> usize {
    let (mut level, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' if !in_string => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn has_long_number(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_str().len() > MAX_NUMBER_CHARACTERS,
        Value::Array(items) => items.iter().any(has_long_number),
        Value::Object(members) => members.values().any(has_long_number),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}
