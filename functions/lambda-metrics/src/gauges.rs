//! The values that alarms watch, of what CloudWatch counted in one period.

use std::cmp::Ordering;

use shared::metrics::{Metric, Unit};

use crate::query::Measure;
use crate::reading::Reading;

/// A value for alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// Errors / Invocations
    ErrorRate,
    /// Throttles / (Throttles + Invocations)
    ThrottleRate,
    /// As Lambda counts them.
    Errors,
    /// As Lambda counts them.
    Throttles,
    /// How much of its timeout the longest invocation left.
    TimeoutHeadroom,
    /// How much of what can run at the same time did.
    ConcurrencyUtilization,
    /// As Lambda counts them.
    AsyncEventsDropped,
    /// As Lambda counts them.
    DeadLetterErrors,
    /// As Lambda tells it.
    IteratorAge,
    /// How much of the provisioned concurrency was used.
    ProvisionedConcurrencyUtilization,
    /// Calls that ran beyond the provisioned concurrency.
    ProvisionedConcurrencySpillover,
}

impl Gauge {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::ErrorRate,
        Self::ThrottleRate,
        Self::Errors,
        Self::Throttles,
        Self::TimeoutHeadroom,
        Self::ConcurrencyUtilization,
        Self::AsyncEventsDropped,
        Self::DeadLetterErrors,
        Self::IteratorAge,
        Self::ProvisionedConcurrencyUtilization,
        Self::ProvisionedConcurrencySpillover,
    ];

    const fn name_and_unit(self) -> (&'static str, Unit) {
        match self {
            Self::ErrorRate => ("ErrorRate", Unit::Percent),
            Self::ThrottleRate => ("ThrottleRate", Unit::Percent),
            Self::Errors => ("Errors", Unit::Count),
            Self::Throttles => ("Throttles", Unit::Count),
            Self::TimeoutHeadroom => ("TimeoutHeadroom", Unit::Percent),
            Self::ConcurrencyUtilization => ("ConcurrencyUtilization", Unit::Percent),
            Self::AsyncEventsDropped => ("AsyncEventsDropped", Unit::Count),
            Self::DeadLetterErrors => ("DeadLetterErrors", Unit::Count),
            Self::IteratorAge => ("IteratorAge", Unit::Milliseconds),
            Self::ProvisionedConcurrencyUtilization => {
                ("ProvisionedConcurrencyUtilization", Unit::Percent)
            }
            Self::ProvisionedConcurrencySpillover => {
                ("ProvisionedConcurrencySpillover", Unit::Count)
            }
        }
    }

    /// The worse of two values: the higher one, of what is left the lower one.
    fn worse(self, one: f64, other: f64) -> f64 {
        match self {
            Self::TimeoutHeadroom => one.min(other),
            _ => one.max(other),
        }
    }
}

/// The values of one period; what is not known or did not happen has none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gauges([Option<f64>; Gauge::ALL.len()]);

/// What values are measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The function's timeout, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// How many of it can run at the same time.
    pub concurrency: Option<u32>,
    /// A rate of fewer invocations is not told.
    pub min_invocations: u32,
}

impl Gauges {
    /// The values of a function in a period.
    #[must_use]
    pub fn of(reading: &Reading, function: &str, period: u64, bounds: Bounds) -> Self {
        let value = |measure: Measure| {
            let points = reading.of(function, measure)?;
            let value = points.by_period.get(&period).copied();
            // What was counted and has no value did not happen, unless the answer is in part.
            value.or_else(|| (measure.counts_from_zero() && points.is_whole).then_some(0.0))
        };
        let (invocations, errors) = (value(Measure::Invocations), value(Measure::Errors));
        let throttles = value(Measure::Throttles);
        let has_run = invocations.is_some_and(|invocations| invocations > 0.0);
        // A period of throttles alone has nothing to tell of what ran: nothing did.
        let happened = |value: Option<f64>| value.filter(|&value| has_run || value > 0.0);
        let min_invocations = f64::from(bounds.min_invocations.max(1));
        let rate = |part: Option<f64>, whole: Option<f64>| {
            Some(share(part?, whole.filter(|&whole| whole >= min_invocations)?))
        };
        let asked_for = invocations.zip(throttles).map(|(ran, throttled)| ran + throttled);
        let headroom = |longest_ms: f64| {
            let timeout_ms = bounds.timeout_ms.filter(|&timeout_ms| timeout_ms > 0)?;
            Some(100.0 - share(longest_ms, whole_number(timeout_ms)))
        };
        let utilization = |used: f64| Some(share(used, f64::from(bounds.concurrency?)));
        let gauge = |gauge: Gauge| match gauge {
            Gauge::ErrorRate => rate(errors, invocations),
            Gauge::ThrottleRate => rate(throttles, asked_for),
            Gauge::Errors => happened(errors),
            Gauge::Throttles => happened(throttles),
            Gauge::TimeoutHeadroom => happened(value(Measure::Duration)).and_then(headroom),
            Gauge::ConcurrencyUtilization => {
                happened(value(Measure::ConcurrentExecutions)).and_then(utilization)
            }
            Gauge::AsyncEventsDropped => happened(value(Measure::AsyncEventsDropped)),
            Gauge::DeadLetterErrors => happened(value(Measure::DeadLetterErrors)),
            Gauge::IteratorAge => happened(value(Measure::IteratorAge)),
            Gauge::ProvisionedConcurrencyUtilization => {
                let used = happened(value(Measure::ProvisionedConcurrencyUtilization));
                used.map(|used| share(used, 1.0))
            }
            Gauge::ProvisionedConcurrencySpillover => {
                happened(value(Measure::ProvisionedConcurrencySpillover))
            }
        };
        Self(Gauge::ALL.map(gauge))
    }

    /// One of the values.
    #[must_use]
    pub const fn get(&self, gauge: Gauge) -> Option<f64> {
        self.0[gauge as usize]
    }

    /// Takes over what `new` has, and gives what of that is another value than before.
    #[must_use]
    pub fn update(&mut self, new: &Self) -> Self {
        let mut changed = Self::default();
        for ((known, new), changed) in self.0.iter_mut().zip(new.0).zip(&mut changed.0) {
            if new.is_some() && new != *known {
                (*known, *changed) = (new, new);
            }
        }
        changed
    }

    /// Takes over what of `other` is worse.
    pub fn worsen(&mut self, other: &Self) {
        for ((gauge, worst), other) in Gauge::ALL.into_iter().zip(&mut self.0).zip(other.0) {
            *worst = match (*worst, other) {
                (Some(worst), Some(other)) => Some(gauge.worse(worst, other)),
                (worst, other) => worst.or(other),
            };
        }
    }

    /// The values as metrics.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric<f64>> {
        let metric = |gauge: Gauge| {
            let (name, unit) = gauge.name_and_unit();
            Some((name, unit, self.get(gauge)?))
        };
        Gauge::ALL.into_iter().filter_map(metric).collect()
    }
}

/// How much of `whole` a part is, in percent. All of it, where there is nothing to have a part of.
#[must_use]
pub fn share(part: f64, whole: f64) -> f64 {
    match part.partial_cmp(&whole) {
        Some(Ordering::Less) => part / whole * 100.0,
        _ => 100.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a timeout is far below 2^52 ms")]
const fn whole_number(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
