//! The delay until a failed message is redelivered.

use crate::config::{ConfigError, Environment};

/// The variables that [`Backoff`] reads.
pub const BACKOFF_VARIABLES: &[&str] = &["RETRY_BASE_SECONDS", "RETRY_MAX_SECONDS"];

/// Maximum visibility timeout, in seconds (source: Amazon SQS API reference,
/// `ChangeMessageVisibility`).
const MAX_VISIBILITY_SECONDS: u32 = 43_200;

/// Maximum time that a message can be invisible after its first receive, in seconds (source: Amazon
/// SQS Developer Guide, "Visibility timeout").
const MAX_INVISIBLE_SECONDS: u64 = 43_200;

/// The growth of the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Maximum delay after the first receive, in seconds.
    pub base_seconds: u32,
    /// Maximum delay after any receive, in seconds.
    pub max_seconds: u32,
}

impl Backoff {
    /// Reads `RETRY_BASE_SECONDS` (30) and `RETRY_MAX_SECONDS` (900).
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable with an invalid value.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let seconds = |name, default| environment.number(name, default, 0, MAX_VISIBILITY_SECONDS);
        Ok(Self {
            base_seconds: seconds("RETRY_BASE_SECONDS", 30)?,
            max_seconds: seconds("RETRY_MAX_SECONDS", 900)?,
        })
    }

    /// Returns the delay, in seconds, of a message that was received `receive_count` times. It is
    /// random, from 0 to a maximum that doubles with each receive, and within the time that SQS
    /// still allows `since_first_ms` milliseconds after the first receive; `None` if it allows
    /// none.
    #[must_use]
    pub fn seconds(
        self,
        receive_count: u32,
        since_first_ms: u64,
        random: &mut fastrand::Rng,
    ) -> Option<u32> {
        let allowed = (MAX_INVISIBLE_SECONDS * 1_000).saturating_sub(since_first_ms) / 1_000;
        let allowed = u32::try_from(allowed).ok().filter(|allowed| *allowed > 0)?;
        let doublings = receive_count.saturating_sub(1).min(32);
        let longest = u64::from(self.base_seconds) << doublings;
        let longest = u32::try_from(longest).unwrap_or(u32::MAX).min(self.max_seconds);
        Some(random.u32(0..=longest).min(allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Backoff = Backoff { base_seconds: 30, max_seconds: 900 };

    /// The minimum and the maximum of many delays.
    fn range(backoff: Backoff, receive_count: u32, since_first_ms: u64) -> Option<(u32, u32)> {
        let mut random = fastrand::Rng::with_seed(1);
        let mut range = None;
        for _ in 0..20_000 {
            let seconds = backoff.seconds(receive_count, since_first_ms, &mut random)?;
            let (low, high) = range.unwrap_or((seconds, seconds));
            range = Some((low.min(seconds), high.max(seconds)));
        }
        range
    }

    #[test]
    fn doubles_with_each_receive_up_to_the_longest() {
        for (receive_count, longest) in
            [(0, 30), (1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (40, 900), (u32::MAX, 900)]
        {
            assert_eq!(range(DEFAULT, receive_count, 0), Some((0, longest)), "{receive_count}");
        }
    }

    #[test]
    fn every_second_is_as_likely() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut counts = [0_u32; 31];
        for _ in 0..31_000 {
            counts[DEFAULT.seconds(1, 0, &mut random).unwrap() as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[test]
    fn never_goes_beyond_twelve_hours_from_the_first_receive() {
        let twelve_hours_ms = 43_200_000;
        assert_eq!(range(DEFAULT, 6, twelve_hours_ms - 10_999), Some((0, 10)));
        assert_eq!(range(DEFAULT, 6, twelve_hours_ms - 1_000), Some((0, 1)));
        assert_eq!(range(DEFAULT, 6, twelve_hours_ms - 999), None);
        assert_eq!(range(DEFAULT, 6, twelve_hours_ms), None);
        assert_eq!(range(DEFAULT, 6, u64::MAX), None);
        let slow = Backoff { base_seconds: 43_200, max_seconds: 43_200 };
        let (_, longest) = range(slow, 9, 0).unwrap();
        assert!((40_000..=43_200).contains(&longest), "{longest}");
    }

    #[test]
    fn none_is_as_good_as_any() {
        assert_eq!(range(Backoff { base_seconds: 0, max_seconds: 900 }, 3, 0), Some((0, 0)));
    }
}
