//! When an event happened.

use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike, Utc};
use serde_json::Value;

/// 2000-01-01T00:00:00Z in seconds since 1970.
const EARLIEST_S: i64 = 946_684_800;
const MAX_AHEAD: TimeDelta = TimeDelta::hours(24);

/// The time that a candidate's value says, if it can be read and is plausible.
pub(crate) fn read(value: &Value, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match value {
        Value::String(text) if is_decimal(text) => read_number(text, now),
        Value::String(text) => from_text(text).filter(|time| is_plausible(*time, now)),
        Value::Number(number) => read_number(number.as_str(), now),
        _ => None,
    }
}

/// The time that a number says, if it is plausible.
pub(crate) fn read_number(number: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    from_number(number).filter(|time| is_plausible(*time, now))
}

fn is_plausible(time: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let fits_date_nanos = time.timestamp_nanos_opt().is_some();
    fits_date_nanos && time.timestamp() >= EARLIEST_S && time <= now + MAX_AHEAD
}

/// Whether a text is digits, with or without a fraction.
fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    [whole, fraction].iter().all(|digits| !digits.is_empty() && is_digits(digits))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// RFC 3339 with at least three digits after the second, more where there are more.
pub(crate) fn format(time: DateTime<Utc>) -> String {
    if time.nanosecond().is_multiple_of(1_000_000) {
        return time.to_rfc3339_opts(SecondsFormat::Millis, true);
    }
    let nanos = time.to_rfc3339_opts(SecondsFormat::Nanos, true);
    let digits = nanos.trim_end_matches('Z').trim_end_matches('0');
    format!("{digits}Z")
}

fn from_text(text: &str) -> Option<DateTime<Utc>> {
    // chrono would take U+2212 for the minus of an offset.
    if !text.is_ascii() {
        return None;
    }
    if let Some(date) = text.strip_prefix("/Date(") {
        let milliseconds = date.strip_suffix(")/").filter(|it| is_digits(it))?;
        return DateTime::from_timestamp_millis(milliseconds.parse().ok()?);
    }
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&as_rfc3339(text).unwrap_or_default()))
        .or_else(|_| DateTime::parse_from_rfc2822(text))
        .or_else(|_| DateTime::parse_from_str(text, "%d/%b/%Y:%H:%M:%S %z"))
        .ok()?
        .to_utc();
    // chrono holds a leap second as a fraction above one second.
    if time.nanosecond() >= 1_000_000_000 {
        return time.with_nanosecond(999_999_999);
    }
    Some(time)
}

/// Adds what RFC 3339 demands and producers leave out: time, seconds, the dot, the offset.
fn as_rfc3339(text: &str) -> Option<String> {
    let (date, rest) = text.split_at_checked("2024-03-01".len())?;
    if rest.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let (minutes, rest) = rest.split_at_checked("T12:34".len())?;
    let (seconds, rest) = match rest.strip_prefix(':') {
        Some(_) => rest.split_at_checked(":56".len())?,
        // A fraction is one of seconds.
        None if rest.starts_with(['.', ',']) => return None,
        None => (":00", rest),
    };
    let end = rest.find([' ', 'Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (fraction, offset) = rest.split_at(end);
    let (fraction, offset) = (fraction.replacen(',', ".", 1), as_offset(offset));
    Some(format!("{date}{minutes}{seconds}{fraction}{offset}"))
}

/// The offset with its colon and minutes, without a space before it and the time zone's name after
/// it; `Z` where there is none.
fn as_offset(text: &str) -> String {
    if matches!(text, "" | " UTC" | " GMT") {
        return "Z".to_owned();
    }
    let offset = text.strip_prefix(' ').unwrap_or(text);
    let offset = match offset.strip_suffix(']') {
        Some(named) => named.split_once('[').map_or(named, |(offset, _)| offset),
        None => offset,
    };
    match offset.len() {
        3 => format!("{offset}:00"),
        5 => format!("{}:{}", &offset[..3], &offset[3..]),
        _ => offset.to_owned(),
    }
}

/// A number since 1970: its magnitude says whether in seconds, milliseconds, microseconds or
/// nanoseconds. Computed on the digits: a float holds only 15 of them.
fn from_number(number: &str) -> Option<DateTime<Utc>> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.starts_with('-') {
        return None;
    }
    let leading_zeros = digits.len() - digits.trim_start_matches('0').len();
    let digits = &digits[leading_zeros..];
    // How many digits stand before the point.
    let whole_digits = i64::try_from(whole.len()).ok()?.checked_add(exponent)?
        - i64::try_from(leading_zeros).ok()?;
    let to_nanos = match whole_digits {
        ..=11 => 9,
        12..=14 => 6,
        15..=17 => 3,
        _ => 0,
    };
    // More than 19 digits of nanoseconds are beyond 2262, fewer than one is nothing.
    let nanos_digits = usize::try_from(whole_digits + to_nanos).ok().filter(|&n| n <= 19)?;
    let nanos: i64 = digits
        .chars()
        .chain(std::iter::repeat('0'))
        .take(nanos_digits)
        .collect::<String>()
        .parse()
        .ok()?;
    Some(DateTime::from_timestamp_nanos(nanos))
}
