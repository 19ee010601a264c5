//! Moments, written the ways in which producers write them.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

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
        self.local(0, &format!("%Y-%m-%dT%H:%M:%S.%{digits}fZ"))
    }

    /// RFC 3339 with the offset of a place that is `hours` east of Greenwich.
    pub(super) fn offset(self, hours: i8, digits: usize) -> String {
        self.local(hours, &format!("%Y-%m-%dT%H:%M:%S.%{digits}f%:z"))
    }

    /// As databases write it: a space, no fraction, no offset.
    pub(super) fn database(self) -> String {
        self.local(0, "%Y-%m-%d %H:%M:%S")
    }

    fn local(self, hours: i8, format: &str) -> String {
        let time = Timestamp::from_nanosecond(self.0.into()).unwrap_or(Timestamp::MAX);
        time.to_zoned(TimeZone::fixed(Offset::constant(hours))).strftime(format).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    const MOMENT: Moment = Moment(1_709_210_096_789_012_345);

    #[test]
    fn every_text() {
        assert_eq!(MOMENT.utc(3), "2024-02-29T12:34:56.789Z");
        assert_eq!(MOMENT.utc(9), "2024-02-29T12:34:56.789012345Z");
        assert_eq!(MOMENT.offset(9, 6), "2024-02-29T21:34:56.789012+09:00");
        assert_eq!(MOMENT.offset(-3, 1), "2024-02-29T09:34:56.7-03:00");
        assert_eq!(MOMENT.database(), "2024-02-29 12:34:56");
    }
}
