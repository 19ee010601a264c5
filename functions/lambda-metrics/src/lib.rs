#![doc = include_str!("../README.md")]

pub mod config;
pub mod error;
pub mod failures;
pub mod gauges;
pub mod history;
pub mod inventory;
pub mod query;
pub mod reading;
pub mod sdk;
pub mod services;
pub mod watch;
pub mod window;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use shared::metrics::Unit;
use shared::runtime::{Function, Invocation};
use tokio::time::Instant;

use crate::config::Config;
use crate::error::Error;
use crate::failures::Failures;
use crate::gauges::{Bounds, Gauges, share};
use crate::history::{History, Lines};
use crate::inventory::Inventory;
use crate::query::{Measure, Query};
use crate::reading::{Points, Reading};
use crate::services::Services;
use crate::watch::is_replica;
use crate::window::{SHORTEST_LOOK_BACK_MS, Window};

/// What is left for emitting what was read.
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

/// An invocation's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// Functions that are watched.
    functions: usize,
    /// Metrics that CloudWatch was asked for.
    metrics_requested: usize,
    /// Lines of metrics that were new or changed.
    lines_emitted: u64,
}

impl<S: Services, W: Write> Function for App<S, W> {
    type Error = Error;

    /// One run, whatever the event says: reads, and emits what is new.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        json: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let now_ms = invocation.now.milliseconds();
        let mut failures = Failures::default();
        let left = invocation.deadline.saturating_duration_since(Instant::now());
        let until = before(invocation.deadline, (left / 5).min(MAX_MARGIN));
        // What is known of the functions will do where reading it again takes long.
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
            return Err(Error::PollFailed { count: failures.count(), first });
        }
        let functions = self.inventory.functions().len();
        let answer = Answer { functions, metrics_requested: reading.asked, lines_emitted };
        // Three numbers: nothing in it that JSON cannot tell.
        serde_json::to_writer(json, &answer).unwrap_or_default();
        Ok(())
    }
}

impl<S: Services, W: Write> App<S, W> {
    /// The function with these settings and this way to AWS, writing its metrics to `out`: in
    /// Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, services: S, out: W) -> Self {
        let (inventory, history) = (Inventory::default(), History::default());
        Self { config, services, out, inventory, history, all_read_at_ms: None }
    }

    /// Reads the metrics. Each one costs: a function that was not called lately is asked for
    /// nothing but whether it was, but for every five minutes, within which nothing is lost.
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
        if self.all_read_at_ms.is_none_or(is_all_due) {
            let queries: Vec<_> = names()
                .flat_map(|name| Query::of(name, &Measure::TRAFFIC).chain(self.others(name)))
                .chain([Query::AccountConcurrency])
                .collect();
            let before = failures.count();
            reading.ask(&self.services, &queries, window, until, failures).await;
            self.all_read_at_ms = (failures.count() == before).then_some(now_ms);
            return reading;
        }
        let queries: Vec<_> = names()
            .flat_map(|name| Query::of(name, &Measure::TRAFFIC))
            .chain([Query::AccountConcurrency])
            .collect();
        reading.ask(&self.services, &queries, window, until, failures).await;
        let was_called = |name: &&str| {
            let is_quiet = |points: &Points| points.is_whole && !points.has_any();
            let points = Measure::TRAFFIC.map(|measure| reading.of(name, measure));
            !points.into_iter().all(|points| points.is_some_and(is_quiet))
        };
        let queries: Vec<_> =
            names().filter(was_called).flat_map(|name| self.others(name)).collect();
        reading.ask(&self.services, &queries, window, until, failures).await;
        reading
    }

    /// The metrics of a function beside its traffic.
    fn others<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Query<'a>> {
        let provisioned = self.inventory.provisioned(name);
        Query::of(name, &Measure::OTHERS).chain(
            provisioned.flat_map(move |resource| {
                Query::of_resource(name, resource, &Measure::PROVISIONED)
            }),
        )
    }

    /// Emits what is new, and the heartbeat; gives the number of lines.
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
            // Nobody knows what was taken: all of it is emitted again.
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

/// How much of the account's concurrency was used or kept, in percent, by period.
fn account_utilization(inventory: &Inventory, reading: &Reading) -> BTreeMap<u64, f64> {
    let (Some(limits), Some(claimed)) = (inventory.limits(), reading.account()) else {
        return BTreeMap::new();
    };
    let claimed = claimed.by_period.iter().filter(|&(_, &claimed)| claimed > 0.0);
    claimed.map(|(&period, &claimed)| (period, share(claimed, f64::from(limits.total)))).collect()
}

/// A schedule of every minute comes some seconds earlier or later.
const CLOCK_SLACK_MS: u64 = 30_000;

fn before(time: Instant, by: Duration) -> Instant {
    time.checked_sub(by).unwrap_or(time)
}

fn count_of(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
