//! JSON and times as `OpenSearch` parses them.

use std::collections::HashSet;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Maximum number of levels of a document, twice as many as the model writes. The real server has
/// no explicit limit, but its stack is limited.
const MAX_DEPTH: usize = 256;

/// Maximum length of a number (Jackson's `StreamReadConstraints`), in characters.
const MAX_NUMBER_CHARS: usize = 1_000;

/// A value. A duplicate key and a number that is too long are errors.
#[derive(Debug)]
pub(super) enum Json {
    Null,
    /// A number, `true` or `false`, as it was written, of any size.
    Plain(String),
    /// Unescaped.
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::of(serde_json::from_str(text).ok()?, 0)
    }

    // One level at a time: the values of serde_json have a limit for numbers, and one of 128
    // levels.
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
            b'"' => serde_json::from_str(text).ok().map(Self::Text),
            b'n' => Some(Self::Null),
            _ => (text.len() <= MAX_NUMBER_CHARS).then(|| Self::Plain(text.to_owned())),
        }
    }

    /// The text of a scalar, as in a keyword field.
    pub(super) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Plain(text) | Self::Text(text) => Some(text),
            Self::Null | Self::Array(_) | Self::Object(_) => None,
        }
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
                while let Some((key, value)) = map.next_entry::<String, _>()? {
                    if !keys.insert(key.clone()) {
                        return Err(A::Error::custom("duplicate field"));
                    }
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(OfMap)
    }
}

/// Whether it is a time of `date_nanos` as the model writes it: in UTC, from 1970 to 2262.
pub(super) fn is_time(text: &str) -> bool {
    // jiff also reads other forms of ISO 8601, and a leap second.
    let strict = |byte: u8| byte.is_ascii_digit() || b"-:.TZ".contains(&byte);
    let range = 0..=i128::from(i64::MAX);
    text.bytes().all(strict)
        && !text.contains(":60")
        && text.parse().is_ok_and(|time: Timestamp| range.contains(&time.as_nanosecond()))
}
