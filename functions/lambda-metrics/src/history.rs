//! What was emitted: a value is emitted again only when it changed.
//!
//! It lives as long as the process does. One that is new emits all again, which is harmless: they
//! are gauges, and alarms look at the highest or the lowest.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use shared::metrics::{Metric, Metrics, Unit};

use crate::gauges::Gauges;
use crate::window::Window;

/// The values that were emitted, of the periods that can still change.
#[derive(Debug, Default)]
pub struct History {
    functions: HashMap<String, BTreeMap<u64, Gauges>>,
    /// The worst of all functions.
    worst: BTreeMap<u64, Gauges>,
    /// `AccountConcurrencyUtilization`
    account: BTreeMap<u64, f64>,
}

/// Writes lines of metrics, and counts them.
#[derive(Debug)]
pub struct Lines<'a, W> {
    /// The CloudWatch namespace.
    pub namespace: &'a str,
    /// Where to.
    pub out: W,
    /// How many there were.
    pub count: u64,
}

impl<W: Write> Lines<'_, W> {
    /// Writes a line, unless it has nothing to tell.
    ///
    /// # Errors
    /// What writing gives.
    pub fn write(
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
    /// Forgets what is not watched any more, and periods that cannot change any more.
    pub fn keep(&mut self, window: Window, is_watched: impl Fn(&str) -> bool) {
        self.functions.retain(|name, _| is_watched(name));
        for periods in self.functions.values_mut() {
            *periods = periods.split_off(&window.start_ms);
        }
        self.worst = self.worst.split_off(&window.start_ms);
        self.account = self.account.split_off(&window.start_ms);
    }

    /// Emits what is new or changed of a function in a period.
    ///
    /// # Errors
    /// What writing gives.
    pub fn emit(
        &mut self,
        function: &str,
        period: u64,
        gauges: &Gauges,
        lines: &mut Lines<'_, impl Write>,
    ) -> io::Result<()> {
        if *gauges == Gauges::default() {
            return Ok(());
        }
        if !self.functions.contains_key(function) {
            self.functions.insert(function.to_owned(), BTreeMap::new());
        }
        let Some(periods) = self.functions.get_mut(function) else { return Ok(()) };
        let changed = periods.entry(period).or_default().update(gauges);
        lines.write(Some(function), period, &changed.metrics())
    }

    /// Emits what is new or changed of all functions together: the worst of each value, and
    /// `AccountConcurrencyUtilization` where it is known.
    ///
    /// # Errors
    /// What writing gives.
    pub fn emit_overall(
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
            let changed = self.worst.entry(period).or_default().update(&worst);
            let mut metrics = changed.metrics();
            if let Some(&utilization) = account.get(&period)
                && self.account.insert(period, utilization) != Some(utilization)
            {
                metrics.push(("AccountConcurrencyUtilization", Unit::Percent, utilization));
            }
            lines.write(None, period, &metrics)?;
        }
        Ok(())
    }

    /// How many values are kept.
    #[must_use]
    pub fn periods(&self) -> usize {
        let functions: usize = self.functions.values().map(BTreeMap::len).sum();
        functions + self.worst.len() + self.account.len()
    }
}

#[cfg(test)]
mod tests;
