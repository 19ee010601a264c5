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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_as_they_are_written() {
        let plain = |text: &str| Some(Json::Plain(text.to_owned()));
        for number in ["1e400", "-0", "1.50", "123456789012345678901234567890", &"9".repeat(1_000)]
        {
            assert_eq!(Json::parse(number), plain(number));
        }
        let text = r#""a\n\"\\\/\u00e9\ud83d\ude00\u0041""#;
        assert_eq!(Json::parse(text), Some(Json::Text("a\n\"\\/é😀A".to_owned())));
        let Some(Json::Text(lone)) = Json::parse(r#""\ud800x\udc00""#) else { panic!("refused") };
        assert_eq!(lone.replace('\u{fffd}', ""), "x");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Json::parse(&nested(256)).is_some());
        assert!(Json::parse(r#"{"a":{"a":1},"b":[{},{"a":null}]}"#).is_some());
        for text in [
            "",
            "nope",
            "{",
            "[1,]",
            "{\"a\"}",
            "{} {}",
            "{a:1}",
            "{\"a\":1,}",
            "nul",
            "01",
            "1.",
            ".5",
            "1e",
            "-",
            "+1",
            &"9".repeat(1_001),
            "\"\u{1}\"",
            "\"a",
            r#""\x""#,
            r#""\u00g0""#,
            r#"{"a":1,"a":2}"#,
            r#"[{"a":{"b":1,"\u0062":2}}]"#,
            &nested(258),
        ] {
            assert_eq!(Json::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_as_the_real_server_does() {
        const SECOND: i64 = 1_000_000_000;
        let noon = 1_709_296_496 * SECOND;
        for (text, expected) in [
            ("1970-01-01T00:00:00.000Z", Some(0)),
            ("2024-03-01T12:34:56Z", Some(noon)),
            ("2024-03-01T12:34:56", Some(noon)),
            ("2024-03-01T12:34:56.789Z", Some(noon + 789_000_000)),
            ("2024-03-01T12:34:56,123456789Z", Some(noon + 123_456_789)),
            ("2024-03-01T21:34:56+09:00", Some(noon)),
            ("2024-03-01", Some(noon - 45_296 * SECOND)),
            ("2024-02-29", Some(noon - (45_296 + 86_400) * SECOND)),
            ("2262-04-11T23:47:16.854775807Z", Some(i64::MAX)),
            ("", None),
            (" ", None),
            ("yesterday", None),
            ("1709296496789", None),
            ("2024-02-30T00:00:00.000Z", None),
            ("2024-03-01T12:34:60.000Z", None),
            ("2024-03-01T12:34:56.1234567890Z", None),
            ("1969-12-31T23:59:59.999Z", None),
            ("2262-04-11T23:47:16.854775808Z", None),
            ("2024-13-01", None),
            ("2024-03-01T24:00:00Z", None),
            ("2024-03-01 12:34:56", None),
            ("2023-02-29", None),
            ("24-03-01", None),
        ] {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
    }
}
