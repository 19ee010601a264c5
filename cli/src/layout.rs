//! How the reports are set: rows of numbers, and the numbers in them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Formatter};
use std::time::Duration;

use crate::console::printable;

/// Longest name shown, in characters.
const NAME: usize = 50;

pub(crate) fn row(out: &mut Formatter<'_>, label: &str, number: u64, note: &str) -> fmt::Result {
    writeln!(out, "{label:<12}{:>9}  {note}", thousands(number))
}

pub(crate) fn details<'a>(
    out: &mut Formatter<'_>,
    lines: impl Iterator<Item = (u64, &'a String)>,
) -> fmt::Result {
    for (number, name) in lines {
        writeln!(out, "{:12}{:>9}    {}", "", thousands(number), printable(name, NAME))?;
    }
    Ok(())
}

pub(crate) fn most_first(counts: &BTreeMap<String, u64>) -> impl Iterator<Item = (u64, &String)> {
    let mut counts: Vec<_> = counts.iter().map(|(name, number)| (*number, name)).collect();
    counts.sort_by_key(|(number, _)| Reverse(*number));
    counts.into_iter()
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The middle one (of two, the longer) and the longest; zero of none.
pub(crate) fn median_and_max(mut durations: Vec<Duration>) -> (Duration, Duration) {
    durations.sort_unstable();
    let median = durations.get(durations.len() / 2).copied().unwrap_or_default();
    (median, durations.last().copied().unwrap_or_default())
}

/// To a tenth.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

pub(crate) fn per_second(events: u64, elapsed: Duration) -> u64 {
    let per_second = u128::from(events) * 1_000_000 / elapsed.as_micros().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{median_and_max, milliseconds, per_second, thousands};
    use std::time::Duration;

    #[test]
    fn numbers() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(format!("{:?}", milliseconds(Duration::from_micros(12_345))), "12.3");
        assert_eq!(per_second(5_000, Duration::from_millis(2_500)), 2_000);
        assert_eq!(per_second(5, Duration::ZERO), 5_000_000);
    }

    #[test]
    fn median_and_longest() {
        let of =
            |ms: &[u64]| median_and_max(ms.iter().copied().map(Duration::from_millis).collect());
        let ms = Duration::from_millis;
        assert_eq!(of(&[]), (Duration::ZERO, Duration::ZERO));
        assert_eq!(of(&[7]), (ms(7), ms(7)));
        assert_eq!(of(&[9, 1, 5]), (ms(5), ms(9)));
        assert_eq!(of(&[4, 1, 3, 2]), (ms(3), ms(4)));
    }
}
