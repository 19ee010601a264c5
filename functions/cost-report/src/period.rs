//! The days of a report, and those with which it compares them.

use jiff::ToSpan;
use jiff::civil::Date;

/// The period of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    Day,
    Week,
    Month,
}

/// Whole days in UTC, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    pub(crate) start: Date,
    /// The day after the last one, as in Cost Explorer.
    pub(crate) end: Date,
}

/// The days of one report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Periods {
    pub(crate) current: Days,
    /// The period before it.
    pub(crate) before: Days,
    /// The days of this month before today; none on the 1st.
    pub(crate) month_so_far: Option<Days>,
    /// From today to the end of this month.
    pub(crate) rest_of_month: Days,
}

impl Period {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "day" => Some(Self::Day),
            "week" => Some(Self::Week),
            "month" => Some(Self::Month),
            _ => None,
        }
    }

    /// The periods of a report on a day. The last `settle_days` days before it are left out,
    /// because their costs still change.
    pub(crate) fn at(self, today: Date, settle_days: u8) -> Periods {
        let settled = today.saturating_sub(i64::from(settle_days).days());
        let back = |from: Date| match self {
            Self::Day => from.saturating_sub(1.days()),
            Self::Week => from.saturating_sub(7.days()),
            Self::Month => from.saturating_sub(1.months()),
        };
        let end = match self {
            Self::Month => settled.first_of_month(),
            _ => settled,
        };
        let start = back(end);
        let first = today.first_of_month();
        Periods {
            current: Days { start, end },
            before: Days { start: back(start), end: start },
            month_so_far: (first < today).then_some(Days { start: first, end: today }),
            rest_of_month: Days { start: today, end: first.saturating_add(1.months()) },
        }
    }
}

impl Days {
    /// The last day.
    pub(crate) fn last(self) -> Date {
        self.end.saturating_sub(1.days())
    }

    /// Such as `2026-11-19 to 2026-11-25`; one day is one date.
    pub(crate) fn text(self) -> String {
        let last = self.last();
        if self.start == last { last.to_string() } else { format!("{} to {last}", self.start) }
    }
}

impl Periods {
    /// Both periods.
    pub(crate) const fn both(self) -> Days {
        Days { start: self.before.start, end: self.current.end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(start: &str, end: &str) -> Days {
        Days { start: start.parse().unwrap(), end: end.parse().unwrap() }
    }

    #[test]
    fn a_period_ends_before_the_days_that_still_change() {
        for (period, today, settle_days, before, start, end) in [
            (Period::Week, "2026-11-27", 1, "2026-11-12", "2026-11-19", "2026-11-26"),
            (Period::Week, "2026-11-27", 0, "2026-11-13", "2026-11-20", "2026-11-27"),
            (Period::Week, "2026-01-02", 3, "2025-12-16", "2025-12-23", "2025-12-30"),
            (Period::Day, "2026-03-02", 1, "2026-02-27", "2026-02-28", "2026-03-01"),
            (Period::Day, "2026-03-01", 0, "2026-02-27", "2026-02-28", "2026-03-01"),
            (Period::Month, "2026-11-27", 1, "2026-09-01", "2026-10-01", "2026-11-01"),
            // The last day of October is not settled yet: September is the last whole month.
            (Period::Month, "2026-11-01", 1, "2026-08-01", "2026-09-01", "2026-10-01"),
            (Period::Month, "2026-11-02", 1, "2026-09-01", "2026-10-01", "2026-11-01"),
            (Period::Month, "2026-11-01", 0, "2026-09-01", "2026-10-01", "2026-11-01"),
            (Period::Month, "2026-02-28", 3, "2025-12-01", "2026-01-01", "2026-02-01"),
        ] {
            let periods = period.at(today.parse().unwrap(), settle_days);
            assert_eq!(periods.current, days(start, end), "{period:?} {today}");
            assert_eq!(periods.before, days(before, start), "{period:?} {today}");
            assert_eq!(periods.both(), days(before, end));
        }
    }

    #[test]
    fn the_month_has_a_part_before_today_and_a_rest() {
        for (today, so_far, end) in [
            ("2026-11-27", Some("2026-11-01"), "2026-12-01"),
            ("2026-12-31", Some("2026-12-01"), "2027-01-01"),
            ("2026-12-01", None, "2027-01-01"),
        ] {
            let periods = Period::Week.at(today.parse().unwrap(), 1);
            assert_eq!(periods.month_so_far, so_far.map(|start| days(start, today)));
            assert_eq!(periods.rest_of_month, days(today, end));
        }
    }

    #[test]
    fn the_text_names_the_last_day() {
        assert_eq!(days("2026-11-19", "2026-11-26").text(), "2026-11-19 to 2026-11-25");
        assert_eq!(days("2026-11-30", "2026-12-01").text(), "2026-11-30");
    }
}
