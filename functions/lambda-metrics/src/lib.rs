#![doc = include_str!("../README.md")]

mod config;
mod error;
mod failures;
mod gauges;
mod history;
mod inventory;
mod query;
mod reading;
mod sdk;
mod services;
mod watch;
mod window;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;
use shared::metrics::Unit;
use shared::runtime::{Function, Invocation};
use tokio::time::Instant;

use crate::failures::Failures;
use crate::gauges::{Bounds, Gauges, share};
use crate::history::{History, Lines};
use crate::inventory::Inventory;
use crate::reading::{Points, Reading};
use crate::watch::is_replica;
use crate::window::SHORTEST_LOOK_BACK_MS;

pub use config::{Config, VARIABLES};
pub use error::HandlerError;
pub use query::{MAX_QUERIES, Measure, Query};
pub use sdk::AwsServices;
pub use services::{AccountLimits, DataPage, Measured, Page, Series, Services};
pub use watch::{Settings, Tag};
pub use window::Window;

/// Maximum time that is reserved for emitting metrics.
const MAX_MARGIN: Duration = Duration::from_secs(3);

/// The function.
#[derive(Debug)]
pub struct App<S, W> {
    config: Config,
    services: S,
    out: W,
    inventory: Inventory,
    history: History,
    /// When every metric of every function was read.
    all_read_at_ms: Option<u64>,
}

/// Tolerance for the schedule of every minute.
const CLOCK_SLACK_MS: u64 = 30_000;

impl<S: Services, W: Write> Function for App<S, W> {
    type Error = HandlerError;

    /// Reads the metrics, and emits new and changed values. The event is ignored.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), HandlerError> {
        let now_ms = invocation.now.milliseconds();
        let mut failures = Failures::default();
        let left = invocation.deadline.saturating_duration_since(Instant::now());
        let until = before(invocation.deadline, (left / 5).min(MAX_MARGIN));
        // If reading the functions takes long, those that are known are used.
        let refresh_until = before(until, left * 2 / 5);
        let (services, watch) = (&self.services, &self.config.watch);
        self.inventory.refresh(services, watch, now_ms, refresh_until, &mut failures).await;
        // A replica of Lambda@Edge runs for 30 seconds at most (source: Amazon CloudFront Developer
        // Guide, "Quotas on Lambda@Edge").
        let functions = self.inventory.functions().iter().filter(|(name, _)| !is_replica(name));
        let timeouts = functions.map(|(_, settings)| settings.timeout_ms);
        let window = Window::new(now_ms, timeouts);
        let reading = self.read(now_ms, window, until, &mut failures).await;
        failures.log(invocation.request_id);
        let lines_emitted = self.emit(&reading, window, now_ms, failures.count())?;
        if let Some(first) = failures.first() {
            return Err(HandlerError::PollFailed { count: failures.count(), first });
        }
        let counts = json!({
            "functions": self.inventory.functions().len(),
            "metricsRequested": reading.requested,
            "linesEmitted": lines_emitted,
        });
        answer.extend_from_slice(counts.to_string().as_bytes());
        Ok(())
    }
}

impl<S: Services, W: Write> App<S, W> {
    /// Creates the function. It writes its metrics to `out`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, services: S, out: W) -> Self {
        let (inventory, history) = (Inventory::default(), History::default());
        Self { config, services, out, inventory, history, all_read_at_ms: None }
    }

    /// Reads the metrics. Each one costs money: for a function without recent calls, only the
    /// traffic is read, and all metrics every five minutes, which the look-back covers.
    async fn read(
        &mut self,
        now_ms: u64,
        window: Window,
        until: Instant,
        failures: &mut Failures,
    ) -> Reading {
        let names = || self.inventory.functions().keys().map(String::as_str);
        let is_all_due =
            |read_at_ms: u64| now_ms.abs_diff(read_at_ms) + CLOCK_SLACK_MS >= SHORTEST_LOOK_BACK_MS;
        let mut reading = Reading::default();
        let is_all = self.all_read_at_ms.is_none_or(is_all_due);
        let others = |name| is_all.then(|| self.others(name)).into_iter().flatten();
        let queries: Vec<_> = names()
            .flat_map(|name| Query::of(name, None, Measure::TRAFFIC).chain(others(name)))
            .chain([Query::AccountConcurrency])
            .collect();
        let before = failures.count();
        reading.request(&self.services, &queries, window, until, failures).await;
        if is_all {
            self.all_read_at_ms = (failures.count() == before).then_some(now_ms);
            return reading;
        }
        let was_called = |name: &&str| {
            let is_quiet = |points: &Points| points.is_complete && !points.has_any();
            let mut traffic = Measure::TRAFFIC.iter().map(|&measure| reading.of(name, measure));
            !traffic.all(|points| points.is_some_and(is_quiet))
        };
        let queries: Vec<_> =
            names().filter(was_called).flat_map(|name| self.others(name)).collect();
        reading.request(&self.services, &queries, window, until, failures).await;
        reading
    }

    /// The metrics of a function except its traffic.
    fn others<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Query<'a>> {
        let provisioned = self.inventory.provisioned(name);
        let provisioned =
            provisioned.flat_map(move |resource| Query::of(name, resource, Measure::PROVISIONED));
        Query::of(name, None, Measure::OTHERS).chain(provisioned)
    }

    /// Emits new and changed values and the heartbeat, and returns the number of lines.
    fn emit(
        &mut self,
        reading: &Reading,
        window: Window,
        now_ms: u64,
        failures: u64,
    ) -> io::Result<u64> {
        let namespace = &self.config.metrics_namespace;
        let mut lines = Lines { namespace, out: &mut self.out, count: 0 };
        let (inventory, history) = (&self.inventory, &mut self.history);
        let min_invocations = self.config.min_invocations;
        let emitted = emit_values(inventory, history, min_invocations, reading, window, &mut lines);
        if emitted.is_err() {
            // It is unknown what was written: the next run emits everything again.
            self.history = History::default();
        }
        let count = lines.count;
        let mut heartbeat = vec![("Polls", Unit::Count, 1.0)];
        if failures > 0 {
            heartbeat.push(("PollFailures", Unit::Count, count_of(failures)));
        }
        emitted.and_then(|()| lines.write(None, now_ms, &heartbeat))?;
        Ok(count)
    }
}

fn emit_values(
    inventory: &Inventory,
    history: &mut History,
    min_invocations: u32,
    reading: &Reading,
    window: Window,
    lines: &mut Lines<'_, impl Write>,
) -> io::Result<()> {
    history.keep(window, |name| inventory.functions().contains_key(name));
    for (name, settings) in inventory.functions() {
        let concurrency = inventory.concurrency(name);
        let bounds = Bounds { timeout_ms: settings.timeout_ms, concurrency, min_invocations };
        for period in window.periods() {
            let gauges = Gauges::of(reading, name, period, bounds);
            history.emit(name, period, &gauges, lines)?;
        }
    }
    history.emit_overall(&account_utilization(inventory, reading), window, lines)
}

/// The used or reserved share of the account's concurrency, in percent, by period.
fn account_utilization(inventory: &Inventory, reading: &Reading) -> BTreeMap<u64, f64> {
    let (Some(limits), Some(claimed)) = (inventory.limits(), reading.account()) else {
        return BTreeMap::new();
    };
    let claimed = claimed.by_period.iter().filter(|&(_, &claimed)| claimed > 0.0);
    claimed.map(|(&period, &claimed)| (period, share(claimed, f64::from(limits.total)))).collect()
}

fn before(time: Instant, by: Duration) -> Instant {
    time.checked_sub(by).unwrap_or(time)
}

fn count_of(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
