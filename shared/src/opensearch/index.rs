//! The name of the index that a document goes to: a pattern over its `@timestamp`.

use crate::event::Timestamp;

/// `INDEX` if it is not set: one index a day.
pub const DEFAULT: &str = "music-events-%Y.%m.%d";

/// Maximum length of a name, in bytes (source: OpenSearch documentation, "Create index").
const MAX_NAME_BYTES: usize = 255;

/// The meaning of a specifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// `%Y`, four digits
    Year,
    /// `%y`, two digits
    ShortYear,
    /// `%m`
    Month,
    /// `%d`
    Day,
    /// `%j`, three digits
    DayOfYear,
    /// `%H`
    Hour,
    /// `%G`, the year of the ISO week
    WeekYear,
    /// `%V`
    Week,
}

/// A name with strftime specifiers, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPattern {
    /// Each specifier, after the text before it.
    parts: Vec<(String, Part)>,
    /// The text after the last specifier.
    rest: String,
}

/// Why a pattern is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// An unknown specifier.
    #[error("%{0} is not one of %Y %y %m %d %j %H %G %V and %F")]
    Specifier(char),
    /// A `%` at the end.
    #[error("it ends with %")]
    Unfinished,
    /// A name that OpenSearch does not accept.
    #[error("a name {0}")]
    Name(&'static str),
}

impl IndexPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`], also if OpenSearch would not accept the resulting names.
    pub fn parse(pattern: &str) -> Result<Self, PatternError> {
        let (mut parts, mut text) = (Vec::new(), String::new());
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                text.push(character);
                continue;
            }
            let part = match characters.next().ok_or(PatternError::Unfinished)? {
                'Y' => Part::Year,
                'y' => Part::ShortYear,
                'm' => Part::Month,
                'd' => Part::Day,
                'j' => Part::DayOfYear,
                'H' => Part::Hour,
                'G' => Part::WeekYear,
                'V' => Part::Week,
                'F' => {
                    parts.push((std::mem::take(&mut text), Part::Year));
                    parts.push(("-".to_owned(), Part::Month));
                    text.push('-');
                    Part::Day
                }
                other => return Err(PatternError::Specifier(other)),
            };
            parts.push((std::mem::take(&mut text), part));
        }
        let pattern = Self { parts, rest: text };
        let mut name = Vec::new();
        // The names for all times have the same length and the same characters, except for digits.
        pattern.write(Timestamp::YEAR_2000, &mut name);
        check_name(&String::from_utf8_lossy(&name)).map_err(PatternError::Name)?;
        Ok(pattern)
    }

    /// Appends the name for a document of this time; it needs no escapes in JSON.
    pub fn write(&self, time: Timestamp, out: &mut Vec<u8>) {
        for (text, part) in &self.parts {
            out.extend_from_slice(text.as_bytes());
            let (year, month, day) = time.date();
            let (value, width) = match part {
                Part::Year => (year, 4),
                Part::ShortYear => (year % 100, 2),
                Part::Month => (month, 2),
                Part::Day => (day, 2),
                Part::DayOfYear => (day_of_year(time), 3),
                Part::Hour => (time.hour(), 2),
                Part::WeekYear => (week(time).0, 4),
                Part::Week => (week(time).1, 2),
            };
            let mut tens = 10_u64.pow(width - 1);
            while tens > 0 {
                out.push(b'0' + (value / tens % 10).to_le_bytes()[0]);
                tens /= 10;
            }
        }
        out.extend_from_slice(self.rest.as_bytes());
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn day_of_year(time: Timestamp) -> u64 {
    const DAYS_BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let (year, month, day) = time.date();
    let before = usize::try_from(month - 1).ok().and_then(|at| DAYS_BEFORE.get(at));
    before.copied().unwrap_or_default() + u64::from(month > 2 && is_leap(year)) + day
}

/// The ISO week and its year: the year of its Thursday.
fn week(time: Timestamp) -> (u64, u64) {
    let (year, ..) = time.date();
    // The day of the year (1 is the first of January) of the week's Thursday; below 1, it is in the
    // previous year.
    let thursday = day_of_year(time) + 4;
    let weekday = time.weekday();
    let length = |year| 365 + u64::from(is_leap(year));
    if thursday <= weekday {
        let thursday = thursday + length(year - 1) - weekday;
        (year - 1, (thursday - 1) / 7 + 1)
    } else if thursday - weekday > length(year) {
        (year + 1, 1)
    } else {
        (year, (thursday - weekday - 1) / 7 + 1)
    }
}

/// Checks a name like OpenSearch (source: OpenSearch documentation, "Create index", index naming
/// restrictions).
fn check_name(name: &str) -> Result<(), &'static str> {
    let forbidden = |c: char| " \"*\\<|,>/?#:".contains(c) || c.is_control();
    if name.is_empty() {
        Err("must not be empty")
    } else if name.len() > MAX_NAME_BYTES {
        Err("has at most 255 bytes")
    } else if name.starts_with(['_', '-', '+']) {
        Err("must not start with _, - or +")
    } else if name == "." || name == ".." {
        Err("must not be . or ..")
    } else if name.chars().any(forbidden) {
        Err("must not have spaces or any of \"*\\<|,>/?#:")
    } else if name.chars().any(char::is_uppercase) {
        Err("must be in lower case")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(pattern: &str, time: &str) -> String {
        let mut name = Vec::new();
        let time = Timestamp::from_text(time.as_bytes()).unwrap();
        IndexPattern::parse(pattern).unwrap().write(time, &mut name);
        String::from_utf8(name).unwrap()
    }

    #[test]
    fn names_are_made_of_the_time_in_utc() {
        let time = "2024-03-01T00:30:00+01:00";
        assert_eq!(name("music-events-%Y.%m.%d", time), "music-events-2024.02.29");
        assert_eq!(name("%y%m%d-%H-%j", time), "240229-23-060");
        assert_eq!(name("a-%F-b", time), "a-2024-02-29-b");
        assert_eq!(name("music-events", time), "music-events");
        assert_eq!(name("음악-%Y", time), "음악-2024");
    }

    #[test]
    fn days_of_the_year_are_counted_over_leap_days() {
        for (time, day) in [
            ("2023-01-01", "001"),
            ("2023-03-01", "060"),
            ("2024-03-01", "061"),
            ("2023-12-31", "365"),
            ("2024-12-31", "366"),
            ("2100-12-31", "365"),
        ] {
            assert_eq!(name("%j", time), day, "{time}");
        }
    }

    #[test]
    fn weeks_are_those_of_iso_8601() {
        // The expected values are those of Python's `date.isocalendar`.
        for (time, week) in [
            ("2020-12-31", "2020-w53"),
            ("2021-01-03", "2020-w53"),
            ("2021-01-04", "2021-w01"),
            ("2024-12-29", "2024-w52"),
            ("2024-12-30", "2025-w01"),
            ("2023-01-01", "2022-w52"),
            ("2016-01-01", "2015-w53"),
            ("2024-03-01", "2024-w09"),
        ] {
            assert_eq!(name("%G-w%V", time), week, "{time}");
        }
    }

    #[test]
    fn patterns_that_name_no_index_are_refused() {
        let long = "x".repeat(252);
        for (pattern, reason) in [
            ("music-%Q", "%Q is not one of %Y %y %m %d %j %H %G %V and %F"),
            ("music-%%", "%% is not one of %Y %y %m %d %j %H %G %V and %F"),
            ("music-%", "it ends with %"),
            ("", "a name must not be empty"),
            ("Music", "a name must be in lower case"),
            ("_music", "a name must not start with _, - or +"),
            (".", "a name must not be . or .."),
            ("music events", "a name must not have spaces or any of \"*\\<|,>/?#:"),
            ("music\"", "a name must not have spaces or any of \"*\\<|,>/?#:"),
            ("music\n", "a name must not have spaces or any of \"*\\<|,>/?#:"),
            (&format!("{long}%Y"), "a name has at most 255 bytes"),
        ] {
            let error = IndexPattern::parse(pattern).unwrap_err().to_string();
            assert_eq!(error, reason, "{pattern}");
        }
        assert_eq!(name(&format!("{}%Y", &long[1..]), "2024-01-01").len(), 255);
    }
}
