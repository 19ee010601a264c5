//! UTC dates, for index and object names.

use std::time::SystemTime;

use super::Rotation;

/// Milliseconds since 1970; times before are 1970.
pub(super) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A date and time in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Utc {
    days: u64,
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Utc {
    pub(super) fn from_milliseconds(milliseconds: u64) -> Self {
        let seconds = milliseconds / 1000;
        let days = seconds / 86_400;
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        Self { days, year, month, day, hour, minute, second }
    }

    /// `2016/02/25/13/`: the prefix of objects in a backup.
    pub(super) fn prefix(self) -> String {
        format!("{:04}/{:02}/{:02}/{:02}/", self.year, self.month, self.day, self.hour)
    }

    /// `2016-02-25-13-04-05`: as an object's name holds it.
    pub(super) fn in_object_name(self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02}-{hour:02}-{minute:02}-{second:02}")
    }

    /// The index that a document of this arrival time goes to.
    pub(super) fn index(self, name: &str, rotation: Rotation) -> String {
        let Self { year, month, day, hour, .. } = self;
        match rotation {
            Rotation::None => name.to_owned(),
            Rotation::OneHour => format!("{name}-{year:04}-{month:02}-{day:02}-{hour:02}"),
            Rotation::OneDay => format!("{name}-{year:04}-{month:02}-{day:02}"),
            Rotation::OneWeek => {
                let (year, week) = self.iso_week();
                format!("{name}-{year:04}-w{week:02}")
            }
            Rotation::OneMonth => format!("{name}-{year:04}-{month:02}"),
        }
    }

    /// The week of ISO 8601: it belongs to the year that its Thursday lies in.
    fn iso_week(self) -> (u64, u64) {
        // 1970-01-01 was a Thursday, so day 3 of a week that starts on Monday.
        let weekday = (self.days + 3) % 7;
        let thursday = (self.days + 3).saturating_sub(weekday);
        let (year, _, _) = civil(thursday);
        let first_of_year = days_before(year);
        (year, (thursday - first_of_year) / 7 + 1)
    }
}

/// Year, month and day, so many days after 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let since_march_0000 = days + 719_468;
    let era = since_march_0000 / 146_097;
    let day_of_era = since_march_0000 % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// Days from 1970-01-01 to the first of January of `year`.
fn days_before(year: u64) -> u64 {
    let last = year - 1;
    let leap_days = last / 4 - last / 100 + last / 400;
    last * 365 + leap_days - 719_162
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Utc {
        Utc::from_milliseconds(seconds * 1000 + 999)
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01-00-00-00"),
            (951_782_399, "2000-02-28-23-59-59"),
            (951_782_400, "2000-02-29-00-00-00"),
            (1_709_296_496, "2024-03-01-12-34-56"),
            (4_107_542_399, "2100-02-28-23-59-59"),
            (4_107_542_400, "2100-03-01-00-00-00"),
            (1_735_689_599, "2024-12-31-23-59-59"),
        ] {
            assert_eq!(at(seconds).in_object_name(), expected);
        }
        assert_eq!(at(1_709_296_496).prefix(), "2024/03/01/12/");
    }

    #[test]
    fn indices_rotate_as_firehose_names_them() {
        let time = at(1_456_405_445); // 2016-02-25T13:04:05Z
        for (rotation, expected) in [
            (Rotation::None, "music"),
            (Rotation::OneHour, "music-2016-02-25-13"),
            (Rotation::OneDay, "music-2016-02-25"),
            (Rotation::OneWeek, "music-2016-w08"),
            (Rotation::OneMonth, "music-2016-02"),
        ] {
            assert_eq!(time.index("music", rotation), expected);
        }
    }

    #[test]
    fn weeks_belong_to_the_year_of_their_thursday() {
        for (seconds, expected) in [
            (0, "i-1970-w01"),             // Thursday, 1970-01-01
            (1_451_779_200, "i-2015-w53"), // Sunday, 2016-01-03
            (1_451_865_600, "i-2016-w01"), // Monday, 2016-01-04
            (1_735_516_800, "i-2025-w01"), // Monday, 2024-12-30
            (1_735_516_799, "i-2024-w52"), // Sunday, 2024-12-29
            (1_609_459_200, "i-2020-w53"), // Friday, 2021-01-01
        ] {
            assert_eq!(at(seconds).index("i", Rotation::OneWeek), expected);
        }
    }
}
