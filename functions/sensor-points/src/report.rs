//! The metrics and log lines of an invocation.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use shared::metrics::{Metrics, Unit, with_values};

use crate::kinesis::Record;
use crate::run::{Run, Tally};

/// The metrics of an invocation, except for [`LATENCY`].
pub(crate) const METRICS: [(&str, Unit); 10] = [
    ("RecordsIn", Unit::Count),
    ("RecordsDone", Unit::Count),
    ("RecordsRetried", Unit::Count),
    ("ReadingsIn", Unit::Count),
    ("PointsWritten", Unit::Count),
    ("ReadingsRefused", Unit::Count),
    ("ReadingsDropped", Unit::Count),
    ("TimestampFallbacks", Unit::Count),
    ("WriteRequests", Unit::Count),
    ("WriteBytes", Unit::Bytes),
];

/// Only emitted if something was stored.
const LATENCY: (&str, Unit) = ("StoredLatency", Unit::Milliseconds);

/// Maximum length of a text in the log, in characters.
const SHOWN_CHARACTERS: usize = 256;

/// Writes the metrics to `out`.
///
/// # Errors
/// If writing to `out` fails.
pub(crate) fn emit(
    run: &Run,
    namespace: &str,
    function_name: &str,
    timestamp_ms: u64,
    out: impl Write,
) -> io::Result<()> {
    let done = &run.tallies[..run.done()];
    let sum = |of: fn(&Tally) -> u64| done.iter().map(of).sum::<u64>();
    let (records, records_done) = (run.tallies.len() as u64, done.len() as u64);
    let points = sum(|tally| tally.points);
    let refused = sum(Tally::refused);
    let dropped = sum(|tally| tally.dropped);
    let values = [
        records,
        records_done,
        records - records_done,
        points + refused + dropped,
        points,
        refused,
        dropped,
        sum(|tally| tally.fallbacks),
        run.write_requests,
        run.write_bytes,
    ];
    let mut metrics = with_values(METRICS, values).to_vec();
    metrics.extend(run.stored_latency_ms.map(|latency| (LATENCY.0, LATENCY.1, latency)));
    let dimensions = &[("FunctionName", function_name)];
    Metrics { namespace, dimensions, timestamp_ms, metrics: &metrics }.write(out)
}

/// Logs one line for each reason of refusal, and one if records are redelivered.
pub(crate) fn log(run: &Run, records: &[Record<'_>], request_id: &str) {
    let mut reasons: BTreeMap<&Cow<'static, str>, (u64, &str)> = BTreeMap::new();
    for (tally, record) in run.tallies[..run.done()].iter().zip(records) {
        for (reason, count) in &tally.refused {
            reasons.entry(reason).or_insert((0, record.event_id)).0 += count;
        }
    }
    for (reason, (count, event_id)) in reasons {
        let (reason, first_event_id) = (&**reason, shown(event_id));
        tracing::warn!(request_id, reason, count, first_event_id, "readings refused");
    }
    if let Some((first, retry)) = run.retry {
        let count = records.len() - first;
        let (reason, first_event_id) = (retry.reason(), shown(records[first].event_id));
        let said = Some(shown(&run.said)).filter(|said| !said.is_empty());
        let message = "records to be redelivered";
        if let Some(advice) = retry.advice() {
            tracing::error!(request_id, reason, count, first_event_id, said, advice, message);
        } else {
            tracing::warn!(request_id, reason, count, first_event_id, said, message);
        }
    }
}

fn shown(text: &str) -> &str {
    shared::text::beginning(text, SHOWN_CHARACTERS)
}
