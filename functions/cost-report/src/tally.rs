//! The metrics of a report.

use std::io::{self, Write};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use shared::cost::exact;
use shared::metrics::{Metric, Metrics, Unit};

use crate::period::Days;
use crate::report::Report;

/// Days back from today for which metrics are emitted: CloudWatch rejects values that are older
/// than 14 days (source: Amazon CloudWatch API reference, `PutMetricData`).
const MAX_AGE_DAYS: i64 = 13;

/// Writes `CostRequests`, and the costs and anomalies that were read.
pub(crate) fn emit(
    namespace: &str,
    report: Option<&Report>,
    requests: u32,
    now: Timestamp,
    out: &mut impl Write,
) -> io::Result<()> {
    let anomalies = report.and_then(|report| report.anomalies.value());
    let anomalies = anomalies.map(|found| ("CostAnomalies", Unit::Count, count(found.len())));
    let requests = ("CostRequests", Unit::Count, f64::from(requests));
    let counts: Vec<Metric<f64>> = anomalies.into_iter().chain([requests]).collect();
    write(namespace, &[], now, &counts, out)?;
    let Some(report) = report else { return Ok(()) };
    let today = now.to_zoned(TimeZone::UTC).date();
    let oldest = today.saturating_sub(MAX_AGE_DAYS.days());
    let both = report.periods.both();
    let days = Days { start: both.start.max(oldest), end: both.end.max(oldest) };
    let services = report.told().iter().map(|told| Some(&*told.name));
    for service in [None].into_iter().chain(services) {
        let dimension = service.map(|name| ("Service", name));
        for (day, cost) in report.spending.daily(days, service) {
            let cost = ("DailyCost", Unit::None, exact(cost));
            write(namespace, dimension.as_slice(), start_of(day), &[cost], out)?;
        }
    }
    Ok(())
}

fn write(
    namespace: &str,
    dimensions: &[(&str, &str)],
    at: Timestamp,
    metrics: &[Metric<f64>],
    out: &mut impl Write,
) -> io::Result<()> {
    let timestamp_ms = u64::try_from(at.as_millisecond()).unwrap_or_default();
    Metrics { namespace, dimensions, timestamp_ms, metrics }.write(out)
}

fn start_of(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map(|start| start.timestamp()).unwrap_or_default()
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
