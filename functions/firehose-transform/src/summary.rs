//! The metrics and log lines of an invocation, counted from the outcomes of its records.

use std::collections::BTreeMap;
use std::io::{self, Write};

use shared::event::TimestampSource;
use shared::metrics::{Metrics, Unit};

use crate::answer::Fate;
use crate::outcome::{Failure, Outcome};
use crate::request::Record;

/// The metrics of an invocation.
pub(crate) const METRICS: [(&str, Unit); 8] = [
    ("RecordsIn", Unit::Count),
    ("RecordsOk", Unit::Count),
    ("RecordsDropped", Unit::Count),
    ("RecordsFailed", Unit::Count),
    ("RecordsReingested", Unit::Count),
    ("TimestampFallbacks", Unit::Count),
    ("BytesIn", Unit::Bytes),
    ("BytesOut", Unit::Bytes),
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
    /// Failures by reason: how many, and the first record's id.
    pub(crate) failures: BTreeMap<&'static str, (u64, &'a str)>,
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
                    summary.failures.entry(Failure::reason(failure)).or_insert((0, record.id)).0 +=
                        1;
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
        let values = [
            self.records_in,
            self.records_ok,
            self.records_dropped,
            self.records_failed,
            self.records_reingested,
            self.timestamp_fallbacks,
            self.bytes_in,
            self.bytes_out,
        ];
        let metrics = std::array::from_fn::<_, { METRICS.len() }, _>(|index| {
            let (name, unit) = METRICS[index];
            (name, unit, values[index])
        });
        let dimensions = &[("FunctionName", function_name)];
        Metrics { namespace, dimensions, timestamp_ms, metrics: &metrics }.write(out)
    }

    /// Logs one line for each reason of failure.
    pub(crate) fn log(&self, request_id: &str) {
        for (reason, (count, id)) in &self.failures {
            let end = id.char_indices().nth(SHOWN_CHARACTERS).map_or(id.len(), |(end, _)| end);
            let first_record_id = &id[..end];
            tracing::warn!(request_id, reason, count, first_record_id, "records failed");
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
            Outcome::Failed(Failure::Refused(Refusal::InvalidJson)),
        ];
        let fates = outcomes.map(|outcome| Fate { outcome, bytes_in: 10, bytes_out: 7 });
        let ids = ["0", "1", "2", "3", "4", "5", "6", "7"];
        let (data, data_member) = (Data::Missing, DataMember::Data);
        let records =
            ids.map(|id| Record { id, data, data_member, arrival: b"", partition_key: None });
        let expected = Summary {
            records_in: 8,
            records_ok: 3,
            records_dropped: 1,
            records_failed: 3,
            records_reingested: 1,
            timestamp_fallbacks: 2,
            bytes_in: 80,
            bytes_out: 56,
            failures: [("invalid_json", (2, "5")), ("reingest_off", (1, "6"))].into(),
        };
        assert_eq!(Summary::of(&records, &fates), expected);
    }
}
