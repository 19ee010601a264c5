//! The metrics and log lines of a batch.

use std::collections::BTreeMap;
use std::io;

use serde_json::Number;
use shared::log_stream;
use shared::metrics::{Metric, Metrics, Unit};

use crate::line::Failure;
use crate::source;
use crate::tally::{Highest, MAX_NAMED, Outcome};

/// CloudWatch accepts metrics of the last 14 days, of which one day is a reserve.
const MAX_AGE_MS: u64 = 13 * 24 * 60 * 60 * 1_000;
/// CloudWatch accepts metrics up to two hours ahead.
const MAX_AHEAD_MS: u64 = 2 * 60 * 60 * 1_000;
const MINUTE_MS: u64 = 60 * 1_000;

/// The name of a function if neither log stream nor log group contains it.
const UNKNOWN: &str = "unknown";

/// The outcome of a batch of one log stream.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    pub(crate) log_group: &'a str,
    pub(crate) log_stream: &'a str,
    pub(crate) outcome: &'a Outcome,
}

/// The metrics of one minute, the finest period in CloudWatch.
#[derive(Debug, Default)]
struct Minute {
    timestamp_ms: u64,
    failures: BTreeMap<Failure, u64>,
    memory_percent: Option<f64>,
    init_ms: Option<f64>,
}

impl Summary<'_> {
    fn function_name(&self) -> &str {
        log_stream::function_name(self.log_group, self.log_stream).unwrap_or(UNKNOWN)
    }

    /// The metrics as lines of embedded metric format: for the function, and without dimension, so
    /// that one alarm covers any number of functions.
    pub(crate) fn metrics(&self, namespace: &str, now_ms: u64) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        for minute in self.minutes(now_ms).values() {
            let timestamp_ms = minute.timestamp_ms;
            let (counts, gauges) = (minute.counts(), minute.gauges());
            let metrics = [counts.clone(), gauges].concat();
            let dimensions: &[_] = &[("FunctionName", self.function_name())];
            Metrics { namespace, dimensions, timestamp_ms, metrics: &metrics }.write(&mut lines)?;
            if !counts.is_empty() {
                Metrics { namespace, dimensions: &[], timestamp_ms, metrics: &counts }
                    .write(&mut lines)?;
            }
        }
        Ok(lines)
    }

    fn minutes(&self, now_ms: u64) -> BTreeMap<u64, Minute> {
        let mut minutes = BTreeMap::new();
        let Outcome { failures, memory_percent, init_ms, .. } = self.outcome;
        for failed in failures {
            let minute = minute(&mut minutes, failed.time_ms, now_ms);
            *minute.failures.entry(failed.failure).or_default() += 1;
        }
        if let Some(Highest { value, time_ms }) = *memory_percent {
            minute(&mut minutes, time_ms, now_ms).memory_percent = Some(value);
        }
        if let Some(Highest { value, time_ms }) = *init_ms {
            minute(&mut minutes, time_ms, now_ms).init_ms = Some(value);
        }
        minutes
    }

    /// Logs a line for each failure up to [`MAX_NAMED`], and one for the remaining failures.
    pub(crate) fn log(&self, region: Option<&str>) {
        let function = self.function_name();
        let link = region.map(|region| source::link(region, self.log_group, self.log_stream));
        let Outcome { failures, names, .. } = self.outcome;
        for failed in failures.iter().take(MAX_NAMED) {
            let request_id = failed.request.and_then(|request| names.get(&request));
            let (kind, time_ms) = (kind(failed.failure), failed.time_ms);
            tracing::warn!(function, request_id, kind, time_ms, link, "invocation failed");
        }
        let count = failures.len().saturating_sub(MAX_NAMED);
        if count > 0 {
            tracing::warn!(function, count, link, "more invocations failed");
        }
    }
}

fn minute(minutes: &mut BTreeMap<u64, Minute>, time_ms: u64, now_ms: u64) -> &mut Minute {
    let timestamp_ms = stamp(time_ms, now_ms);
    let minute = minutes.entry(timestamp_ms / MINUTE_MS).or_default();
    minute.timestamp_ms = minute.timestamp_ms.max(timestamp_ms);
    minute
}

impl Minute {
    /// The counts, without zeros, which would cost as much.
    fn counts(&self) -> Vec<Metric<Number>> {
        let name = |failure| match failure {
            Failure::Timeout => "Timeouts",
            Failure::OutOfMemory => "OutOfMemory",
            Failure::Init => "InitFailures",
            Failure::Unhandled => "UnhandledErrors",
        };
        let count = |(failure, count): (&_, &u64)| (name(*failure), Unit::Count, (*count).into());
        self.failures.iter().map(count).collect()
    }

    fn gauges(&self) -> Vec<Metric<Number>> {
        [
            ("MaxMemoryUsedPercent", Unit::Percent, self.memory_percent),
            ("InitDuration", Unit::Milliseconds, self.init_ms),
        ]
        .into_iter()
        .filter_map(|(name, unit, value)| Some((name, unit, Number::from_f64(value?)?)))
        .collect()
    }
}

/// The time of a log event, or now if CloudWatch would reject it.
fn stamp(time_ms: u64, now_ms: u64) -> u64 {
    let accepted = now_ms.saturating_sub(MAX_AGE_MS)..=now_ms.saturating_add(MAX_AHEAD_MS);
    if accepted.contains(&time_ms) { time_ms } else { now_ms }
}

fn kind(failure: Failure) -> &'static str {
    match failure {
        Failure::Timeout => "timeout",
        Failure::OutOfMemory => "out_of_memory",
        Failure::Init => "init_failure",
        Failure::Unhandled => "unhandled_error",
    }
}
