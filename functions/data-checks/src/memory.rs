//! The results of earlier runs: the values of `CheckFailures` in CloudWatch.

use jiff::Timestamp;

/// A minute, in milliseconds: CloudWatch returns the values of whole minutes.
const MINUTE_MS: u64 = 60_000;

/// Maximum age of the last value, in milliseconds: 25 hours.
const LAST_VALUE_MS: u64 = 25 * 60 * MINUTE_MS;

/// How far back consecutive failures are followed: CloudWatch keeps values of minutes for 15 days
/// (source: Amazon CloudWatch User Guide, "Metrics retention").
const HISTORY_MS: u64 = 15 * 24 * 60 * MINUTE_MS;

/// The earlier results of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// CloudWatch could not be read.
    Unknown,
    /// The check passed, or was not run.
    Held,
    /// The check failed.
    Failed {
        /// The first of the consecutive failures, in milliseconds since 1970.
        first_ms: u64,
        /// The last.
        last_ms: u64,
    },
}

/// The notice that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// It cannot be known whether an OK is due.
    Unknown,
    Alarm,
    Ok {
        since: Timestamp,
    },
}

/// The range of the values of `CheckFailures` to read at `now_ms`: from and to, in milliseconds
/// since 1970. It excludes the minute of `now_ms`, whose values may be from an earlier attempt of
/// the same run.
pub(crate) const fn range(now_ms: u64) -> (u64, u64) {
    let to_ms = now_ms - now_ms % MINUTE_MS;
    (to_ms.saturating_sub(HISTORY_MS), to_ms)
}

impl Before {
    /// Evaluates the values of `CheckFailures` at `now_ms`; times are in milliseconds since 1970,
    /// ascending.
    pub(crate) fn new(values: &[(u64, f64)], now_ms: u64) -> Self {
        let (_, to_ms) = range(now_ms);
        let values = values.iter().filter(|(at_ms, _)| *at_ms < to_ms).rev();
        let is_failure = |value: f64| value > 0.0;
        let failures: Vec<u64> =
            values.take_while(|(_, value)| is_failure(*value)).map(|(at_ms, _)| *at_ms).collect();
        match failures[..] {
            [last_ms, ..] if last_ms.saturating_add(LAST_VALUE_MS) >= to_ms => {
                let first_ms = failures.last().copied().unwrap_or(last_ms);
                Self::Failed { first_ms, last_ms }
            }
            _ => Self::Held,
        }
    }

    /// Returns the notice that is due for a check that fails or passes. An ALARM is repeated after
    /// each multiple of `repeat_hours` since 1970; 0 is never.
    pub(crate) fn due(self, is_failing: bool, repeat_hours: u64, now_ms: u64) -> Due {
        let turn = |at_ms: u64| (at_ms / (60 * MINUTE_MS)).checked_div(repeat_hours);
        match (self, is_failing) {
            (Self::Unknown | Self::Held, true) => Due::Alarm,
            (Self::Failed { last_ms, .. }, true) if turn(last_ms) != turn(now_ms) => Due::Alarm,
            (Self::Failed { first_ms, .. }, false) => {
                let first = i64::try_from(first_ms).ok();
                let first = first.and_then(|ms| Timestamp::from_millisecond(ms).ok());
                Due::Ok { since: first.unwrap_or_default() }
            }
            (Self::Unknown, false) => Due::Unknown,
            (Self::Held, false) | (Self::Failed { .. }, true) => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;
    /// 2026-11-28T07:00:30Z
    const NOW_MS: u64 = 1_795_849_230_000;

    /// Values at these hours before the current minute, the oldest first.
    fn before(values: &[(u64, f64)]) -> Before {
        let at = |(hours, value): &(u64, f64)| (NOW_MS - 30_000 - hours * HOUR_MS, *value);
        Before::new(&values.iter().map(at).collect::<Vec<_>>(), NOW_MS)
    }

    fn failed(first_hours: u64, last_hours: u64) -> Before {
        let at = |hours| NOW_MS - 30_000 - hours * HOUR_MS;
        Before::Failed { first_ms: at(first_hours), last_ms: at(last_hours) }
    }

    #[test]
    fn the_last_value_within_25_hours_counts() {
        for (values, expected) in [
            (&[][..], Before::Held),
            (&[(1, 0.0)], Before::Held),
            (&[(1, 1.0)], failed(1, 1)),
            (&[(2, 1.0), (1, 0.0)], Before::Held),
            (&[(25, 1.0)], failed(25, 25)),
            (&[(26, 1.0)], Before::Held),
            // The failures may have begun earlier.
            (&[(90, 0.0), (80, 1.0), (20, 1.0), (1, 1.0)], failed(80, 1)),
            (&[(4, 1.0), (3, 0.0), (2, 1.0), (1, 1.0)], failed(2, 1)),
            // Values of this minute belong to this run.
            (&[(1, 0.0), (0, 1.0)], Before::Held),
        ] {
            assert_eq!(before(values), expected, "{values:?}");
        }
        assert_eq!(range(NOW_MS), (NOW_MS - 30_000 - 360 * HOUR_MS, NOW_MS - 30_000));
    }

    #[test]
    fn a_notice_is_due_when_the_result_changes() {
        let since = "2026-11-28T05:00:00Z".parse().unwrap();
        for (before, is_failing, expected) in [
            (Before::Held, true, Due::Alarm),
            (Before::Held, false, Due::Nothing),
            (failed(2, 1), true, Due::Nothing),
            (failed(2, 1), false, Due::Ok { since }),
            (Before::Unknown, true, Due::Alarm),
            (Before::Unknown, false, Due::Unknown),
        ] {
            assert_eq!(before.due(is_failing, 24, NOW_MS), expected, "{before:?} {is_failing}");
        }
    }

    #[test]
    fn an_alarm_is_repeated_where_the_hours_since_1970_have_turned() {
        for (last_hours, repeat_hours, is_due) in [
            // Midnight is seven hours ago.
            (6, 24, false),
            (7, 24, false),
            (8, 24, true),
            // 06:00 is one hour ago.
            (1, 6, false),
            (2, 6, true),
            (1, 1, true),
            (25, 0, false),
            // 2026-11-26, a Thursday, was the last multiple of a week.
            (25, 168, false),
        ] {
            let expected = if is_due { Due::Alarm } else { Due::Nothing };
            let due = failed(30, last_hours).due(true, repeat_hours, NOW_MS);
            assert_eq!(due, expected, "{last_hours} {repeat_hours}");
        }
    }
}
