//! Dates and times of the civil calendar in UTC.

const SECONDS_PER_DAY: u64 = 86_400;

/// A date and time in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Utc {
    pub(crate) year: u64,
    /// 1 to 12.
    pub(crate) month: u64,
    /// 1 to 31.
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
    /// Days since 1970-01-01.
    days: u64,
}

impl Utc {
    /// So many seconds after 1970-01-01T00:00:00Z.
    pub(crate) fn from_seconds(seconds: u64) -> Self {
        let days = seconds / SECONDS_PER_DAY;
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        Self { year, month, day, hour, minute, second, days }
    }

    /// The week of ISO 8601, 1 to 53, and its year: the one that its Thursday lies in.
    pub(crate) fn iso_week(self) -> (u64, u64) {
        // 1970-01-01 was a Thursday, so day 3 of a week that starts on Monday.
        let weekday = (self.days + 3) % 7;
        let thursday = (self.days + 3).saturating_sub(weekday);
        let (year, _, _) = civil(thursday);
        (year, (thursday - days_before(year)) / 7 + 1)
    }
}

/// Year, month and day, so many days after 1970-01-01: Howard Hinnant's `civil_from_days`
/// ("chrono-compatible low-level date algorithms") for days since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let since_march_0000 = days + 719_468;
    let era = since_march_0000 / 146_097;
    let day_of_era = since_march_0000 % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// Days from 1970-01-01 to the first of January of `year`, 1970 or later.
fn days_before(year: u64) -> u64 {
    let last = year - 1;
    let leap_days = last / 4 - last / 100 + last / 400;
    last * 365 + leap_days - 719_162
}

#[cfg(test)]
mod tests {
    use super::Utc;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, (1970, 1, 1, 0, 0, 0)),
            (951_782_399, (2000, 2, 28, 23, 59, 59)),
            (951_782_400, (2000, 2, 29, 0, 0, 0)),
            (951_868_800, (2000, 3, 1, 0, 0, 0)),
            (1_709_296_496, (2024, 3, 1, 12, 34, 56)),
            (1_735_689_599, (2024, 12, 31, 23, 59, 59)),
            (4_107_542_399, (2100, 2, 28, 23, 59, 59)),
            (4_107_542_400, (2100, 3, 1, 0, 0, 0)),
        ] {
            let Utc { year, month, day, hour, minute, second, .. } = Utc::from_seconds(seconds);
            assert_eq!((year, month, day, hour, minute, second), expected);
        }
    }

    #[test]
    fn weeks_belong_to_the_year_of_their_thursday() {
        for (seconds, expected) in [
            (0, (1970, 1)),              // Thursday, 1970-01-01
            (1_451_779_200, (2015, 53)), // Sunday, 2016-01-03
            (1_451_865_600, (2016, 1)),  // Monday, 2016-01-04
            (1_735_516_800, (2025, 1)),  // Monday, 2024-12-30
            (1_735_516_799, (2024, 52)), // Sunday, 2024-12-29
            (1_609_459_200, (2020, 53)), // Friday, 2021-01-01
        ] {
            assert_eq!(Utc::from_seconds(seconds).iso_week(), expected);
        }
    }
}
