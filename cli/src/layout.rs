//! The layout of reports: rows of numbers.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::fmt::{self, Formatter};
use std::time::Duration;

use indicatif::HumanCount;
use serde::Serialize;

use crate::console::printable;

/// Maximum length of a name, in characters.
const NAME: usize = 50;

pub(crate) fn row(out: &mut Formatter<'_>, label: &str, number: u64, note: &str) -> fmt::Result {
    writeln!(out, "{label:<12}{:>9}  {note}", thousands(number))
}

pub(crate) fn details<'a>(
    out: &mut Formatter<'_>,
    lines: impl IntoIterator<Item = (u64, &'a str)>,
) -> fmt::Result {
    for (number, name) in lines {
        writeln!(out, "{:12}{:>9}    {}", "", thousands(number), printable(name, NAME))?;
    }
    Ok(())
}

/// Returns counts in descending order.
pub(crate) fn most_first<'a, N: AsRef<str> + ?Sized + 'a>(
    counts: impl IntoIterator<Item = (&'a N, impl Borrow<u64>)>,
) -> Vec<(u64, &'a str)> {
    let counts = counts.into_iter().map(|(name, count)| (*count.borrow(), name.as_ref()));
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(count, _)| Reverse(*count));
    counts
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `1 message`, `2 messages`.
pub(crate) fn messages(number: u64) -> String {
    format!("{} message{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// `1 message was`, `2 messages were`.
pub(crate) fn messages_were(number: u64) -> String {
    format!("{} {}", messages(number), if number == 1 { "was" } else { "were" })
}

/// Durations of invocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Durations {
    pub(crate) median_ms: f64,
    pub(crate) max_ms: f64,
}

impl Durations {
    /// If two durations are in the middle, the longer one is the median. Without durations, both
    /// are zero.
    pub(crate) fn new(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut durations: Vec<_> = durations.into_iter().collect();
        durations.sort_unstable();
        let ms = |duration: Option<&Duration>| milliseconds(duration.copied().unwrap_or_default());
        Self { median_ms: ms(durations.get(durations.len() / 2)), max_ms: ms(durations.last()) }
    }

    pub(crate) fn row(self, out: &mut Formatter<'_>, count: u64, failed: u64) -> fmt::Result {
        let mut note = format!("median {:.1} ms, longest {:.1} ms", self.median_ms, self.max_ms);
        if failed > 0 {
            note = format!("{note}; {} failed", thousands(failed));
        }
        row(out, "Invocations", count, &note)
    }
}

/// Rounded to a tenth.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

pub(crate) fn per_second(events: u64, elapsed: Duration) -> u64 {
    let per_second = u128::from(events) * 1_000_000 / elapsed.as_micros().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Durations, messages, messages_were, milliseconds, per_second, thousands};
    use std::time::Duration;

    #[test]
    fn numbers() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(thousands(number), expected);
        }
        assert_eq!([messages(1), messages(1_234)], ["1 message", "1,234 messages"]);
        assert_eq!([messages_were(1), messages_were(0)], ["1 message was", "0 messages were"]);
        assert_eq!(format!("{:?}", milliseconds(Duration::from_micros(12_345))), "12.3");
        assert_eq!(per_second(5_000, Duration::from_millis(2_500)), 2_000);
        assert_eq!(per_second(5, Duration::ZERO), 5_000_000);
    }

    #[test]
    fn median_and_longest() {
        for (durations, median_ms, max_ms) in [
            (&[][..], 0.0, 0.0),
            (&[7], 7.0, 7.0),
            (&[9, 1, 5], 5.0, 9.0),
            (&[4, 1, 3, 2], 3.0, 4.0),
        ] {
            let durations = durations.iter().copied().map(Duration::from_millis);
            assert_eq!(Durations::new(durations), Durations { median_ms, max_ms });
        }
    }
}
