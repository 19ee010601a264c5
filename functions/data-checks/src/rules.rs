//! The rules by which a check fails.

use jiff::{SignedDuration, Timestamp};

use crate::definition::Limits;
use crate::measured::Measured;

/// A rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// `rows`: source and target differ by too many rows.
    Rows,
    /// `age`: the newest update in the target is too old, or the target has no rows.
    Age,
    /// `lag`: the target is too far behind the source, or has no rows.
    Lag,
    /// `no_time`: there are rows whose newest update is unknown.
    NoTime,
}

/// Both ends of a check at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) source: Option<Measured>,
    pub(crate) target: Measured,
    pub(crate) now: Timestamp,
}

impl Comparison {
    /// Rows of the target minus those of the source.
    pub(crate) fn difference(&self) -> Option<f64> {
        Some(self.target.rows - self.source?.rows)
    }

    /// The difference in percent of the rows of the source; 100 if only the target has rows.
    pub(crate) fn difference_percent(&self) -> Option<f64> {
        let (source, difference) = (self.source?.rows, self.difference()?);
        Some(match (source > 0.0, difference > 0.0) {
            (true, _) => difference / source * 100.0,
            (false, true) => 100.0,
            (false, false) => 0.0,
        })
    }

    /// The allowed difference in rows.
    pub(crate) fn allowed(&self, limits: &Limits) -> f64 {
        let source = self.source.map_or(0.0, |source| source.rows);
        let share = source * limits.difference_percent / 100.0;
        // 0.57 % of 10,000 are 57, but slightly less with binary fractions.
        limits.difference.max((share * 1e6).round() / 1e6)
    }

    /// The age of the newest update in the target; negative if it is in the future.
    pub(crate) fn age(&self) -> Option<SignedDuration> {
        Some(self.now.duration_since(self.target.newest?))
    }

    /// How far the newest update in the target is behind that in the source.
    pub(crate) fn lag(&self) -> Option<SignedDuration> {
        let lag = self.source?.newest?.duration_since(self.target.newest?);
        Some(lag.max(SignedDuration::ZERO))
    }

    /// The rules that are broken.
    pub(crate) fn broken(&self, limits: &Limits) -> Vec<Broken> {
        let is_over = |time: SignedDuration, minutes: u64| {
            time > SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(i64::MAX / 60))
        };
        let has_source_rows = self.source.is_some_and(|source| source.rows > 0.0);
        let has_target_rows = self.target.rows > 0.0;
        let lacks_time = |end: Measured| end.rows > 0.0 && end.newest.is_none();
        let is_over_rows = self.difference().is_some_and(|by| by.abs() > self.allowed(limits));
        let mut broken = Vec::new();
        if is_over_rows {
            broken.push(Broken::Rows);
        }
        let mut add = |rule: Option<Broken>| broken.extend(rule);
        // If neither end has rows, nothing is stale.
        let is_quiet = self.source.is_some() && !has_source_rows && !has_target_rows;
        if let Some(minutes) = limits.age_minutes.filter(|_| !is_quiet) {
            add(match self.age() {
                _ if self.source.is_none() && !has_target_rows => Some(Broken::Age),
                Some(age) => is_over(age, minutes).then_some(Broken::Age),
                None if has_target_rows => Some(Broken::NoTime),
                None => Some(Broken::Age),
            });
        }
        if let Some(minutes) = limits.lag_minutes.filter(|_| !is_quiet) {
            add(match self.lag() {
                Some(lag) => is_over(lag, minutes).then_some(Broken::Lag),
                None if lacks_time(self.target) || self.source.is_some_and(lacks_time) => {
                    Some(Broken::NoTime)
                }
                None => has_source_rows.then_some(Broken::Lag),
            });
        }
        broken.dedup();
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-28T07:00:00Z";

    /// The source, the target, the maximum age and lag in minutes, and the broken rules.
    type Case<'a> = (Option<End>, End, Option<u64>, Option<u64>, &'a [Broken]);

    /// Rows, and how many seconds before now the newest update was.
    type End = (f64, Option<i64>);

    fn comparison(source: Option<End>, target: End) -> Comparison {
        let now: Timestamp = NOW.parse().unwrap();
        let measured = |(rows, age): End| Measured {
            rows,
            newest: age.map(|age| now - SignedDuration::from_secs(age)),
        };
        Comparison { source: source.map(measured), target: measured(target), now }
    }

    fn limits(difference: f64, percent: f64, age: Option<u64>, lag: Option<u64>) -> Limits {
        Limits { difference, difference_percent: percent, age_minutes: age, lag_minutes: lag }
    }

    #[test]
    fn rows_may_differ_by_the_larger_of_both_limits() {
        for (source, target, rows, percent, is_broken) in [
            (1_000.0, 1_000.0, 0.0, 0.0, false),
            (1_000.0, 999.0, 0.0, 0.0, true),
            (1_000.0, 1_001.0, 0.0, 0.0, true),
            (1_000.0, 990.0, 10.0, 0.0, false),
            (1_000.0, 989.0, 10.0, 0.0, true),
            (1_000.0, 1_010.0, 0.0, 1.0, false),
            (1_000.0, 1_011.0, 0.0, 1.0, true),
            (1_000.0, 980.0, 10.0, 2.0, false),
            (1_000.0, 980.0, 20.0, 1.0, false),
            (10_000.0, 9_943.0, 0.0, 0.57, false),
            (10_000.0, 9_942.0, 0.0, 0.57, true),
            (0.0, 1.0, 0.0, 100.0, true),
            (0.0, 0.0, 0.0, 0.0, false),
        ] {
            let broken = comparison(Some((source, None)), (target, None))
                .broken(&limits(rows, percent, None, None));
            let expected = if is_broken { &[Broken::Rows][..] } else { &[] };
            assert_eq!(broken, expected, "{source} {target} {rows} {percent}");
        }
    }

    #[test]
    fn the_difference_is_the_targets_and_in_percent_of_the_source() {
        for (source, target, expected) in [
            (1_000.0, 990.0, (-10.0, -1.0)),
            (1_000.0, 1_500.0, (500.0, 50.0)),
            (0.0, 3.0, (3.0, 100.0)),
            (0.0, 0.0, (0.0, 0.0)),
        ] {
            let compared = comparison(Some((source, None)), (target, None));
            let percent = compared.difference_percent();
            assert_eq!(compared.difference().zip(percent), Some(expected));
        }
        let alone = comparison(None, (1.0, None));
        assert_eq!(
            (alone.difference(), alone.difference_percent(), alone.lag()),
            (None, None, None)
        );
    }

    #[test]
    fn age_lag_and_missing_times_are_judged_where_they_are_asked_for() {
        use Broken::{Age, Lag, NoTime};
        let cases: &[Case<'_>] = &[
            (None, (9.0, Some(3_600)), Some(60), None, &[]),
            (None, (9.0, Some(3_601)), Some(60), None, &[Age]),
            (None, (9.0, Some(-60)), Some(0), None, &[]),
            (None, (9.0, Some(9_999_999)), None, None, &[]),
            (None, (9.0, None), Some(60), None, &[NoTime]),
            (None, (9.0, None), None, None, &[]),
            // An empty target: stale, unless its source is empty too.
            (None, (0.0, None), Some(60), None, &[Age]),
            (None, (0.0, None), None, None, &[]),
            (Some((0.0, None)), (0.0, None), Some(60), Some(60), &[]),
            (Some((0.0, Some(9_999))), (0.0, Some(99_999)), Some(60), Some(60), &[]),
            (None, (0.0, Some(60)), Some(60), None, &[Age]),
            (Some((9.0, Some(60))), (0.0, None), Some(60), Some(60), &[Age, Lag]),
            // The newest update may be known of more rows than are counted.
            (Some((9.0, Some(60))), (0.0, Some(3_600)), Some(60), Some(60), &[]),
            (Some((9.0, Some(60))), (0.0, Some(7_200)), Some(60), Some(60), &[Age, Lag]),
            (Some((0.0, Some(60))), (9.0, Some(7_200)), None, Some(60), &[Lag]),
            (Some((0.0, None)), (9.0, Some(60)), Some(60), Some(60), &[]),
            (Some((9.0, Some(60))), (9.0, Some(3_660)), None, Some(60), &[]),
            (Some((9.0, Some(60))), (9.0, Some(3_661)), None, Some(60), &[Lag]),
            (Some((9.0, Some(60))), (9.0, Some(7_200)), Some(60), Some(60), &[Age, Lag]),
            // The target is ahead of its source.
            (Some((9.0, Some(60))), (9.0, Some(0)), None, Some(0), &[]),
            (Some((9.0, None)), (9.0, Some(60)), None, Some(60), &[NoTime]),
            (Some((9.0, Some(60))), (9.0, None), None, Some(60), &[NoTime]),
            (Some((9.0, None)), (9.0, Some(60)), Some(60), None, &[]),
            (Some((9.0, None)), (9.0, None), Some(60), Some(60), &[NoTime]),
            (Some((0.0, None)), (9.0, None), None, Some(60), &[NoTime]),
            (Some((9.0, None)), (0.0, Some(60)), None, Some(60), &[NoTime]),
        ];
        for (source, target, age, lag, expected) in cases {
            let limits = limits(1e9, 0.0, *age, *lag);
            let broken = comparison(*source, *target).broken(&limits);
            assert_eq!(&broken, expected, "{source:?} {target:?} {age:?} {lag:?}");
        }
    }

    #[test]
    fn a_lag_is_at_least_zero_and_an_age_may_be_negative() {
        let ahead = comparison(Some((9.0, Some(60))), (9.0, Some(-5)));
        assert_eq!(ahead.lag(), Some(SignedDuration::ZERO));
        assert_eq!(ahead.age(), Some(SignedDuration::from_secs(-5)));
        let behind = comparison(Some((9.0, Some(60))), (9.0, Some(100)));
        assert_eq!(behind.lag(), Some(SignedDuration::from_secs(40)));
    }
}
