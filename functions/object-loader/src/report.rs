//! The metrics and log lines of one invocation.

use std::collections::BTreeMap;
use std::io::{self, Write};

use shared::metrics::{Metrics, Unit, with_values};
use shared::opensearch::{Findings, Refusals, Trouble};

use crate::batch::Settled;
use crate::message::Request;
use crate::objects::ObjectError;
use crate::outcome::{Outcome, Retry};
use crate::refused::Refused;

/// The metrics of an invocation.
pub(crate) const METRICS: [(&str, Unit); 14] = [
    ("ObjectsIn", Unit::Count),
    ("ObjectsDone", Unit::Count),
    ("ObjectsContinued", Unit::Count),
    ("ObjectsRetried", Unit::Count),
    ("ObjectsIgnored", Unit::Count),
    ("ObjectsSuperseded", Unit::Count),
    ("RecordsIn", Unit::Count),
    ("DocumentsIndexed", Unit::Count),
    ("DocumentsDuplicate", Unit::Count),
    ("RecordsRefused", Unit::Count),
    ("RecordsDropped", Unit::Count),
    ("BytesRead", Unit::Bytes),
    ("BulkRequests", Unit::Count),
    ("BulkBytes", Unit::Bytes),
];

/// The counts of one invocation.
#[derive(Debug, Default)]
pub(crate) struct Report {
    objects: BTreeMap<Fate, u64>,
    records: Settled,
    pub(crate) bytes_read: u64,
    pub(crate) bulk_requests: u64,
    pub(crate) bulk_bytes: u64,
    findings: Findings<String>,
    /// Objects that could not be read or written: their number by text, and the first one.
    unavailable: BTreeMap<(&'static str, String), (u64, String)>,
    retries: BTreeMap<Retry, (u64, String)>,
}

/// An object's outcome, without the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Done,
    Continued,
    Retried,
    Ignored,
    Superseded,
}

impl Report {
    /// Counts an object of this message, or the message itself if it does not name one.
    pub(crate) fn count_object(&mut self, outcome: Outcome, message_id: &str) {
        let fate = match outcome {
            Outcome::Done => Fate::Done,
            Outcome::Continued => Fate::Continued,
            Outcome::Ignored => Fate::Ignored,
            Outcome::Superseded => Fate::Superseded,
            Outcome::Retry(retry) => {
                let first = || (0, message_id.to_owned());
                self.retries.entry(retry).or_insert_with(first).0 += 1;
                Fate::Retried
            }
        };
        *self.objects.entry(fate).or_default() += 1;
    }

    pub(crate) fn count(&mut self, settled: &Settled) {
        self.records.indexed += settled.indexed;
        self.records.duplicate += settled.duplicate;
        self.records.dropped += settled.dropped;
    }

    pub(crate) fn count_refused(&mut self, refused: &Refused<'_>, request: &Request) {
        let reason = refused.reason;
        self.findings.count_refused(&reason.code, || name(request), reason.advice);
    }

    pub(crate) fn note(&mut self, trouble: Trouble) {
        self.findings.note(trouble);
    }

    pub(crate) fn note_object(&mut self, request: &Request, error: &ObjectError) {
        self.note_unavailable("objects not read", error, || name(request));
    }

    pub(crate) fn note_kept(&mut self, bucket: &str, key: &str, error: &ObjectError) {
        let first = || format!("s3://{bucket}/{key}");
        self.note_unavailable("refused records not written", error, first);
    }

    fn note_unavailable(
        &mut self,
        what: &'static str,
        error: &ObjectError,
        first: impl FnOnce() -> String,
    ) {
        let key = (what, error.to_string());
        self.unavailable.entry(key).or_insert_with(|| (0, first())).0 += 1;
    }

    /// Descriptions of the failures of S3 and OpenSearch.
    pub(crate) fn details(&self) -> Vec<String> {
        let unavailable = self.unavailable.keys().map(|(what, error)| format!("{what}: {error}"));
        unavailable.chain(self.findings.troubles.iter().map(ToString::to_string)).collect()
    }

    fn objects(&self, fate: Fate) -> u64 {
        self.objects.get(&fate).copied().unwrap_or_default()
    }

    /// Writes the metrics to `out`.
    ///
    /// # Errors
    /// If writing to `out` fails.
    pub(crate) fn emit(
        &self,
        namespace: &str,
        function_name: &str,
        timestamp_ms: u64,
        out: impl Write,
    ) -> io::Result<()> {
        let refused = self.findings.count();
        let Settled { indexed, duplicate, dropped, .. } = self.records;
        let records = indexed + duplicate + refused + dropped;
        let values = [
            self.objects.values().sum(),
            self.objects(Fate::Done),
            self.objects(Fate::Continued),
            self.objects(Fate::Retried),
            self.objects(Fate::Ignored),
            self.objects(Fate::Superseded),
            records,
            indexed,
            duplicate,
            refused,
            dropped,
            self.bytes_read,
            self.bulk_requests,
            self.bulk_bytes,
        ];
        let metrics = with_values(METRICS, values);
        let dimensions = &[("FunctionName", function_name)];
        Metrics { namespace, dimensions, timestamp_ms, metrics: &metrics }.write(out)
    }

    /// Logs one line for each reason and each trouble.
    pub(crate) fn log(&self, request_id: &str) {
        for (reason, Refusals { count, first, advice }) in &self.findings.refused {
            let (first_object, advice) = (&**first, Some(*advice).filter(|text| !text.is_empty()));
            tracing::warn!(request_id, reason, count, first_object, advice, "records refused");
        }
        for (retry, (count, first_message_id)) in &self.retries {
            let (reason, first_message_id) = (retry.reason(), &**first_message_id);
            let message = "objects to be loaded again";
            if let Some(advice) = retry.advice() {
                tracing::error!(request_id, reason, count, first_message_id, advice, message);
            } else {
                tracing::warn!(request_id, reason, count, first_message_id, message);
            }
        }
        for ((what, error), (count, first_object)) in &self.unavailable {
            tracing::warn!(request_id, error, count, first_object, "{what}");
        }
        if self.records.duplicate > 0 {
            let count = self.records.duplicate;
            tracing::info!(request_id, count, "documents were in the index before");
        }
        self.findings.troubles.iter().for_each(|trouble| trouble.log(request_id));
    }
}

fn name(request: &Request) -> String {
    format!("s3://{}/{}", request.bucket, request.key)
}
