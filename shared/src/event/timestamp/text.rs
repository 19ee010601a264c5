//! Reads times in text.

use super::{DAY_SECONDS, SECOND, Timestamp, days_from_civil, days_in_month};

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
/// Starts with the weekday of 1970-01-01.
const WEEKDAYS: [&[u8]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

/// Reads RFC 3339 and the forms that nearly all producers write, see [`Timestamp::from_rfc3339`].
#[inline]
pub(super) fn rfc3339(text: &[u8]) -> Option<Timestamp> {
    let mut text = Cursor(text);
    let days = text.date()?;
    if text.0.is_empty() {
        return Timestamp::from_parts(days * DAY_SECONDS, 0);
    }
    let (second, nanos) = text.time_of_day()?;
    let offset = text.offset()?;
    Timestamp::from_parts(days * DAY_SECONDS + second - offset * 60, nanos)
}

/// Reads the other forms of [`Timestamp::from_text`].
#[cold]
#[inline(never)]
pub(super) fn other(text: &[u8]) -> Option<Timestamp> {
    match text {
        [b'/', ..] => milliseconds(text),
        [b'A'..=b'Z', ..] => http_date(text),
        [_, b' ', ..] | [_, _, b' ', ..] => date_and_clock(Cursor(text), b' ', None),
        [_, _, b'/', ..] => date_and_clock(Cursor(text), b'/', None),
        _ => number(text).or_else(|| with_other_offset(Cursor(text))),
    }
}

/// Digits with a fraction.
fn number(text: &[u8]) -> Option<Timestamp> {
    let point = text.iter().position(|byte| *byte == b'.')?;
    let (integer, fraction) = (&text[..point], &text[point + 1..]);
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if digits(integer) && digits(fraction) { Timestamp::from_number(text) } else { None }
}

/// `/Date(1709164798789)/` or `/Date(1709164798789+0900)/`: the offset is that of the producer, and the
/// milliseconds are those of UTC (source: .NET documentation, "Stand-Alone JSON Serialization").
fn milliseconds(text: &[u8]) -> Option<Timestamp> {
    let inside = text.strip_prefix(b"/Date(")?.strip_suffix(b")/")?;
    let (digits, offset) =
        inside.split_at(inside.iter().take_while(|b| b.is_ascii_digit()).count());
    let is_offset = match offset {
        [] => true,
        [b'+' | b'-', offset @ ..] => offset.len() == 4 && offset.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if is_offset { Timestamp::from_milliseconds(digits) } else { None }
}

/// Date and time of day as in RFC 3339, with another form of the offset.
fn with_other_offset(mut text: Cursor<'_>) -> Option<Timestamp> {
    let days = text.date()?;
    let (second, nanos) = text.time_of_day()?;
    let offset = text.other_offset()?;
    Timestamp::from_parts(days * DAY_SECONDS + second - offset * 60, nanos)
}

/// `Wed, 28 Feb 2024 23:59:58 GMT`, with any e-mail offset (RFC 9110, RFC 5322).
fn http_date(text: &[u8]) -> Option<Timestamp> {
    let (weekday, rest) = text.split_at_checked(3)?;
    date_and_clock(Cursor(rest.strip_prefix(b", ")?), b' ', Some(weekday))
}

/// `28 Feb 2024 23:59:58 +0900`, or with slashes as in web server logs: `28/Feb/2024:23:59:58
/// +0000`; checks the weekday, if one is given.
fn date_and_clock(
    mut text: Cursor<'_>,
    separator: u8,
    weekday: Option<&[u8]>,
) -> Option<Timestamp> {
    let days = text.day_month_year(separator)?;
    let expected = WEEKDAYS[usize::try_from(days.rem_euclid(7)).ok()?];
    if weekday.is_some_and(|weekday| weekday != expected) {
        return None;
    }
    text.take(|byte| byte == if separator == b'/' { b':' } else { b' ' })?;
    text.clock(days)
}

/// Text that is read from its start.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take(&mut self, wanted: impl FnOnce(u8) -> bool) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        wanted(first).then(|| {
            self.0 = rest;
            first
        })
    }

    /// A number of exactly `length` digits, at most `max`.
    fn number(&mut self, length: usize, max: i64) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(length)?;
        let value = digits.iter().try_fold(0, |value, digit| {
            digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
        })?;
        self.0 = rest;
        (value <= max).then_some(value)
    }

    /// `2024-02-28`, as days since 1970.
    fn date(&mut self) -> Option<i64> {
        let year = self.number(4, 9_999)?;
        self.take(|byte| byte == b'-')?;
        let month = self.number(2, 12)?;
        self.take(|byte| byte == b'-')?;
        let day = self.number(2, days_in_month(year, month)?)?;
        (day > 0).then(|| days_from_civil(year, month, day))
    }

    /// `28 Feb 2024`, as days since 1970.
    fn day_month_year(&mut self, separator: u8) -> Option<i64> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let day = self.number(digits.clamp(1, 2), 31)?;
        self.take(|byte| byte == separator)?;
        let (name, rest) = self.0.split_at_checked(3)?;
        let month = MONTHS.iter().zip(1..).find(|(month, _)| **month == name)?.1;
        self.0 = rest;
        self.take(|byte| byte == separator)?;
        let year = self.number(4, 9_999)?;
        let days = days_in_month(year, month)?;
        (1..=days).contains(&day).then(|| days_from_civil(year, month, day))
    }

    /// The separator, hours, minutes, and optional seconds with a fraction, as seconds of the day
    /// and nanoseconds.
    #[inline]
    fn time_of_day(&mut self) -> Option<(i64, u64)> {
        self.take(|byte| matches!(byte, b'T' | b't' | b' '))?;
        let hour = self.number(2, 23)?;
        self.take(|byte| byte == b':')?;
        let minute = self.number(2, 59)?;
        let (mut second, mut nanos) = (0, 0);
        if self.take(|byte| byte == b':').is_some() {
            second = self.number(2, 60)?;
            if self.take(|byte| matches!(byte, b'.' | b',')).is_some() {
                nanos = self.fraction()?;
            }
        }
        if second == 60 {
            (second, nanos) = (59, SECOND - 1);
        }
        Some((hour * 3_600 + minute * 60 + second, nanos))
    }

    /// `23:59:58 +0000` of a day, to the end of the text.
    fn clock(&mut self, days: i64) -> Option<Timestamp> {
        let hour = self.number(2, 23)?;
        self.take(|byte| byte == b':')?;
        let minute = self.number(2, 59)?;
        self.take(|byte| byte == b':')?;
        let second = self.number(2, 60)?;
        let offset = self.0.starts_with(b" ").then(|| self.other_offset())??;
        let (second, nanos) = if second == 60 { (59, SECOND - 1) } else { (second, 0) };
        let seconds = days * DAY_SECONDS + hour * 3_600 + (minute - offset) * 60 + second;
        Timestamp::from_parts(seconds, nanos)
    }

    /// A fraction of a second, as nanoseconds; digits after the ninth are cut.
    fn fraction(&mut self) -> Option<u64> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let nine = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
        (count > 0).then(|| nine.fold(0, |nanos, digit| nanos * 10 + u64::from(digit - b'0')))
    }

    /// The offset from UTC at the end of the text, in minutes; without one, UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = match *self.0 {
            [] | [b'Z' | b'z'] => return Some(0),
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.number(2, 23)?;
        self.take(|byte| byte == b':')?;
        let minutes = self.number(2, 59)?;
        self.0.is_empty().then_some(sign * (hours * 60 + minutes))
    }

    /// The offset at the end of the text in another form: with a space before it, without colon or
    /// minutes, ` UTC`, ` GMT`, ` +0000 UTC` as Go writes it, or with the name of a time zone after
    /// it as Java writes it.
    fn other_offset(&mut self) -> Option<i64> {
        let spaced = self.take(|byte| byte == b' ').is_some();
        if spaced && [b"UTC", b"GMT"].iter().any(|name| self.0.eq_ignore_ascii_case(*name)) {
            return Some(0);
        }
        let mut offset = 0;
        if self.take(|byte| matches!(byte, b'Z' | b'z')).is_none() {
            let sign = if self.take(|byte| matches!(byte, b'+' | b'-'))? == b'-' { -1 } else { 1 };
            let hours = self.number(2, 23)?;
            let colon = self.take(|byte| byte == b':').is_some();
            let minutes = match self.0 {
                [] | [b'[', ..] if !colon => 0,
                _ => self.number(2, 59)?,
            };
            offset = sign * (hours * 60 + minutes);
        }
        let zone = self.0.strip_prefix(b"[").map(|zone| zone.strip_suffix(b"]"));
        let named = |zone: &[u8]| {
            let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_+-".contains(byte);
            zone.split(|byte| *byte == b'/').all(|part| {
                part.first().is_some_and(u8::is_ascii_alphabetic) && part.iter().all(in_name)
            })
        };
        let is_end = self.0.is_empty() || spaced && offset == 0 && self.0 == b" UTC";
        let ends = zone.map_or(is_end, |zone| zone.is_some_and(named));
        ends.then_some(offset)
    }
}
