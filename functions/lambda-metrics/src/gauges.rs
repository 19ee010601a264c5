//! The values that alarms watch, computed from the metrics of one period.

use std::cmp::Ordering;

use shared::metrics::{Metric, Unit};

use crate::query::Measure;
use crate::reading::Reading;

/// A value for alarms, with the name of its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gauge {
    ErrorRate,
    ThrottleRate,
    Errors,
    Throttles,
    TimeoutHeadroom,
    ConcurrencyUtilization,
    AsyncEventsDropped,
    DeadLetterErrors,
    IteratorAge,
    ProvisionedConcurrencyUtilization,
    ProvisionedConcurrencySpillover,
    /// A metric of the account, not of a function.
    AccountConcurrencyUtilization,
}

impl Gauge {
    /// All of them, with name and unit.
    const ALL: [(Self, &'static str, Unit); 12] = [
        (Self::ErrorRate, "ErrorRate", Unit::Percent),
        (Self::ThrottleRate, "ThrottleRate", Unit::Percent),
        (Self::Errors, "Errors", Unit::Count),
        (Self::Throttles, "Throttles", Unit::Count),
        (Self::TimeoutHeadroom, "TimeoutHeadroom", Unit::Percent),
        (Self::ConcurrencyUtilization, "ConcurrencyUtilization", Unit::Percent),
        (Self::AsyncEventsDropped, "AsyncEventsDropped", Unit::Count),
        (Self::DeadLetterErrors, "DeadLetterErrors", Unit::Count),
        (Self::IteratorAge, "IteratorAge", Unit::Milliseconds),
        (
            Self::ProvisionedConcurrencyUtilization,
            "ProvisionedConcurrencyUtilization",
            Unit::Percent,
        ),
        (Self::ProvisionedConcurrencySpillover, "ProvisionedConcurrencySpillover", Unit::Count),
        (Self::AccountConcurrencyUtilization, "AccountConcurrencyUtilization", Unit::Percent),
    ];

    /// The worse of two values: the higher one, or for headroom the lower one.
    fn worse(self, one: f64, other: f64) -> f64 {
        match self {
            Self::TimeoutHeadroom => one.min(other),
            _ => one.max(other),
        }
    }
}

/// The values of one period; `None` if unknown or without traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Gauges([Option<f64>; Gauge::ALL.len()]);

/// The limits that values are compared to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The function's timeout, in milliseconds.
    pub(crate) timeout_ms: Option<u64>,
    /// Maximum concurrent executions of the function.
    pub(crate) concurrency: Option<u32>,
    /// Minimum number of invocations for a rate.
    pub(crate) min_invocations: u32,
}

impl Gauges {
    /// The values of a function in a period.
    pub(crate) fn of(reading: &Reading, function: &str, period: u64, bounds: Bounds) -> Self {
        let value = |measure: Measure| {
            let points = reading.of(function, measure)?;
            let value = points.by_period.get(&period).copied();
            // A count without a value is zero, unless the result is incomplete.
            value.or_else(|| (measure.counts_from_zero() && points.is_complete).then_some(0.0))
        };
        let (invocations, errors) = (value(Measure::Invocations), value(Measure::Errors));
        let throttles = value(Measure::Throttles);
        let has_run = invocations.is_some_and(|invocations| invocations > 0.0);
        // In a period with only throttles, zeros of other metrics are meaningless.
        let happened = |value: Option<f64>| value.filter(|&value| has_run || value > 0.0);
        let min_invocations = f64::from(bounds.min_invocations.max(1));
        let rate = |part: Option<f64>, whole: Option<f64>| {
            Some(share(part?, whole.filter(|&whole| whole >= min_invocations)?))
        };
        let requested = invocations.zip(throttles).map(|(ran, throttled)| ran + throttled);
        let headroom = |longest_ms: f64| {
            let timeout_ms = bounds.timeout_ms.filter(|&timeout_ms| timeout_ms > 0)?;
            Some(100.0 - share(longest_ms, whole_number(timeout_ms)))
        };
        let utilization = |used: f64| Some(share(used, f64::from(bounds.concurrency?)));
        let gauge = |(gauge, ..): (Gauge, _, _)| match gauge {
            Gauge::ErrorRate => rate(errors, invocations),
            Gauge::ThrottleRate => rate(throttles, requested),
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
                happened(value(Measure::ProvisionedConcurrencySpilloverInvocations))
            }
            Gauge::AccountConcurrencyUtilization => None,
        };
        Self(Gauge::ALL.map(gauge))
    }

    pub(crate) const fn set(&mut self, gauge: Gauge, value: f64) {
        self.0[gauge as usize] = Some(value);
    }

    /// One of the values.
    pub(crate) const fn get(&self, gauge: Gauge) -> Option<f64> {
        self.0[gauge as usize]
    }

    /// Takes the values of `new`, and returns those that changed.
    pub(crate) fn update(&mut self, new: &Self) -> Self {
        let mut changed = Self::default();
        for ((known, new), changed) in self.0.iter_mut().zip(new.0).zip(&mut changed.0) {
            if new.is_some() && new != *known {
                (*known, *changed) = (new, new);
            }
        }
        changed
    }

    /// Takes the values of `other` that are worse.
    pub(crate) fn worsen(&mut self, other: &Self) {
        for (((gauge, ..), worst), other) in Gauge::ALL.iter().zip(&mut self.0).zip(other.0) {
            *worst = match (*worst, other) {
                (Some(worst), Some(other)) => Some(gauge.worse(worst, other)),
                (worst, other) => worst.or(other),
            };
        }
    }

    /// The values as metrics.
    pub(crate) fn metrics(&self) -> Vec<Metric<f64>> {
        let metric = |(gauge, name, unit)| Some((name, unit, self.get(gauge)?));
        Gauge::ALL.into_iter().filter_map(metric).collect()
    }
}

/// The share of `part` in `whole`, in percent: at most 100, which is also the share of nothing.
pub(crate) fn share(part: f64, whole: f64) -> f64 {
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
