//! The metrics and log lines of an invocation, counted from the outcomes of its records.

use std::collections::BTreeMap;
use std::io::{self, Write};

use shared::event::TimestampSource;
use shared::metrics::{Metrics, Unit, with_values};

use crate::answer::Fate;
use crate::outcome::{Failure, Outcome};
use crate::request::Record;
use crate::split::SplitCounts;

/// The metrics of an invocation.
pub(crate) const METRICS: [(&str, Unit); 10] = [
    ("RecordsIn", Unit::Count),
    ("RecordsOk", Unit::Count),
    ("RecordsDropped", Unit::Count),
    ("RecordsFailed", Unit::Count),
    ("RecordsReingested", Unit::Count),
    ("TimestampFallbacks", Unit::Count),
    ("BytesIn", Unit::Bytes),
    ("BytesOut", Unit::Bytes),
    // With `SPLIT=on`.
    ("RecordsSplit", Unit::Count),
    ("EventsPutBack", Unit::Count),
];

/// Maximum length of a record id in the log, in characters.
const SHOWN_CHARACTERS: usize = 256;

/// The counts of one invocation. `records_in` is always the sum of the other records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary<'a> {
    pub(crate) records_in: u64,
    pub(crate) records_ok: u64,
    pub(crate) records_dropped: u64,
    pub(crate) records_failed: u64,
    pub(crate) records_reingested: u64,
    pub(crate) timestamp_fallbacks: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// With `SPLIT=on`.
    pub(crate) split: Option<SplitCounts>,
    /// Failures by reason.
    pub(crate) failures: BTreeMap<&'static str, Failures<'a>>,
}

/// Records that failed for one reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures<'a> {
    pub(crate) count: u64,
    pub(crate) first_record_id: &'a str,
    pub(crate) advice: Option<&'static str>,
}

impl<'a> Summary<'a> {
    /// Counts the records and their fates.
    pub(crate) fn of(records: &[Record<'a>], fates: &[Fate]) -> Self {
        let mut summary = Self::default();
        for (record, fate) in records.iter().zip(fates) {
            summary.records_in += 1;
            summary.bytes_in += fate.bytes_in as u64;
            summary.bytes_out += fate.bytes_out as u64;
            match fate.outcome {
                Outcome::Ok(source) => {
                    summary.records_ok += 1;
                    summary.timestamp_fallbacks += u64::from(source != TimestampSource::Event);
                }
                Outcome::Dropped => summary.records_dropped += 1,
                Outcome::Reingested => summary.records_reingested += 1,
                Outcome::Failed(failure) => {
                    summary.records_failed += 1;
                    let failures = summary.failures.entry(Failure::reason(failure)).or_default();
                    if failures.count == 0 {
                        failures.first_record_id = record.id;
                    }
                    failures.count += 1;
                    failures.advice = failures.advice.or(failure.advice());
                }
            }
        }
        summary
    }

    /// Writes the metrics to `out`.
    pub(crate) fn emit(
        &self,
        namespace: &str,
        function_name: &str,
        timestamp_ms: u64,
        out: impl Write,
    ) -> io::Result<()> {
        let split = self.split.unwrap_or_default();
        let values = [
            self.records_in,
            self.records_ok,
            self.records_dropped,
            self.records_failed,
            self.records_reingested,
            self.timestamp_fallbacks,
            self.bytes_in,
            self.bytes_out,
            split.records,
            split.events_put_back,
        ];
        let metrics = with_values(METRICS, values);
        let emitted = if self.split.is_some() { METRICS.len() } else { METRICS.len() - 2 };
        let dimensions = &[("FunctionName", function_name)];
        Metrics { namespace, dimensions, timestamp_ms, metrics: &metrics[..emitted] }.write(out)
    }

    /// Logs one line for each reason of failure.
    pub(crate) fn log(&self, request_id: &str) {
        for (reason, Failures { count, first_record_id: id, advice }) in &self.failures {
            let first_record_id = shared::text::beginning(id, SHOWN_CHARACTERS);
            tracing::warn!(request_id, reason, count, first_record_id, advice, "records failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::event::Refusal;

    use super::*;
    use crate::outcome::NotPutBack;
    use crate::request::{Data, DataMember};

    #[test]
    fn counts_every_record_once() {
        let outcomes = [
            Outcome::Ok(TimestampSource::Event),
            Outcome::Ok(TimestampSource::Arrival),
            Outcome::Ok(TimestampSource::Now),
            Outcome::Dropped,
            Outcome::Reingested,
            Outcome::Failed(Failure::Refused(Refusal::InvalidJson)),
            Outcome::Failed(Failure::NotPutBack(NotPutBack::Off)),
            Outcome::Failed(Failure::Unsplit(Refusal::InvalidJson)),
        ];
        let fates = outcomes.map(|outcome| Fate { outcome, bytes_in: 10, bytes_out: 7 });
        let ids = ["0", "1", "2", "3", "4", "5", "6", "7"];
        let (data, data_member) = (Data::Missing, DataMember::Data);
        let records =
            ids.map(|id| Record { id, data, data_member, arrival: b"", partition_key: None });
        let failures = |count, first_record_id, advice| Failures { count, first_record_id, advice };
        let expected = Summary {
            records_in: 8,
            records_ok: 3,
            records_dropped: 1,
            records_failed: 3,
            records_reingested: 1,
            timestamp_fallbacks: 2,
            bytes_in: 80,
            bytes_out: 56,
            split: None,
            failures: [
                ("invalid_json", failures(2, "5", Failure::Unsplit(Refusal::InvalidJson).advice())),
                ("reingest_off", failures(1, "6", None)),
            ]
            .into(),
        };
        assert_eq!(Summary::of(&records, &fates), expected);
    }
}
