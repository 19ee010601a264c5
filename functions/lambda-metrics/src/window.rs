//! The periods that are read: those that ended and can still change.

/// A period of the metrics, in milliseconds.
pub(crate) const PERIOD_MS: u64 = 60_000;

/// Minimum time since the end of a period that is read: CloudWatch then has most of its data.
const SETTLING_MS: u64 = 60_000;

/// Maximum timeout of a function (source: AWS Lambda Developer Guide, "Lambda quotas").
const LONGEST_TIMEOUT_MS: u64 = 900_000;

/// Minimum look-back, for data that CloudWatch receives late.
pub(crate) const SHORTEST_LOOK_BACK_MS: u64 = 300_000;

/// Consecutive whole periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The start of the first, in milliseconds since 1970.
    pub start_ms: u64,
    /// The end of the last.
    pub end_ms: u64,
}

impl Window {
    /// The periods to read `now_ms` after 1970 for functions with these timeouts. A metric is
    /// stamped with the start of the invocation but reported at its end, so a period can change
    /// for the longest timeout.
    #[must_use]
    pub fn new(now_ms: u64, timeouts_ms: impl IntoIterator<Item = Option<u64>>) -> Self {
        let longest = |timeout: Option<u64>| timeout.unwrap_or(u64::MAX).min(LONGEST_TIMEOUT_MS);
        let look_back_ms = timeouts_ms.into_iter().map(longest).max().unwrap_or_default();
        let look_back_ms = look_back_ms.max(SHORTEST_LOOK_BACK_MS).next_multiple_of(PERIOD_MS);
        let end_ms = period_of(now_ms.saturating_sub(SETTLING_MS));
        // One more: an invocation can start at the end of a period.
        Self { start_ms: end_ms.saturating_sub(look_back_ms + PERIOD_MS), end_ms }
    }

    /// The period of a time, if it is one of these.
    #[must_use]
    pub fn period(&self, time_ms: u64) -> Option<u64> {
        (self.start_ms..self.end_ms).contains(&time_ms).then(|| period_of(time_ms))
    }

    /// The starts of the periods.
    pub fn periods(&self) -> impl Iterator<Item = u64> + use<> {
        (self.start_ms..self.end_ms).step_by(60_000)
    }
}

const fn period_of(time_ms: u64) -> u64 {
    time_ms - time_ms % PERIOD_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-03-01T12:00:00Z
    const NOON_MS: u64 = 1_709_294_400_000;
    const MINUTE_MS: u64 = 60_000;

    #[test]
    fn a_period_is_read_a_minute_after_its_end() {
        let end = |now_ms| Window::new(now_ms, [Some(3_000)]).end_ms;
        assert_eq!(end(NOON_MS), NOON_MS - MINUTE_MS);
        assert_eq!(end(NOON_MS + 59_999), NOON_MS - MINUTE_MS);
        assert_eq!(end(NOON_MS + MINUTE_MS), NOON_MS);
    }

    #[test]
    fn the_look_back_is_the_longest_timeout_and_at_least_five_minutes() {
        let minutes = |timeouts: &[Option<u64>]| {
            let window = Window::new(NOON_MS, timeouts.iter().copied());
            (window.end_ms - window.start_ms) / MINUTE_MS
        };
        assert_eq!(minutes(&[]), 6);
        assert_eq!(minutes(&[Some(3_000), Some(300_000)]), 6);
        assert_eq!(minutes(&[Some(301_000), Some(3_000)]), 7);
        assert_eq!(minutes(&[Some(900_000)]), 16);
        // More than Lambda allows, and unknown.
        assert_eq!(minutes(&[Some(u64::MAX)]), 16);
        assert_eq!(minutes(&[None]), 16);
    }

    #[test]
    fn every_change_of_a_period_is_read_once_it_is_a_minute_old() {
        for timeout_ms in [360_000, 420_000, 900_000] {
            // Starts in the last millisecond of a period, and runs into its timeout.
            let reported_ms = NOON_MS - 1 + timeout_ms;
            let runs = (0..60).map(|minute| NOON_MS + 1_234 + minute * MINUTE_MS);
            let read = runs.filter(|&run_ms| run_ms >= reported_ms + MINUTE_MS).filter(|&run_ms| {
                Window::new(run_ms, [Some(timeout_ms)]).period(NOON_MS - 1).is_some()
            });
            assert_eq!(read.count(), 1, "{timeout_ms}");
        }
    }

    #[test]
    fn other_times_have_no_period() {
        let window = Window { start_ms: NOON_MS, end_ms: NOON_MS + 2 * MINUTE_MS };
        assert_eq!(window.periods().collect::<Vec<_>>(), [NOON_MS, NOON_MS + MINUTE_MS]);
        assert_eq!(window.period(NOON_MS - 1), None);
        assert_eq!(window.period(NOON_MS + 59_999), Some(NOON_MS));
        assert_eq!(window.period(NOON_MS + 60_000), Some(NOON_MS + MINUTE_MS));
        assert_eq!(window.period(NOON_MS + 120_000), None);
        assert_eq!(window.period(u64::MAX), None);
    }

    #[test]
    fn a_clock_at_1970_does_not_overflow() {
        assert_eq!(Window::new(0, [None]), Window { start_ms: 0, end_ms: 0 });
    }
}
