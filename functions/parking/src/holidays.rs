//! Days without a window.

use std::collections::BTreeSet;

use jiff::civil::Date;

/// Any leap year, so that February 29 is valid.
const LEAP_YEAR: i16 = 2024;

/// Days of one year, and days of every year.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holidays {
    once: BTreeSet<Date>,
    /// Month and day.
    yearly: BTreeSet<(i8, i8)>,
}

impl Holidays {
    /// Parses days such as `2026-12-25` and `12-25`, separated by commas.
    ///
    /// # Errors
    /// The first part that is not a day.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut holidays = Self::default();
        for day in text.split(',').map(str::trim).filter(|day| !day.is_empty()) {
            let parts: Vec<_> = day.split('-').collect();
            let numbers: Option<Vec<i16>> = match parts[..] {
                [month, day] => [(month, 2), (day, 2)].into_iter().map(number).collect(),
                [year, month, day] => {
                    [(year, 4), (month, 2), (day, 2)].into_iter().map(number).collect()
                }
                _ => None,
            };
            let date = |year, month, day| {
                Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
            };
            let is_known = match numbers.as_deref() {
                Some(&[year, month, day]) => {
                    date(year, month, day).map(|date| holidays.once.insert(date))
                }
                Some(&[month, day]) => date(LEAP_YEAR, month, day)
                    .map(|date| holidays.yearly.insert((date.month(), date.day()))),
                _ => None,
            };
            is_known.ok_or_else(|| day.to_owned())?;
        }
        Ok(holidays)
    }

    pub(crate) fn has(&self, date: Date) -> bool {
        self.once.contains(&date) || self.yearly.contains(&(date.month(), date.day()))
    }
}

/// A number with this number of digits.
fn number((digits, count): (&str, usize)) -> Option<i16> {
    let is_number = digits.len() == count && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_day_is_of_one_year_or_of_every_year() {
        let holidays = Holidays::parse("2026-12-24, 12-25,02-29,").unwrap();
        assert!(holidays.has(date(2026, 12, 24)) && !holidays.has(date(2027, 12, 24)));
        assert!(holidays.has(date(2026, 12, 25)) && holidays.has(date(2031, 12, 25)));
        assert!(holidays.has(date(2028, 2, 29)) && !holidays.has(date(2027, 2, 28)));
        assert_eq!(Holidays::parse(" "), Ok(Holidays::default()));
    }

    #[test]
    fn what_is_not_a_day_is_named() {
        for wrong in [
            "2026-13-01",
            "2027-02-29",
            "25.12.",
            "1-1",
            "12-25-2026",
            "2026",
            "-12-25",
            "26-12-25",
            "2026-0012-25",
            "0012-25",
        ] {
            assert_eq!(Holidays::parse(&format!("12-25,{wrong}")), Err(wrong.to_owned()));
        }
    }
}
