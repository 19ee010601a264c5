//! The clock, and durations as text.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::event::Timestamp;

/// The current time, in whole milliseconds.
#[must_use]
pub fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(now.as_millis() * 1_000_000).unwrap_or(Timestamp::MAX)
}

/// The two largest units of a duration: `2 h 5 min`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let units = [("d", 86_400, u64::MAX), ("h", 3_600, 24), ("min", 60, 60), ("s", 1, 60)];
    let counts = units.map(|(unit, length, wrap)| (seconds / length % wrap, unit));
    let mut largest = counts.into_iter().skip_while(|(count, _)| *count == 0);
    let Some((count, unit)) = largest.next() else { return "0 s".to_owned() };
    match largest.next() {
        Some((next, next_unit)) if next > 0 => format!("{count} {unit} {next} {next_unit}"),
        _ => format!("{count} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_its_two_largest_units() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (125, "2 min 5 s"),
            (3_605, "1 h"),
            (7_500, "2 h 5 min"),
            (90_000, "1 d 1 h"),
            (40 * 86_400, "40 d"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }
}
