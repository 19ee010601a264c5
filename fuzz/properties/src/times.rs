//! Times as producers write them.

use jiff::tz::TimeZone;
use shared::event::Timestamp;

/// If jiff can also parse a text that is a time, it is the same time. RFC 3339 that jiff parses is
/// parsed. A written time is parsed by both as the same time.
pub fn times(text: &[u8]) {
    let time = Timestamp::from_text(text);
    if let Some(second) = second_opinion(text) {
        assert_eq!(time, second, "{}", text.escape_ascii());
    }
    if let Some(number) = std::str::from_utf8(text).ok().and_then(number) {
        check_number(text, number);
    }
    for time in [time, Timestamp::from_rfc3339(text), Timestamp::from_milliseconds(text)] {
        time.into_iter().for_each(check_written);
    }
}

/// jiff's result for a text in the form of RFC 3339; `None` for other texts.
#[expect(clippy::option_option, reason = "no opinion, or the opinion that it is not a time")]
fn second_opinion(text: &[u8]) -> Option<Option<Timestamp>> {
    let form = |text: &[u8], form: &[u8]| {
        text.len() == form.len()
            && text.iter().zip(form).all(|(byte, of)| match of {
                b'0' => byte.is_ascii_digit(),
                b'+' => matches!(byte, b'+' | b'-'),
                other => byte == other,
            })
    };
    let (date_time, rest) = text.split_at_checked(19)?;
    let digits = rest
        .strip_prefix(b".")
        .map_or(0, |fraction| fraction.iter().take_while(|byte| byte.is_ascii_digit()).count() + 1);
    let (fraction, offset) = rest.split_at(digits);
    let is_utc = offset == b"Z";
    let fits = form(date_time, b"0000-00-00T00:00:00")
        && (fraction.is_empty() || (2..=10).contains(&fraction.len()))
        && (is_utc || form(offset, b"+00:00") && &offset[1..3] < b"24".as_slice());
    // jiff treats a leap second as the second before it.
    if !fits || &date_time[17..] == b"60" {
        return None;
    }
    let time = std::str::from_utf8(text).ok()?.parse::<jiff::Timestamp>().ok();
    Some(time.and_then(|time| Timestamp::from_nanos(u128::try_from(time.as_nanosecond()).ok()?)))
}

/// A JSON number that is not negative.
fn number(text: &str) -> Option<f64> {
    let number: serde_json::Number = serde_json::from_str(text.trim()).ok()?;
    number.as_f64().filter(|_| !text.starts_with('-') && text.trim().len() == text.len())
}

/// Checks that the magnitude of a number determines its unit.
fn check_number(text: &[u8], number: f64) {
    let nanoseconds = match number {
        ..1e11 => number * 1e9,
        ..1e14 => number * 1e6,
        ..1e17 => number * 1e3,
        _ => number,
    };
    // A double is not exact enough if the last digit decides.
    let is_near = |limit: f64| (number / limit - 1.0).abs() < 1e-12;
    if [1e11, 1e14, 1e17, 9.223_372_036_854_775e18].iter().any(|limit| is_near(*limit)) {
        return;
    }
    let Some(time) = Timestamp::from_number(text) else {
        assert!(nanoseconds > 9.2e18, "{} is refused", text.escape_ascii());
        return;
    };
    #[expect(clippy::cast_precision_loss, reason = "compared as doubles")]
    let difference = (time.nanoseconds() as f64 - nanoseconds).abs();
    assert!(difference <= 1.0 + nanoseconds * 1e-14, "{time:?} of {}", text.escape_ascii());
}

fn check_written(time: Timestamp) {
    let mut written = Vec::new();
    time.write(&mut written);
    assert_eq!(Timestamp::from_rfc3339(&written), Some(time));
    let text = String::from_utf8(written).unwrap();
    let jiff: jiff::Timestamp = text.parse().unwrap();
    assert_eq!(jiff.as_nanosecond(), i128::from(time.nanoseconds()), "{text}");
    let civil = jiff.to_zoned(TimeZone::UTC).datetime();
    let date = [civil.year(), civil.month().into(), civil.day().into()].map(i128::from);
    let (year, month, day) = time.date();
    assert_eq!(date, [year, month, day].map(i128::from));
    let hour_and_day = [civil.hour(), civil.weekday().to_monday_one_offset()].map(i128::from);
    assert_eq!(hour_and_day, [time.hour(), time.weekday()].map(i128::from));
}
