//! The window of time whose events a run publishes.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Maximum length of a window that begins where another ended.
const MAX_LENGTH: SignedDuration = SignedDuration::from_hours(24);

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A window of time that includes its end but not its start, so that consecutive windows do not
/// overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: Timestamp,
    /// The end.
    pub(crate) now: Timestamp,
}

/// A UTC day, up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) start: Timestamp,
    /// The end, exclusive.
    pub(crate) end: Timestamp,
    /// The time of its metrics.
    pub(crate) stamp: Timestamp,
}

impl Window {
    /// Begins where the last window ended, at most 24 hours ago; without one, two periods of the
    /// schedule ago.
    pub(crate) fn new(begin: Option<Timestamp>, now: Timestamp, poll_seconds: i64) -> Self {
        let start = match begin {
            // Windows may be requested out of order: an older one is empty.
            Some(begin) => begin.max(plus(now, -MAX_LENGTH)).min(now),
            None => plus(now, SignedDuration::from_secs(-2 * poll_seconds)),
        };
        Self { start, now }
    }

    pub(crate) fn contains(self, time: Timestamp) -> bool {
        self.start < time && time <= self.now
    }

    /// The last of the times `first`, `first` + `every`, …, if it is in the window.
    pub(crate) fn last_of(
        self,
        first: Timestamp,
        every: Option<SignedDuration>,
    ) -> Option<Timestamp> {
        let since_first = self.now.duration_since(first).as_micros();
        if since_first < 0 {
            return None;
        }
        let since_last = match every {
            Some(every) => since_first % every.as_micros().max(1),
            None => since_first,
        };
        let since_last =
            i64::try_from(since_last).map_or(SignedDuration::MAX, SignedDuration::from_micros);
        Some(plus(self.now, -since_last)).filter(|last| self.contains(*last))
    }

    /// The UTC days that ended in the window, and the current one.
    pub(crate) fn days(self) -> Vec<Day> {
        let mut days = Vec::new();
        let mut start = midnight(self.start);
        loop {
            let end = plus(start, DAY);
            if self.now < end {
                days.push(Day { start, end: self.now, stamp: self.now });
                return days;
            }
            if self.contains(end) {
                let stamp = plus(end, SignedDuration::from_mins(-1));
                days.push(Day { start, end, stamp });
            }
            start = end;
        }
    }
}

impl Day {
    /// Whether something that ended at this time belongs to the day; the current day includes its
    /// end.
    pub(crate) fn contains(self, time: Timestamp) -> bool {
        self.start <= time && (time < self.end || time == self.stamp)
    }
}

/// The start of the UTC day of a time.
pub(crate) fn midnight(time: Timestamp) -> Timestamp {
    let day = time.to_zoned(TimeZone::UTC).start_of_day();
    day.map_or(time, |day| day.timestamp())
}

/// The time later by this duration, up to the maximum time.
pub(crate) fn plus(time: Timestamp, duration: SignedDuration) -> Timestamp {
    let end = if duration.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    time.checked_add(duration).unwrap_or(end)
}

/// Whole seconds from one time to another; 0 if negative.
pub(crate) fn seconds_between(start: Timestamp, end: Timestamp) -> u64 {
    u64::try_from(end.duration_since(start).as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window(start: &str, now: &str) -> Window {
        Window { start: time(start), now: time(now) }
    }

    #[test]
    fn a_window_begins_where_the_last_one_ended() {
        let now = "2026-11-28T07:00:00Z";
        for (begin, start) in [
            // A new process.
            (None, "2026-11-28T06:50:00Z"),
            (Some("2026-11-28T06:55:00Z"), "2026-11-28T06:55:00Z"),
            (Some("2026-11-27T07:00:00Z"), "2026-11-27T07:00:00Z"),
            (Some("2026-11-20T07:00:00Z"), "2026-11-27T07:00:00Z"),
            // A retry of the same window, and of an earlier one.
            (Some("2026-11-28T07:00:00Z"), now),
            (Some("2026-11-28T07:05:00Z"), now),
        ] {
            assert_eq!(Window::new(begin.map(time), time(now), 300), window(start, now));
        }
    }

    #[test]
    fn a_window_has_its_end_and_not_its_start() {
        let window = window("2026-11-28T06:50:00Z", "2026-11-28T07:00:00Z");
        for (at, is_in) in [
            ("2026-11-28T06:50:00Z", false),
            ("2026-11-28T06:50:00.000001Z", true),
            ("2026-11-28T07:00:00Z", true),
            ("2026-11-28T07:00:00.000001Z", false),
        ] {
            assert_eq!(window.contains(time(at)), is_in, "{at}");
        }
    }

    #[test]
    fn only_the_last_repetition_in_a_window_counts() {
        let hours = |hours| Some(SignedDuration::from_hours(hours));
        let long = window("2026-11-27T07:00:00Z", "2026-11-28T07:00:00Z");
        let short = window("2026-11-28T06:50:00Z", "2026-11-28T07:00:00Z");
        for (window, first, every, expected) in [
            (short, "2026-11-28T06:55:00.5Z", hours(6), Some("2026-11-28T06:55:00.5Z")),
            (short, "2026-11-28T06:50:00Z", hours(6), None),
            (short, "2026-11-28T00:55:00Z", hours(6), Some("2026-11-28T06:55:00Z")),
            (short, "2026-11-28T00:55:00Z", hours(7), None),
            (short, "2026-11-28T00:55:00Z", None, None),
            (short, "2026-11-28T07:00:01Z", hours(1), None),
            (short, "2026-11-28T07:00:00Z", None, Some("2026-11-28T07:00:00Z")),
            (long, "2026-11-27T08:00:00Z", hours(6), Some("2026-11-28T02:00:00Z")),
            (long, "2026-11-27T08:00:00Z", None, Some("2026-11-27T08:00:00Z")),
        ] {
            assert_eq!(window.last_of(time(first), every), expected.map(time), "{first} {every:?}");
        }
    }

    #[test]
    fn a_day_that_ended_in_the_window_is_stamped_with_its_last_minute() {
        let day = |start: &str, end: &str, stamp: &str| Day {
            start: time(start),
            end: time(end),
            stamp: time(stamp),
        };
        let yesterday = day("2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z", "2026-11-27T23:59:00Z");
        let today = |now: &str| day("2026-11-28T00:00:00Z", now, now);
        for (start, now, expected) in [
            ("2026-11-28T06:50:00Z", "2026-11-28T07:00:00Z", vec![today("2026-11-28T07:00:00Z")]),
            // It ended before the window.
            ("2026-11-28T00:00:00Z", "2026-11-28T00:05:00Z", vec![today("2026-11-28T00:05:00Z")]),
            (
                "2026-11-27T23:59:59Z",
                "2026-11-28T00:00:00Z",
                vec![yesterday, today("2026-11-28T00:00:00Z")],
            ),
            (
                "2026-11-27T07:00:00Z",
                "2026-11-28T07:00:00Z",
                vec![yesterday, today("2026-11-28T07:00:00Z")],
            ),
        ] {
            assert_eq!(window(start, now).days(), expected, "{start}");
        }
        assert!(!yesterday.contains(time("2026-11-28T00:00:00Z")));
        assert!(today("2026-11-28T00:05:00Z").contains(time("2026-11-28T00:05:00Z")));
        assert!(!today("2026-11-28T00:05:00Z").contains(time("2026-11-28T00:05:00.1Z")));
    }

    #[test]
    fn times_at_the_end_of_time_do_not_overflow() {
        assert_eq!(plus(Timestamp::MAX, DAY), Timestamp::MAX);
        assert_eq!(plus(Timestamp::MIN, -DAY), Timestamp::MIN);
        let window = window("2026-11-28T06:50:00Z", "2026-11-28T07:00:00Z");
        assert_eq!(window.last_of(Timestamp::MIN, None), None);
        assert_eq!(seconds_between(Timestamp::MAX, Timestamp::MIN), 0);
    }
}
