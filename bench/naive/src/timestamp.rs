//! The time of an event.

use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike, Utc};
use serde_json::Value;

/// 2000-01-01T00:00:00Z in seconds since 1970.
const EARLIEST_S: i64 = 946_684_800;
const MAX_AHEAD: TimeDelta = TimeDelta::hours(24);

/// The time in a value, if it can be parsed and is plausible.
pub(crate) fn read(value: &Value, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match value {
        Value::String(text) if is_decimal(text) => read_number(text, now),
        Value::String(text) => from_text(text).filter(|time| is_plausible(*time, now)),
        Value::Number(number) => read_number(number.as_str(), now),
        _ => None,
    }
}

/// The time that a number represents, if it is plausible.
pub(crate) fn read_number(number: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    from_number(number).filter(|time| is_plausible(*time, now))
}

fn is_plausible(time: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let fits_date_nanos = time.timestamp_nanos_opt().is_some();
    fits_date_nanos && time.timestamp() >= EARLIEST_S && time <= now + MAX_AHEAD
}

/// Whether a text consists of digits, with or without a fraction.
fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    [whole, fraction].iter().all(|digits| !digits.is_empty() && is_digits(digits))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Formats a time in RFC 3339 with at least three fractional digits, or more if the time has more.
pub(crate) fn format(time: DateTime<Utc>) -> String {
    if time.nanosecond().is_multiple_of(1_000_000) {
        return time.to_rfc3339_opts(SecondsFormat::Millis, true);
    }
    let nanos = time.to_rfc3339_opts(SecondsFormat::Nanos, true);
    let digits = nanos.trim_end_matches('Z').trim_end_matches('0');
    format!("{digits}Z")
}

fn from_text(text: &str) -> Option<DateTime<Utc>> {
    // chrono would accept U+2212 as the minus sign of an offset.
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
    // chrono represents a leap second as a fraction above one second.
    if time.nanosecond() >= 1_000_000_000 {
        return time.with_nanosecond(999_999_999);
    }
    Some(time)
}

/// Adds the parts that RFC 3339 requires and producers omit: time, seconds, the dot, the offset.
fn as_rfc3339(text: &str) -> Option<String> {
    let (date, rest) = text.split_at_checked("2024-03-01".len())?;
    if rest.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let (minutes, rest) = rest.split_at_checked("T12:34".len())?;
    let (seconds, rest) = match rest.strip_prefix(':') {
        Some(_) => rest.split_at_checked(":56".len())?,
        // Only seconds have a fraction.
        None if rest.starts_with(['.', ',']) => return None,
        None => (":00", rest),
    };
    let end = rest.find([' ', 'Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (fraction, offset) = rest.split_at(end);
    let (fraction, offset) = (fraction.replacen(',', ".", 1), as_offset(offset));
    Some(format!("{date}{minutes}{seconds}{fraction}{offset}"))
}

/// The offset with a colon and minutes, without a space before it and the name of a time zone after
/// it; `Z` if there is none.
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

/// A number since 1970, whose magnitude determines whether the unit is seconds, milliseconds,
/// microseconds or nanoseconds. Computed with the digits, because a float can represent only 15 of
/// them.
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
    // The number of digits before the decimal point.
    let whole_digits = i64::try_from(whole.len()).ok()?.checked_add(exponent)?
        - i64::try_from(leading_zeros).ok()?;
    let to_nanos = match whole_digits {
        ..=11 => 9,
        12..=14 => 6,
        15..=17 => 3,
        _ => 0,
    };
    // More than 19 digits of nanoseconds are after 2262; less than one digit is zero.
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
