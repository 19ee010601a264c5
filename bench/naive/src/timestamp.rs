//! When an event happened.

use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike, Utc};
use serde_json::Value;

/// 2000-01-01T00:00:00Z in seconds since 1970.
const EARLIEST_S: i64 = 946_684_800;
const MAX_AHEAD: TimeDelta = TimeDelta::hours(24);

/// The arrival time, if it lies within what OpenSearch's `date_nanos` holds (1970 to 2262).
pub(crate) fn arrival(arrival_ms: i64) -> Option<DateTime<Utc>> {
    let arrival = DateTime::from_timestamp_millis(arrival_ms).filter(|_| arrival_ms >= 0)?;
    arrival.timestamp_nanos_opt().map(|_| arrival)
}

/// The time that a candidate's value says, if it can be read and is plausible for an event that
/// arrived at `arrival`.
pub(crate) fn read(value: &Value, arrival: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let time = match value {
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => from_number(text)?,
        Value::String(text) => from_text(text)?,
        Value::Number(number) => from_number(number.as_str())?,
        _ => return None,
    };
    time.timestamp_nanos_opt()?;
    (time.timestamp() >= EARLIEST_S && time <= arrival + MAX_AHEAD).then_some(time)
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
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&as_rfc3339(text).unwrap_or_default()))
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
    if !rest.starts_with(':') {
        if rest.starts_with(['.', ',']) {
            return None;
        }
        let zone = if rest.is_empty() { "Z" } else { rest };
        return Some(format!("{date}{minutes}:00{zone}"));
    }
    let (seconds, rest) = rest.split_at_checked(":56".len())?;
    let rest = rest.replacen(',', ".", usize::from(rest.starts_with(',')));
    let has_zone = rest.contains(['Z', 'z', '+', '-']);
    let zone = if has_zone { "" } else { "Z" };
    Some(format!("{date}{minutes}{seconds}{rest}{zone}"))
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
