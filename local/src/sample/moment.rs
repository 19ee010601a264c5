//! Moments, written the ways in which producers write them.

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(u64);

impl Moment {
    pub(super) fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    pub(super) fn seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }

    pub(super) fn milliseconds(self) -> u64 {
        self.0 / 1_000_000
    }

    pub(super) fn microseconds(self) -> u64 {
        self.0 / 1_000
    }

    pub(super) fn nanoseconds(self) -> u64 {
        self.0
    }

    /// RFC 3339 in UTC, with `digits` digits of the fraction (1 to 9).
    pub(super) fn utc(self, digits: usize) -> String {
        format!("{}.{}Z", clock(self.seconds(), 'T'), self.fraction(digits))
    }

    /// RFC 3339 with the offset of a place that is `hours` east of Greenwich.
    pub(super) fn offset(self, hours: i64, digits: usize) -> String {
        let local = self.seconds().saturating_add_signed(hours * 3600);
        let sign = if hours < 0 { '-' } else { '+' };
        let hours = hours.unsigned_abs();
        format!("{}.{}{sign}{hours:02}:00", clock(local, 'T'), self.fraction(digits))
    }

    /// As databases write it: a space, no fraction, no offset.
    pub(super) fn database(self) -> String {
        clock(self.seconds(), ' ')
    }

    fn fraction(self, digits: usize) -> String {
        let mut fraction = format!("{:09}", self.0 % 1_000_000_000);
        fraction.truncate(digits);
        fraction
    }
}

/// `YYYY-MM-DDTHH:MM:SS` in UTC. From days to the civil calendar after Howard Hinnant,
/// "chrono-compatible low-level date algorithms", for days since 1970.
fn clock(epoch_seconds: u64, separator: char) -> String {
    let (day, second) = (epoch_seconds / 86_400, epoch_seconds % 86_400);
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}{separator}{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::Moment;

    const MOMENT: Moment = Moment(1_709_210_096_789_012_345);

    #[test]
    fn every_unit() {
        assert_eq!(MOMENT.seconds(), 1_709_210_096);
        assert_eq!(MOMENT.milliseconds(), 1_709_210_096_789);
        assert_eq!(MOMENT.microseconds(), 1_709_210_096_789_012);
        assert_eq!(MOMENT.nanoseconds(), 1_709_210_096_789_012_345);
    }

    #[test]
    fn every_text() {
        assert_eq!(MOMENT.utc(3), "2024-02-29T12:34:56.789Z");
        assert_eq!(MOMENT.utc(9), "2024-02-29T12:34:56.789012345Z");
        assert_eq!(MOMENT.offset(9, 6), "2024-02-29T21:34:56.789012+09:00");
        assert_eq!(MOMENT.offset(-3, 1), "2024-02-29T09:34:56.7-03:00");
        assert_eq!(MOMENT.database(), "2024-02-29 12:34:56");
    }

    #[test]
    fn ends_of_months_and_years() {
        assert_eq!(Moment(0).database(), "1970-01-01 00:00:00");
        assert_eq!(Moment(951_782_399_000_000_000).database(), "2000-02-28 23:59:59");
        assert_eq!(Moment(951_868_800_000_000_000).database(), "2000-03-01 00:00:00");
        assert_eq!(Moment(1_735_689_599_000_000_000).database(), "2024-12-31 23:59:59");
        assert_eq!(Moment(4_107_542_400_000_000_000).database(), "2100-03-01 00:00:00");
    }
}
