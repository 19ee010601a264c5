//! The metrics of a report.

use std::io::{self, Write};

use shared::cost::exact;
use shared::metrics::{Metric, Metrics, Unit};

use crate::found::Found;
use crate::kind::Kind;

/// Writes the metrics of each kind that was read completely, and the number of failed reads.
pub(crate) fn emit(
    found: &Found,
    namespace: &str,
    timestamp_ms: u64,
    mut out: impl Write,
) -> io::Result<()> {
    let mut write = |dimensions: &[(&str, &str)], metrics: &[Metric<f64>]| {
        Metrics { namespace, dimensions, timestamp_ms, metrics }.write(&mut out)
    };
    let mut totals = vec![("ScanFailures", Unit::Count, count(found.unread.len()))];
    for (kind, sum) in found.kinds() {
        if found.unread.has(kind.name()) {
            continue;
        }
        let metrics = [
            ("SavingsFound", Unit::Count, count(sum.resources)),
            ("SavingsCost", Unit::None, exact(sum.saving.usd)),
        ];
        write(&[("Kind", kind.name())], &metrics)?;
        if kind == Kind::Bucket {
            let measured: f64 = found.measured.iter().map(|measured| measured.usd).sum();
            totals.push(("TieringSavings", Unit::None, exact(measured)));
        }
    }
    write(&[], &totals)
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
