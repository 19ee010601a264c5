//! The time of an event: reads the forms that producers write, decides which are plausible, and
//! writes the form that documents have.
//!
//! A time is a [`Timestamp`], whole nanoseconds since 1970; all arithmetic is on the digits as
//! written, without floating point.

mod text;

use crate::json;

const SECOND: u64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Nanoseconds since 1970-01-01T00:00:00Z, at most [`Timestamp::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 2262-04-11T23:47:16.854775807Z, the last time that OpenSearch's `date_nanos` accepts
    /// (source: OpenSearch documentation, "Date nanoseconds field type").
    pub const MAX: Self = Self(i64::MAX as u64);

    /// The start of the year 2000.
    pub const YEAR_2000: Self = Self(946_684_800 * SECOND);

    /// Creates a time from nanoseconds since 1970, if it is not after [`Timestamp::MAX`].
    #[must_use]
    pub fn from_nanos(nanos: u128) -> Option<Self> {
        u64::try_from(nanos).ok().map(Self).filter(|time| *time <= Self::MAX)
    }

    /// Creates a time from a JSON number, in milliseconds since 1970. `None` if it is not a number
    /// or not from 1970 to [`Timestamp::MAX`].
    #[must_use]
    pub fn from_milliseconds(number: &[u8]) -> Option<Self> {
        Self::scaled(number, |_| 6)
    }

    /// Reads a time in text. Accepts the forms of [`Timestamp::from_rfc3339`]; digits alone or with
    /// a fraction, which are a number ([`Timestamp::from_number`]); offsets such as `+0900`, `+09`,
    /// ` UTC`, ` GMT` and `Z[UTC]`, or with a space before them; `Wed, 28 Feb 2024 23:59:58 GMT`,
    /// `28/Feb/2024:23:59:58 +0000` and `/Date(1709164798789)/`.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Option<Self> {
        if text.iter().all(u8::is_ascii_digit) {
            return Self::from_number(text);
        }
        text::rfc3339(text).or_else(|| text::other(text))
    }

    /// Reads an RFC 3339 time or a similar form: without an offset, it is UTC; `T`, `t` or one
    /// space before the time of day; seconds optional; `.` or `,` before the fraction; a date alone
    /// is its midnight. Second 60 is the last nanosecond of that minute.
    #[must_use]
    pub fn from_rfc3339(text: &[u8]) -> Option<Self> {
        text::rfc3339(text)
    }

    /// Reads a JSON number, whose magnitude determines the unit: below 1e11 seconds, below 1e14
    /// milliseconds, below 1e17 microseconds, else nanoseconds since 1970.
    #[must_use]
    pub fn from_number(number: &[u8]) -> Option<Self> {
        Self::scaled(number, |digits| match digits {
            ..=11 => 9,
            12..=14 => 6,
            15..=17 => 3,
            18.. => 0,
        })
    }

    /// Reads a number of units of 10^`power` nanoseconds; `power` receives the number of digits
    /// before the point.
    fn scaled(number: &[u8], power: impl Fn(i64) -> u32) -> Option<Self> {
        // Nearly all numbers are integers without sign or exponent.
        if let Some(number) = whole(number) {
            let digits = number.checked_ilog10().map_or(0, |log| i64::from(log) + 1);
            return Self::from_nanos(u128::from(number) * 10_u128.pow(power(digits)));
        }
        let number = Decimal::parse(number)?;
        number.times_ten_to(power(number.integer_digits()))
    }

    fn from_parts(seconds: i64, nanos: u64) -> Option<Self> {
        let nanos = u64::try_from(seconds).ok()?.checked_mul(SECOND)?.checked_add(nanos)?;
        Some(Self(nanos)).filter(|time| *time <= Self::MAX)
    }

    /// This time plus `seconds`, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(SECOND))).min(Self::MAX)
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub const fn nanoseconds(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since 1970.
    #[must_use]
    pub const fn milliseconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Year, month (1 to 12) and day (1 to 31) in UTC.
    #[must_use]
    pub const fn date(self) -> (u64, u64, u64) {
        civil_from_days(self.0 / SECOND / 86_400)
    }

    /// The hour of the day in UTC, 0 to 23.
    #[must_use]
    pub const fn hour(self) -> u64 {
        self.0 / SECOND / 3_600 % 24
    }

    /// The day of the week in UTC, 1 (Monday) to 7.
    #[must_use]
    pub const fn weekday(self) -> u64 {
        // 1970-01-01 was a Thursday.
        (self.0 / SECOND / 86_400 + 3) % 7 + 1
    }

    /// Appends the time in UTC, `2024-03-01T12:34:56.789Z`: three fraction digits, or up to nine if
    /// the time is finer.
    pub fn write(self, out: &mut Vec<u8>) {
        let seconds = self.0 / SECOND;
        let (year, month, day) = self.date();
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        for (at, number) in [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day),
            (11, self.hour()),
            (14, seconds / 60 % 60),
            (17, seconds % 60),
        ] {
            // All of them are below 100.
            let [number, ..] = number.to_le_bytes();
            text[at] += number / 10;
            text[at + 1] += number % 10;
        }
        let mut fraction = self.0 % SECOND;
        let mut end = 29;
        if fraction.is_multiple_of(1_000_000) {
            fraction /= 1_000_000;
            end = 23;
        }
        for digit in text[20..end].iter_mut().rev() {
            *digit += (fraction % 10) as u8;
            fraction /= 10;
        }
        while end > 23 && text[end - 1] == b'0' {
            end -= 1;
        }
        text[end] = b'Z';
        out.extend_from_slice(&text[..=end]);
    }
}

/// A time that is written repeatedly: that of ingestion is the same for all records of an
/// invocation.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    time: Option<Timestamp>,
    text: Vec<u8>,
}

impl Repeated {
    /// The text of `time` as written by [`Timestamp::write`].
    #[inline]
    pub(super) fn text(&mut self, time: Timestamp) -> &[u8] {
        if self.time != Some(time) {
            self.time = Some(time);
            self.text.clear();
            time.write(&mut self.text);
        }
        &self.text
    }
}

/// Determines which times are used: an event's own, its envelope's and its arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plausible {
    /// The earliest time.
    pub min: Timestamp,
    /// How far a time may be in the future, in seconds.
    pub max_ahead_seconds: u64,
}

impl Plausible {
    /// Whether an event that is read at `now` can have happened at `time`.
    #[must_use]
    pub fn holds(&self, time: Timestamp, now: Timestamp) -> bool {
        self.min <= time && time <= now.plus_seconds(self.max_ahead_seconds)
    }
}

/// Reads the time in a JSON value: the content of a string, or a number. `spare` is a buffer.
pub(super) fn parse(kind: json::Kind, value: &[u8], spare: &mut Vec<u8>) -> Option<Timestamp> {
    match kind {
        json::Kind::Number => Timestamp::from_number(value),
        json::Kind::String => {
            Timestamp::from_text(json::meaning(&value[1..value.len() - 1], spare))
        }
        _ => None,
    }
}

/// Reads the time in a JSON value that is not parsed yet.
pub(super) fn read(value: &[u8], spare: &mut Vec<u8>) -> Option<Timestamp> {
    let kind = match value.first()? {
        b'"' => json::Kind::String,
        b'-' | b'0'..=b'9' => json::Kind::Number,
        _ => return None,
    };
    parse(kind, value, spare)
}

/// Parses a number that consists of digits only, few enough to fit.
pub(super) fn whole(number: &[u8]) -> Option<u64> {
    let fits = (1..=18).contains(&number.len());
    let add =
        |value, digit: &u8| digit.is_ascii_digit().then(|| value * 10 + u64::from(digit - b'0'));
    if fits { number.iter().try_fold(0, add) } else { None }
}

/// A non-negative number: `integer`.`fraction` x 10^`exponent`. Its first digit is not zero, and
/// zero has no digits; if `integer` is empty, `fraction` has no leading zero.
struct Decimal<'a> {
    integer: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Accepts JSON numbers, also with leading zeros.
    fn parse(number: &'a [u8]) -> Option<Self> {
        let (negative, number) = match number {
            [b'-', number @ ..] => (true, number),
            number => (false, number),
        };
        let (mantissa, exponent) = match number.iter().position(|byte| matches!(byte, b'e' | b'E'))
        {
            Some(at) => (&number[..at], exponent(&number[at + 1..])?),
            None => (number, 0),
        };
        let (integer, fraction) = match mantissa.iter().position(|&byte| byte == b'.') {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        let all_digits = |digits: &[u8]| digits.iter().all(u8::is_ascii_digit);
        if integer.is_empty() || !all_digits(integer) || !all_digits(fraction) {
            return None;
        }
        let zeros = |digits: &[u8]| digits.iter().take_while(|&&digit| digit == b'0').count();
        let integer = &integer[zeros(integer)..];
        let mut decimal = Self { integer, fraction, exponent };
        if integer.is_empty() {
            let skipped = zeros(fraction);
            decimal.fraction = &fraction[skipped..];
            decimal.exponent = exponent.saturating_sub_unsigned(skipped as u64);
        }
        Some(decimal).filter(|decimal| !negative || decimal.is_zero())
    }

    const fn is_zero(&self) -> bool {
        self.integer.is_empty() && self.fraction.is_empty()
    }

    /// The number of digits before the point when written without an exponent; zero or negative for
    /// numbers below 1.
    fn integer_digits(&self) -> i64 {
        if self.is_zero() {
            return 0;
        }
        self.exponent.saturating_add_unsigned(self.integer.len() as u64)
    }

    /// The integer part of this number times 10^`power`, as a time in nanoseconds.
    fn times_ten_to(&self, power: u32) -> Option<Timestamp> {
        // More than 19 digits are always out of range.
        let count =
            usize::try_from(self.integer_digits().saturating_add(i64::from(power)).max(0)).ok()?;
        if count > 19 {
            return None;
        }
        let digits = self.integer.iter().chain(self.fraction).chain(std::iter::repeat(&b'0'));
        let add = |value: u128, digit: &u8| value * 10 + u128::from(digit - b'0');
        Timestamp::from_nanos(digits.take(count).fold(0, add))
    }
}

fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // An exponent this large is always out of range, so it need not be exact.
    let value = digits.iter().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(1_000_000)
    });
    Some(if negative { -value } else { value })
}

fn days_in_month(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(28 + i64::from(leap)),
        _ => None,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, by counting in years that start
/// in March and eras of 400 years (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date this number of days after 1970-01-01: the inverse of [`days_from_civil`].
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + (month <= 2) as u64, month, day)
}

#[cfg(test)]
mod tests;
