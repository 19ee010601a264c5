//! The account of the records of some objects, as text or as JSON.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::FUNCTION;
use super::loader::Loaded;
use super::replay::Replayed;
use crate::demo::account::{balance, conclusion, discrepancies, unaccounted};
use crate::demo::logs::Reasons;
use crate::layout::{details, most_first, row, thousands};

/// Facts about the objects from sources other than the function.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Records in the objects, by kind.
    pub(super) records: Reasons,
    /// Whether a record may contain several events, each of which is a record for the function.
    pub(super) may_hold_several: bool,
    /// Objects of an unknown format.
    pub(super) unknown: u64,
    /// Documents that are new in OpenSearch.
    pub(super) documents: u64,
    /// Records that are kept as refused, from S3.
    pub(super) refused: Reasons,
    /// The result of replaying everything again.
    pub(super) again: Option<Replayed>,
}

/// The account of the records of some objects, from different sources: records in from their
/// producer, documents from OpenSearch, refused records from S3. Duplicates and dropped records are
/// known from the function's metrics alone.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stage {
    source: String,
    destination: String,
    /// Messages that name an object.
    objects_in: u64,
    objects_done: u64,
    /// Objects whose message is in the dead-letter queue, and why.
    not_loaded: u64,
    not_loaded_reasons: Vec<String>,
    /// Records in the objects, by kind.
    held: Reasons,
    records_in: u64,
    indexed: u64,
    duplicates: u64,
    refused: u64,
    refused_by_reason: Reasons,
    dropped: u64,
    /// The same objects again, with `cargo sluice replay`.
    again: Option<Replayed>,
    /// Records that are missing; negative if records came out twice.
    unaccounted: i128,
    /// Differences between the sources.
    pub(super) discrepancies: Vec<String>,
}

impl Stage {
    /// Compares the function's metrics with the other sources.
    pub(super) fn new([source, destination]: [String; 2], loaded: &Loaded, known: Known) -> Self {
        let Known { records: held, may_hold_several, unknown, documents, again, .. } = known;
        let refused_by_reason = known.refused;
        let metrics = loaded.metrics();
        let metric = |name: &str| metrics.get(name).copied().unwrap_or_default();
        let (objects_in, objects_done) = (loaded.messages, metric("ObjectsDone"));
        let (duplicates, dropped) = (metric("DocumentsDuplicate"), metric("RecordsDropped"));
        let refused: u64 = refused_by_reason.values().sum();
        let records: u64 = held.values().sum();
        let read = metric("RecordsIn");
        let records_in = if may_hold_several { records.max(read) } else { records };
        let unaccounted = unaccounted(records_in, &[documents, duplicates, refused, dropped]);
        // One comparison alone could hide errors that cancel out.
        let mut comparisons = vec![
            (
                objects_in == objects_done + loaded.dead && loaded.dead == unknown,
                format!(
                    "of {objects_in} objects {objects_done} are done and {} dead letters, but \
                     {unknown} are of an unknown format",
                    loaded.dead
                ),
            ),
            (
                read == records_in,
                format!("{FUNCTION} read {read} records, but there are {records_in}"),
            ),
            (
                metric("DocumentsIndexed") == documents,
                format!(
                    "OpenSearch took {} documents, but counts {documents}",
                    metric("DocumentsIndexed")
                ),
            ),
            (
                metric("RecordsRefused") == refused,
                format!(
                    "{} records were refused, but {refused} are kept",
                    metric("RecordsRefused")
                ),
            ),
            balance(unaccounted, records_in, "records"),
        ];
        if let Some(Replayed { indexed, duplicate, refused, .. }) = &again {
            comparisons.push((
                *indexed == 0 && *duplicate == documents && *refused == refused_by_reason,
                format!(
                    "replayed once more, {indexed} records were new, {duplicate} duplicates and \
                     {} refused",
                    refused.values().sum::<u64>()
                ),
            ));
        }
        Self {
            source,
            destination,
            objects_in,
            objects_done,
            not_loaded: loaded.dead,
            not_loaded_reasons: loaded.retry_reasons(),
            held,
            records_in,
            indexed: documents,
            duplicates,
            refused,
            refused_by_reason,
            dropped,
            again,
            unaccounted,
            discrepancies: discrepancies(comparisons),
        }
    }
}

impl Display for Stage {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} -> {FUNCTION} -> {}\n", self.source, self.destination)?;
        row(out, "Objects in", self.objects_in, "messages in the queue")?;
        let held: u64 = self.held.values().sum();
        let note = if held < self.records_in {
            "in the objects: some records hold several events"
        } else {
            "in the objects"
        };
        row(out, "Records in", self.records_in, note)?;
        details(out, most_first(&self.held))?;
        row(out, "Indexed", self.indexed, "counted by OpenSearch")?;
        row(out, "Duplicates", self.duplicates, "documents that existed already")?;
        row(out, "Refused", self.refused, "reasons from s3://backup/object-loader-failed/")?;
        details(out, most_first(&self.refused_by_reason))?;
        row(out, "Dropped", self.dropped, "by DROP_ACTIONS, or empty")?;
        if self.not_loaded > 0 {
            let reasons = self.not_loaded_reasons.join(", ");
            let note = format!("in the dead-letter queue: {reasons}");
            row(out, "Not loaded", self.not_loaded, &note)?;
        }
        if let Some(Replayed { indexed, duplicate, refused, .. }) = &self.again {
            let refused = refused.values().sum();
            let note = format!(
                "by cargo sluice replay: {} new, {} refused",
                thousands(*indexed),
                thousands(refused)
            );
            row(out, "Once more", indexed + duplicate + refused, &note)?;
        }
        writeln!(
            out,
            "\n{} records in = {} indexed + {} duplicates + {} refused + {} dropped: {}",
            thousands(self.records_in),
            thousands(self.indexed),
            thousands(self.duplicates),
            thousands(self.refused),
            thousands(self.dropped),
            conclusion(self.unaccounted, "record")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(metrics: &str, dead: u64, known: Known) -> Stage {
        let names = ["s3://objects/", "the embedded OpenSearch"].map(str::to_owned);
        Stage::new(names, &Loaded::new(3, dead, metrics), known)
    }

    fn known() -> Known {
        Known {
            records: Reasons::from([("lines".to_owned(), 10)]),
            may_hold_several: false,
            unknown: 1,
            documents: 5,
            refused: Reasons::from([("invalid_json".to_owned(), 2)]),
            again: None,
        }
    }

    #[test]
    fn every_discrepancy_is_reported() {
        const METRICS: &str = r#"{"ObjectsDone":2,"RecordsIn":10,"DocumentsIndexed":5,
            "DocumentsDuplicate":2,"RecordsRefused":2,"RecordsDropped":1}"#;
        assert_eq!(stage(METRICS, 1, known()).discrepancies, [""; 0]);
        let dead = "of 3 objects 2 are done and 0 dead letters, but 1 are of an unknown format";
        assert_eq!(stage(METRICS, 0, known()).discrepancies, [dead]);
        let lost = Known { documents: 4, refused: Reasons::new(), ..known() };
        let expected = [
            "OpenSearch took 5 documents, but counts 4",
            "2 records were refused, but 0 are kept",
            "3 of 10 records are unaccounted for",
        ];
        assert_eq!(stage(METRICS, 1, lost).discrepancies, expected);
        // With fewer records than there are, some were not read.
        let mut more = known();
        more.records.insert("text".to_owned(), 1);
        let expected = [
            "object-loader read 10 records, but there are 11",
            "1 of 11 records are unaccounted for",
        ];
        assert_eq!(stage(METRICS, 1, more).discrepancies, expected);
        let several = Known {
            records: Reasons::from([("timeout".to_owned(), 8)]),
            may_hold_several: true,
            ..known()
        };
        assert_eq!(stage(METRICS, 1, several).discrepancies, [""; 0]);
        let again = Replayed { indexed: 1, duplicate: 4, ..Replayed::default() };
        let again = Known { again: Some(again), ..known() };
        let expected = ["replayed once more, 1 records were new, 4 duplicates and 0 refused"];
        assert_eq!(stage(METRICS, 1, again).discrepancies, expected);
    }
}
