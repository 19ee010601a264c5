//! The values that were emitted: a value is emitted again only if it changed.
//!
//! A new process emits all values again, which is harmless: they are gauges, and alarms use the
//! maximum or the minimum.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use shared::metrics::{Metric, Metrics};

use crate::gauges::{Gauge, Gauges};
use crate::window::Window;

/// The emitted values of the periods that can still change.
#[derive(Debug, Default)]
pub(crate) struct History {
    functions: HashMap<String, BTreeMap<u64, Gauges>>,
    worst: BTreeMap<u64, Gauges>,
}

/// Writes lines of metrics, and counts them.
#[derive(Debug)]
pub(crate) struct Lines<'a, W> {
    pub(crate) namespace: &'a str,
    pub(crate) out: W,
    pub(crate) count: u64,
}

impl<W: Write> Lines<'_, W> {
    /// Writes a line, unless it has no metrics.
    pub(crate) fn write(
        &mut self,
        function: Option<&str>,
        timestamp_ms: u64,
        metrics: &[Metric<f64>],
    ) -> io::Result<()> {
        if metrics.is_empty() {
            return Ok(());
        }
        let dimension = function.map(|name| ("FunctionName", name));
        let dimensions = dimension.as_slice();
        let namespace = self.namespace;
        Metrics { namespace, dimensions, timestamp_ms, metrics }.write(&mut self.out)?;
        self.count += 1;
        Ok(())
    }
}

impl History {
    /// Forgets functions that are no longer watched, and periods that can no longer change.
    pub(crate) fn keep(&mut self, window: Window, is_watched: impl Fn(&str) -> bool) {
        self.functions.retain(|name, _| is_watched(name));
        for periods in self.functions.values_mut() {
            *periods = periods.split_off(&window.start_ms);
        }
        self.worst = self.worst.split_off(&window.start_ms);
    }

    /// Emits the new and changed values of a function in a period.
    pub(crate) fn emit(
        &mut self,
        function: &str,
        period: u64,
        gauges: &Gauges,
        lines: &mut Lines<'_, impl Write>,
    ) -> io::Result<()> {
        if *gauges == Gauges::default() {
            return Ok(());
        }
        let periods = self.functions.entry(function.to_owned()).or_default();
        let changed = periods.entry(period).or_default().update(gauges);
        lines.write(Some(function), period, &changed.metrics())
    }

    /// Emits the new and changed values over all functions: the worst of each value, and
    /// `AccountConcurrencyUtilization` if it is known.
    pub(crate) fn emit_overall(
        &mut self,
        account: &BTreeMap<u64, f64>,
        window: Window,
        lines: &mut Lines<'_, impl Write>,
    ) -> io::Result<()> {
        for period in window.periods() {
            let mut worst = Gauges::default();
            for gauges in self.functions.values().filter_map(|periods| periods.get(&period)) {
                worst.worsen(gauges);
            }
            if let Some(&utilization) = account.get(&period) {
                worst.set(Gauge::AccountConcurrencyUtilization, utilization);
            }
            let changed = self.worst.entry(period).or_default().update(&worst);
            lines.write(None, period, &changed.metrics())?;
        }
        Ok(())
    }

    /// Number of periods that are kept.
    #[cfg(test)]
    pub(crate) fn periods(&self) -> usize {
        let functions: usize = self.functions.values().map(BTreeMap::len).sum();
        functions + self.worst.len()
    }
}

#[cfg(test)]
mod tests;
