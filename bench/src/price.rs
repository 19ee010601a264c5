//! The cost of a day's events on AWS Lambda, computed from the duration of one invocation.
//!
//! Prices: "AWS Lambda Pricing", US East (N. Virginia), arm64, first tier, without the free tier;
//! looked up in November 2026. CPU by memory: AWS Lambda Developer Guide, "Configure Lambda
//! function memory".

use std::time::Duration;

use crate::numbers::as_f64;

/// Events per day.
pub(crate) const EVENTS: u64 = 5_000_000;
/// Days per month.
pub(crate) const DAYS: u64 = 30;
/// Price of 1 GB (1,024 MB) for one second.
pub(crate) const USD_PER_GB_SECOND: f64 = 0.000_013_333_4;
/// Price of a million requests.
pub(crate) const USD_PER_MILLION_REQUESTS: f64 = 0.20;
/// With this amount of memory a function has one CPU, with less a share of it.
pub(crate) const MEGABYTES_PER_CPU: u64 = 1_769;

/// The price, step by step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Price {
    /// Invocations per day.
    pub(crate) invocations: u64,
    /// Billed duration of each invocation, in milliseconds.
    pub(crate) billed_ms: u64,
    /// GB-seconds per month.
    pub(crate) gb_seconds: f64,
    /// Dollars per month for the duration.
    pub(crate) duration_usd: f64,
    /// Dollars per month for the requests.
    pub(crate) requests_usd: f64,
}

impl Price {
    /// The price of [`EVENTS`] per day in a function with `memory_megabytes`, if an invocation has
    /// `records` events and takes `cpu` on a whole CPU.
    pub(crate) fn of(records: usize, cpu: Duration, memory_megabytes: u64) -> Self {
        let invocations = EVENTS.div_ceil((records as u64).max(1));
        let memory_megabytes = memory_megabytes.max(1);
        let share = memory_megabytes.min(MEGABYTES_PER_CPU);
        let nanos = cpu.as_nanos() * u128::from(MEGABYTES_PER_CPU) / u128::from(share);
        let billed_ms = u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let milliseconds = as_f64(invocations * DAYS) * as_f64(billed_ms);
        let gb_seconds = milliseconds / 1_000.0 * as_f64(memory_megabytes) / 1_024.0;
        Self {
            invocations,
            billed_ms,
            gb_seconds,
            duration_usd: gb_seconds * USD_PER_GB_SECOND,
            requests_usd: as_f64(invocations * DAYS) / 1e6 * USD_PER_MILLION_REQUESTS,
        }
    }

    /// Dollars per month.
    pub(crate) fn total_usd(&self) -> f64 {
        self.duration_usd + self.requests_usd
    }
}

/// The memory of the function `logical_id` in the SAM template, in MB.
pub(crate) fn memory_megabytes(template: &str, logical_id: &str) -> Option<u64> {
    let head = format!("  {logical_id}:");
    let mut lines = template.lines().skip_while(|line| *line != head).skip(1);
    // Up to the next resource.
    let own = lines.by_ref().take_while(|line| line.is_empty() || line.starts_with("   "));
    own.filter_map(|line| line.trim().strip_prefix("MemorySize:"))
        .find_map(|it| it.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_what_a_calculator_gives() {
        // 5,000,000 / 2,000 = 2,500 invocations; 5 ms x 1,769 / 256 = 34.55 ms;
        // 2,500 x 30 x 0.035 s x 0.25 GB = 656.25 GB-seconds.
        let price = Price::of(2_000, Duration::from_millis(5), 256);
        assert_eq!((price.invocations, price.billed_ms), (2_500, 35));
        assert!((price.gb_seconds - 656.25).abs() < 1e-9);
        assert!((price.duration_usd - 0.008_750_043_75).abs() < 1e-9);
        assert!((price.requests_usd - 0.015).abs() < 1e-12);
        assert!((price.total_usd() - 0.023_750_043_75).abs() < 1e-9);
    }

    #[test]
    fn what_is_begun_is_billed() {
        let price = |records, cpu| Price::of(records, cpu, MEGABYTES_PER_CPU);
        assert_eq!(price(4_999_999, Duration::from_millis(5)).invocations, 2);
        assert_eq!(price(1, Duration::from_millis(5)).billed_ms, 5);
        assert_eq!(price(1, Duration::from_nanos(5_000_001)).billed_ms, 6);
        // One thread does not benefit from a second CPU.
        assert_eq!(Price::of(1, Duration::from_millis(5), 2 * MEGABYTES_PER_CPU).billed_ms, 5);
    }

    #[test]
    fn finds_the_memory_in_the_template() {
        let template = "Resources:\n  One:\n    Type: A\n\n    Properties:\n      MemorySize: 128\n  \
                        Two:\n    Properties:\n      MemorySize: 512\n  Three:\n    Type: C\n";
        assert_eq!(memory_megabytes(template, "One"), Some(128));
        assert_eq!(memory_megabytes(template, "Two"), Some(512));
        assert_eq!(memory_megabytes(template, "Three"), None);
        assert_eq!(memory_megabytes(template, "Four"), None);
    }
}
