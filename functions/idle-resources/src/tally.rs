//! The metrics of a run.

use std::io::{self, Write};

use shared::cost::exact;
use shared::metrics::{Metric, Metrics, Unit};

use crate::found::{Found, Sum};
use crate::outcome::Outcome;

/// Writes the metrics of each kind that was read in all regions, and the totals if all kinds were.
pub(crate) fn emit(
    found: &Found,
    outcome: &Outcome,
    removes: bool,
    namespace: &str,
    timestamp_ms: u64,
    mut out: impl Write,
) -> io::Result<()> {
    let mut write = |dimensions: &[(&str, &str)], metrics: &[Metric<f64>]| {
        Metrics { namespace, dimensions, timestamp_ms, metrics }.write(&mut out)
    };
    for (kind, sum) in found.kinds() {
        if !found.unread.has(kind.name()) {
            write(&[("Kind", kind.name())], &idle(sum))?;
        }
    }
    let mut metrics = Vec::new();
    if found.unread.is_empty() {
        metrics.extend(idle(found.total()));
    }
    // A mark that stays although the resource is in use shortens its grace period.
    let failures = found.unread.len() + outcome.mark_failures;
    metrics.push(("ScanFailures", Unit::Count, count(failures)));
    if removes {
        metrics.push(("ResourcesRemoved", Unit::Count, count(outcome.removed.len())));
        metrics.push(("RemovalFailures", Unit::Count, count(outcome.removal_failures())));
    }
    write(&[], &metrics)
}

fn idle(sum: Sum) -> [Metric<f64>; 2] {
    [("IdleResources", Unit::Count, count(sum.resources)), ("IdleCost", Unit::None, exact(sum.usd))]
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
