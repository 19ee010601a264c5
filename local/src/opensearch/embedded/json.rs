//! JSON and times as `OpenSearch` reads them.

use std::collections::HashSet;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Maximum levels of a document, twice as many as the model writes; the real server has no limit of
/// its own, but runs out of stack somewhere.
const MAX_DEPTH: usize = 256;

/// Maximum characters of a number (Jackson's `StreamReadConstraints`).
const MAX_NUMBER_CHARS: usize = 1_000;

/// A value, with members in the order in which they came. A key that comes twice is an error, and
/// so is a number that is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    /// A number, `true` or `false`, as it was written, whatever its size.
    Plain(String),
    /// Unescaped; a lone surrogate is U+FFFD.
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one value, and nothing after it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::of(serde_json::from_str(text).ok()?, 0)
    }

    /// Reads one value, whatever follows it.
    pub(super) fn parse_prefix(text: &str) -> Option<Self> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        Self::of(values.next()?.ok()?, 0)
    }

    // One level at a time: serde_json's own values change numbers and refuse lone surrogates.
    fn of(raw: &RawValue, depth: usize) -> Option<Self> {
        let text = raw.get();
        if depth > MAX_DEPTH {
            return None;
        }
        match text.as_bytes().first()? {
            b'{' => {
                let Members(members) = serde_json::from_str(text).ok()?;
                let members = members.into_iter();
                let members = members.map(|(key, value)| Some((key, Self::of(value, depth + 1)?)));
                Some(Self::Object(members.collect::<Option<_>>()?))
            }
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                let items = items.into_iter().map(|item| Self::of(item, depth + 1));
                Some(Self::Array(items.collect::<Option<_>>()?))
            }
            b'"' => serde_json::from_str(text).ok().map(|Text(text)| Self::Text(text)),
            b'n' => Some(Self::Null),
            _ => (text.len() <= MAX_NUMBER_CHARS).then(|| Self::Plain(text.to_owned())),
        }
    }

    /// The text of a scalar, as a keyword field takes it.
    pub(super) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Plain(text) | Self::Text(text) => Some(text),
            Self::Null | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

#[derive(PartialEq, Eq, Hash, Clone)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfBytes;

        impl Visitor<'_> for OfBytes {
            type Value = Text;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
            }
        }

        // As bytes, serde_json hands out lone surrogates too.
        deserializer.deserialize_bytes(OfBytes)
    }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap;

        impl<'de> Visitor<'de> for OfMap {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let (mut members, mut keys) = (Vec::new(), HashSet::new());
                while let Some(key) = map.next_key::<Text>()? {
                    if !keys.insert(key.clone()) {
                        return Err(A::Error::custom("duplicate field"));
                    }
                    members.push((key.0, map.next_value()?));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(OfMap)
    }
}

/// Nanoseconds since 1970 of an ISO 8601 date with an optional time (UTC unless it has an offset)
/// and up to 9 fraction digits, if it lies from 1970 to 2262, where they fit: `date_nanos` with the
/// format `strict_date_optional_time_nanos`.
pub(super) fn nanoseconds(text: &str) -> Option<i64> {
    // jiff also reads other forms of ISO 8601, and a leap second.
    let strict = |byte: u8| byte.is_ascii_digit() || b"-:.,+TZ".contains(&byte);
    if text.as_bytes().get(4) != Some(&b'-') || !text.bytes().all(strict) || text.contains(":60") {
        return None;
    }
    let whole = match text.split_once('T') {
        None => format!("{text}T00:00:00Z"),
        Some((_, time)) if time.contains(['Z', '+', '-']) => text.to_owned(),
        Some(_) => format!("{text}Z"),
    };
    let time: Timestamp = whole.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().filter(|nanoseconds| *nanoseconds >= 0)
}
