//! The report: the producer's records beside the store's windows, and the latencies, as text or as
//! JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use local::runtime_api::LogStream;
use local::timeseries::Windows;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{FUNCTION, Observed};
use crate::demo::account::discrepancies;
use crate::demo::logs::{Reasons, json_lines};
use crate::error::CliError;
use crate::layout::{Durations, details, most_first, row, thousands};

/// Time for which records are still delayed after the end of a fault: the longest pause of the
/// mapping, and a read.
const AFTERMATH_MS: u64 = 2_000;

#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    store: String,
    /// Valid readings.
    readings: u64,
    sent_twice: u64,
    sent_late: u64,
    sent_out_of_order: u64,
    /// Records that were put into the stream.
    records: u64,
    /// Records that are aggregates of the Kinesis Producer Library.
    aggregates: u64,
    /// Records that were done, and read again from an older checkpoint.
    read_again: u64,
    /// Readings in quarantine by reason.
    refused_by_reason: Reasons,
    dropped: u64,
    invocations: u64,
    failed_invocations: u64,
    partial_answers: u64,
    invocation_durations: Durations,
    /// Points that the function wrote, including those that it wrote again.
    points_written: u64,
    windows: Vec<Compared>,
    /// From put to stored, over all records.
    latency: Latencies,
    /// The same, without the records that arrived in the outage, or were delayed by the kill or by
    /// records that were read again.
    latency_undisturbed: Latencies,
    discrepancies: Vec<String>,
}

/// A panel of the dashboard: the windows of the store beside those of the producer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Compared {
    panel: String,
    windows: u64,
    different: u64,
    #[serde(skip)]
    first_difference: Option<String>,
}

impl Compared {
    pub(super) fn new(panel: String, expected: &Windows, found: &Windows) -> Self {
        let all: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
        let mut compared =
            Self { panel, windows: all.len() as u64, different: 0, first_difference: None };
        for window in all {
            let (expected, found) = (expected.get(window), found.get(window));
            if expected != found {
                compared.different += 1;
                compared.first_difference.get_or_insert_with(|| {
                    let shown = |value: Option<&f64>| {
                        value.map_or_else(|| "nothing".to_owned(), f64::to_string)
                    };
                    let ((tag, start_ms), expected) = (window, shown(expected));
                    format!("{tag} at {start_ms}: {} instead of {expected}", shown(found))
                });
            }
        }
        compared
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Latencies {
    records: u64,
    p50_ms: u64,
    p99_ms: u64,
    max_ms: u64,
}

impl Latencies {
    /// Without records, all are zero.
    fn new(latencies_ms: impl IntoIterator<Item = u64>) -> Self {
        let mut sorted: Vec<_> = latencies_ms.into_iter().collect();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
            sorted.get(place).copied().unwrap_or_default()
        };
        let records = sorted.len() as u64;
        Self { records, p50_ms: at(50), p99_ms: at(99), max_ms: at(100) }
    }

    fn row(self, out: &mut Formatter<'_>, label: &str, note: &str) -> fmt::Result {
        let Self { records, p50_ms, p99_ms, max_ms } = self;
        let note = format!(
            "{note}: median {p50_ms} ms, 99 of 100 within {} ms, longest {} ms",
            thousands(p99_ms),
            thousands(max_ms)
        );
        row(out, label, records, &note)
    }
}

impl Report {
    pub(super) fn new(
        store: String,
        observed: Observed,
        refused_by_reason: Reasons,
        windows: Vec<Compared>,
    ) -> Self {
        let Observed { readings, sent, faults_ms, mapping, logs } = observed;
        let mut metrics: BTreeMap<String, u64> = BTreeMap::new();
        for line in json_lines::<Map<String, Value>>(&logs, LogStream::Stdout) {
            for (name, value) in line {
                *metrics.entry(name).or_default() += value.as_u64().unwrap_or_default();
            }
        }
        let metric = |name: &str| metrics.get(name).copied().unwrap_or_default();
        let latency = |&(arrived_ms, done_ms): &(u64, u64)| done_ms.saturating_sub(arrived_ms);
        let is_disturbed = |&&(arrived_ms, done_ms): &&(u64, u64)| {
            faults_ms
                .iter()
                .any(|fault| arrived_ms < fault.end + AFTERMATH_MS && done_ms >= fault.start)
        };
        let latency_undisturbed =
            mapping.done_ms.iter().filter(|done| !is_disturbed(done)).map(latency);
        let refused: u64 = refused_by_reason.values().sum();
        let expected: u64 = readings.refused.values().sum();
        let once = mapping.done_ms.len() as u64;
        let read_again = mapping.done.saturating_sub(once);
        // Points lost in a kill are written again; nothing is written too rarely.
        let written = metric("PointsWritten");
        let mut comparisons = vec![
            (once == sent, format!("{sent} records were put, but {once} are done")),
            (
                refused_by_reason == readings.refused,
                format!("{expected} readings are to be refused, but {refused} are in quarantine"),
            ),
            (
                mapping.failed_invocations > 0,
                "the function was killed, but no invocation failed".to_owned(),
            ),
            (
                mapping.partial_answers > 0,
                "the store was unavailable, but no record was redelivered".to_owned(),
            ),
            (read_again > 0, "a checkpoint was lost, but no record was read again".to_owned()),
        ];
        comparisons.extend(windows.iter().map(|compared| {
            let Compared { panel, different, windows, first_difference } = compared;
            let first = first_difference.as_deref().unwrap_or_default();
            let text = format!("{different} of {windows} windows of {panel} are wrong: {first}");
            (*different == 0 && *windows > 0, text)
        }));
        let [sent_twice, sent_late, sent_out_of_order] = readings.odd;
        Self {
            store,
            readings: readings.count(),
            sent_twice,
            sent_late,
            sent_out_of_order,
            records: sent,
            aggregates: readings.aggregates,
            read_again,
            refused_by_reason,
            dropped: readings.dropped,
            invocations: mapping.invocations,
            failed_invocations: mapping.failed_invocations,
            partial_answers: mapping.partial_answers,
            invocation_durations: Durations::new(mapping.invocation_durations.iter().copied()),
            points_written: written,
            latency_undisturbed: Latencies::new(latency_undisturbed),
            latency: Latencies::new(mapping.done_ms.iter().map(latency)),
            discrepancies: discrepancies(comparisons),
            windows,
        }
    }

    /// # Errors
    /// [`CliError::Failed`] if a window is wrong or a record is unaccounted for.
    pub(super) fn check(&self) -> Result<(), CliError> {
        if self.discrepancies.is_empty() {
            return Ok(());
        }
        let discrepancies = self.discrepancies.join("\n  ");
        Err(CliError::failed(format_args!("the readings do not add up:\n  {discrepancies}")))
    }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "machines -> Kinesis -> {FUNCTION} -> {}\n", self.store)?;
        row(out, "Readings", self.readings, "of 3 lines of 8 machines")?;
        let odd = [
            (self.sent_twice, "sent twice"),
            (self.sent_late, "sent late"),
            (self.sent_out_of_order, "sent out of order"),
        ];
        details(out, odd)?;
        row(out, "Refused", self.refused_by_reason.values().sum(), "in the quarantine queue")?;
        details(out, most_first(&self.refused_by_reason))?;
        row(out, "Dropped", self.dropped, "empty")?;
        row(out, "Records", self.records, "2 shards, one of them split meanwhile")?;
        details(out, [(self.aggregates, "aggregates of the Kinesis Producer Library")])?;
        row(out, "Read again", self.read_again, "from an older checkpoint")?;
        self.invocation_durations.row(out, self.invocations, self.failed_invocations)?;
        row(out, "Redelivered", self.partial_answers, "answers, in an outage of the store")?;
        self.latency.row(out, "Latency", "from put to stored")?;
        self.latency_undisturbed.row(
            out,
            "Undisturbed",
            "but for the outage, the kill and the lost checkpoint",
        )?;
        let windows: u64 = self.windows.iter().map(|compared| compared.windows).sum();
        let different: u64 = self.windows.iter().map(|compared| compared.different).sum();
        writeln!(out)?;
        for Compared { panel, windows, different, .. } in &self.windows {
            let note =
                if *different == 0 { "equal".to_owned() } else { format!("{different} wrong") };
            row(out, "Windows", *windows, &format!("{panel}: {note}"))?;
        }
        let conclusion = if different == 0 {
            "every one is the producer's.".to_owned()
        } else {
            format!("{different} are wrong.")
        };
        writeln!(out, "\n{} windows asked from the store: {conclusion}", thousands(windows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_wrong_missing_or_too_much_is_a_difference() {
        let windows = |rows: &[(&str, u64, f64)]| -> Windows {
            rows.iter().map(|(tag, at, value)| (((*tag).to_owned(), *at), *value)).collect()
        };
        let expected = windows(&[("L1", 0, 1.0), ("L1", 60_000, 2.0), ("L2", 0, 3.0)]);
        let equal = Compared::new("P".to_owned(), &expected, &expected);
        assert_eq!((equal.windows, equal.different, equal.first_difference), (3, 0, None));
        let found = windows(&[("L1", 0, 1.0), ("L1", 60_000, 2.5), ("L3", 0, 3.0)]);
        let compared = Compared::new("P".to_owned(), &expected, &found);
        assert_eq!((compared.windows, compared.different), (4, 3));
        assert_eq!(compared.first_difference.unwrap(), "L1 at 60000: 2.5 instead of 2");
    }

    #[test]
    fn latencies_are_percentiles() {
        assert_eq!(Latencies::new([]), Latencies::default());
        let expected = Latencies { records: 200, p50_ms: 100, p99_ms: 198, max_ms: 200 };
        assert_eq!(Latencies::new((1..=200).rev()), expected);
    }
}
