//! Times as `date_nanos` with the format `strict_date_optional_time_nanos` takes them.

use crate::calendar::Utc;

/// Nanoseconds of one second.
pub(super) const SECOND: i64 = 1_000_000_000;

/// The nanoseconds since 1970 of an ISO 8601 date with an optional time (UTC unless it has an
/// offset) and up to 9 fraction digits, if it lies from 1970 to 2262, where they fit.
pub(super) fn nanoseconds(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    if parts.next().is_some() || !(1..=12).contains(&month) {
        return None;
    }
    if day < 1 || day > days_of_month(year, month) {
        return None;
    }
    let (seconds, fraction) = time.map_or(Some((0, 0)), of_day)?;
    let seconds = days_since_1970(year, month, day) * 86_400 + seconds;
    let nanoseconds = i128::from(seconds) * i128::from(SECOND) + i128::from(fraction);
    i64::try_from(nanoseconds).ok().filter(|nanoseconds| *nanoseconds >= 0)
}

/// Seconds since midnight in UTC (less than 0 or more than a day by the offset), and nanoseconds.
fn of_day(time: &str) -> Option<(i64, i64)> {
    let (time, offset) = split_offset(time)?;
    let (clock, fraction) = match time.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (time, None),
    };
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = parts.next().map_or(Some(0), |part| digits(part, 2)).filter(|part| *part < 60)?;
    let second = parts.next().map_or(Some(0), |part| digits(part, 2)).filter(|part| *part < 60)?;
    if parts.next().is_some() || (fraction.is_some() && clock.len() != 8) {
        return None;
    }
    let nanoseconds = match fraction {
        None => 0,
        Some(fraction) if fraction.is_empty() || fraction.len() > 9 => return None,
        Some(fraction) => digits(&format!("{fraction:0<9}"), 9)?,
    };
    Some((hour * 3_600 + minute * 60 + second - offset, nanoseconds))
}

/// A time and its offset from UTC in seconds.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else { return Some((time, 0)) };
    let (time, offset) = time.split_at(at);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let offset = offset[1..].replace(':', "");
    let (hours, minutes) =
        if offset.len() == 2 { (&offset[..], "00") } else { (offset.get(..2)?, offset.get(2..)?) };
    let hours = digits(hours, 2).filter(|hours| *hours <= 18)?;
    let minutes = digits(minutes, 2).filter(|minutes| *minutes < 60)?;
    Some((time, sign * (hours * 3_600 + minutes * 60)))
}

fn digits(text: &str, length: usize) -> Option<i64> {
    let all = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = |year: i64| {
        let past = year - 1;
        past * 365 + past / 4 - past / 100 + past / 400
    };
    let of_year: i64 = (1..month).map(|month| days_of_month(year, month)).sum();
    before(year) - before(1970) + of_year + day - 1
}

/// A time from 1970 on, as a histogram's key has it: UTC, milliseconds.
pub(super) fn text(nanoseconds: i64) -> String {
    let milliseconds = nanoseconds.unsigned_abs() / 1_000_000;
    let Utc { year, month, day, hour, minute, second, .. } =
        Utc::from_seconds(milliseconds / 1_000);
    let fraction = milliseconds % 1_000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_real_server_reads() {
        let noon = 1_709_296_496 * SECOND;
        for (text, expected) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2024-03-01T12:34:56Z", noon),
            ("2024-03-01T12:34:56", noon),
            ("2024-03-01T12:34:56.789Z", noon + 789_000_000),
            ("2024-03-01T12:34:56,123456789Z", noon + 123_456_789),
            ("2024-03-01T21:34:56+09:00", noon),
            ("2024-03-01", noon - 45_296 * SECOND),
            ("2024-02-29", noon - 45_296 * SECOND - 86_400 * SECOND),
            ("2262-04-11T23:47:16.854775807Z", i64::MAX),
        ] {
            assert_eq!(nanoseconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_the_real_server_refuses() {
        for text in [
            "",
            " ",
            "yesterday",
            "1709296496789",
            "2024-02-30T00:00:00.000Z",
            "2024-03-01T12:34:60.000Z",
            "2024-03-01T12:34:56.1234567890Z",
            "1969-12-31T23:59:59.999Z",
            "2262-04-11T23:47:16.854775808Z",
            "2024-13-01",
            "2024-03-01T24:00:00Z",
            "2024-03-01 12:34:56",
            "2023-02-29",
            "24-03-01",
        ] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for time in
            ["1970-01-01T00:00:00.000Z", "2000-02-29T23:59:59.999Z", "2024-12-31T12:00:00.001Z"]
        {
            assert_eq!(text(nanoseconds(time).unwrap()), time);
        }
    }
}
