//! The answer of an end: a number of rows, and the newest update.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use shared::event;

/// The rows of an end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    /// A whole number.
    pub(crate) rows: f64,
    pub(crate) newest: Option<Timestamp>,
}

/// A column of a row, as text; `None` is NULL.
pub(crate) type Column = Option<String>;

/// Why the answer of a query is invalid, without its data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("the query returned no row")]
    NoRow,
    #[error("the first column is not a number of rows: {0}")]
    Rows(String),
    #[error("the second column is not a time, epoch seconds or NULL: {0}")]
    Newest(String),
}

impl Measured {
    /// Reads the first row of a query's answer.
    pub(crate) fn of_row(row: &[Column]) -> Result<Self, Unusable> {
        let shown = |column: Option<&str>| match column {
            Some(text) => format!("text of {} characters", text.chars().count()),
            None => "NULL".to_owned(),
        };
        let mut columns = row.iter().map(|column| column.as_deref().map(str::trim));
        let rows = columns.next().ok_or(Unusable::NoRow)?;
        let is_count = |rows: &f64| rows.is_finite() && *rows >= 0.0 && rows.fract() == 0.0;
        let count = rows.and_then(|rows| rows.parse().ok()).filter(is_count);
        let rows = count.ok_or_else(|| Unusable::Rows(shown(rows)))?;
        let newest = columns.next().flatten();
        let newest = newest.map(|text| time(text).ok_or_else(|| Unusable::Newest(shown(newest))));
        Ok(Self { rows, newest: newest.transpose()? })
    }
}

/// Parses a time: text, in UTC unless it has an offset, or seconds since 1970, possibly with an
/// exponent.
fn time(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let time = event::Timestamp::from_text(bytes).or_else(|| event::Timestamp::from_number(bytes));
    match time {
        Some(time) => Timestamp::from_nanosecond(time.nanoseconds().into()).ok(),
        // Documents cannot have times before 1970 or after 2262, but databases use them as
        // placeholders.
        None => text.parse().ok().or_else(|| {
            let time: DateTime = text.parse().ok()?;
            Some(TimeZone::UTC.to_timestamp(time).unwrap_or(Timestamp::MAX))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[Option<&str>]) -> Result<(f64, Option<String>), String> {
        let row: Vec<_> = columns.iter().map(|column| column.map(str::to_owned)).collect();
        let measured = Measured::of_row(&row).map_err(|error| error.to_string())?;
        Ok((measured.rows, measured.newest.map(|time| time.to_string())))
    }

    #[test]
    fn the_first_column_is_the_number_of_rows() {
        for (text, rows) in
            [("0", 0.0), ("990", 990.0), (" 990.00", 990.0), ("1.2E3", 1_200.0), ("-0", 0.0)]
        {
            assert_eq!(row(&[Some(text)]), Ok((rows, None)), "{text}");
        }
        let wrong = "the first column is not a number of rows: ";
        for text in ["", "-1", "1.5", "many", "NaN", "inf", "2026-11-28"] {
            let length = text.len();
            assert_eq!(row(&[Some(text)]), Err(format!("{wrong}text of {length} characters")));
        }
        assert_eq!(row(&[None, None]), Err(format!("{wrong}NULL")));
        assert_eq!(row(&[]), Err("the query returned no row".to_owned()));
    }

    #[test]
    fn the_second_column_is_the_newest_update() {
        for (text, time) in [
            ("2026-11-28T07:00:00Z", "2026-11-28T07:00:00Z"),
            ("2026-11-28 07:00:00", "2026-11-28T07:00:00Z"),
            ("2026-11-28 07:00:00.25", "2026-11-28T07:00:00.25Z"),
            ("2026-11-28 07:00:00.123456+00", "2026-11-28T07:00:00.123456Z"),
            ("2026-11-28 09:00:00+02:00", "2026-11-28T07:00:00Z"),
            ("2026-11-28 07:00:00 UTC", "2026-11-28T07:00:00Z"),
            ("2026-11-28", "2026-11-28T00:00:00Z"),
            ("1795849200", "2026-11-28T07:00:00Z"),
            ("1795849200.5", "2026-11-28T07:00:00.5Z"),
            ("1.7958492E9", "2026-11-28T07:00:00Z"),
            ("1.79E9", "2026-09-21T14:13:20Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("1900-01-01 00:00:00", "1900-01-01T00:00:00Z"),
            ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00Z"),
            ("9999-12-31", "9999-12-30T22:00:00.999999999Z"),
            ("9999-12-31 23:59:59", "9999-12-30T22:00:00.999999999Z"),
        ] {
            let expected = Ok((1.0, Some(time.to_owned())));
            assert_eq!(row(&[Some("1"), Some(text), Some("more")]), expected, "{text}");
        }
        assert_eq!(row(&[Some("1"), None]), Ok((1.0, None)));
        let wrong = "the second column is not a time, epoch seconds or NULL: ";
        for text in ["", "never", "-1", "28.11.2026", "0000-00-00"] {
            let expected = format!("{wrong}text of {} characters", text.len());
            assert_eq!(row(&[Some("1"), Some(text)]), Err(expected));
        }
    }
}
