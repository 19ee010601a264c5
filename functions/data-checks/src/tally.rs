//! The results of a run, and its metrics.

use std::io::{self, Write};

use shared::aws::CallFailure;
use shared::metrics::{Metric, Metrics, Unit, with_values};

use crate::error::HandlerError;
use crate::rules::Comparison;

/// The result of one check.
#[derive(Clone, Debug)]
pub(crate) struct CheckResult {
    pub(crate) name: String,
    pub(crate) compared: Comparison,
    pub(crate) is_failing: bool,
    pub(crate) notice: Published,
}

/// The outcome of the notice of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    /// None was due.
    NotDue,
    /// It is unknown whether one was due.
    Unknown,
    Yes,
    No(CallFailure),
}

/// The numbers of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) checks: u64,
    pub(crate) failures: u64,
    /// Checks that were not run, and failures of CloudWatch and of Systems Manager.
    pub(crate) errors: u64,
    published: u64,
    unpublished: u64,
    first: Option<CallFailure>,
}

/// Namespace, function and time of metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Emitter<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) function_name: &'a str,
    pub(crate) now_ms: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, result: &CheckResult) {
        self.failures += u64::from(result.is_failing);
        match &result.notice {
            Published::Yes => self.published += 1,
            Published::No(failure) => {
                self.unpublished += 1;
                self.first.get_or_insert_with(|| failure.clone());
            }
            Published::NotDue | Published::Unknown => {}
        }
    }

    /// The counts as JSON.
    pub(crate) fn json(&self) -> String {
        let Self { checks, failures, errors, .. } = self;
        format!(r#"{{"checks":{checks},"failures":{failures},"errors":{errors}}}"#)
    }

    /// Fails if a notice was not published or a check was not run.
    pub(crate) fn outcome(self) -> Result<(), HandlerError> {
        match (self.first, self.errors) {
            (Some(first), _) => Err(HandlerError::NotPublished { count: self.unpublished, first }),
            (None, 0) => Ok(()),
            (None, errors) => Err(HandlerError::ChecksNotRun(errors)),
        }
    }
}

impl Emitter<'_> {
    /// Emits the metrics of a check. The next run reads `CheckFailures`: without it, the notice is
    /// due again.
    pub(crate) fn emit_check(&self, result: &CheckResult, out: impl Write) -> io::Result<()> {
        let compared = &result.compared;
        let is_known = matches!(result.notice, Published::NotDue | Published::Yes);
        let failures = is_known.then_some(if result.is_failing { 1.0 } else { 0.0 });
        let metrics = [
            ("SourceRows", Unit::Count, compared.source.map(|source| source.rows)),
            ("TargetRows", Unit::Count, Some(compared.target.rows)),
            ("RowCountDifference", Unit::Count, compared.difference()),
            ("RowCountDifferencePercent", Unit::Percent, compared.difference_percent()),
            ("FreshnessSeconds", Unit::Seconds, compared.age().map(|age| age.as_secs_f64())),
            ("LagSeconds", Unit::Seconds, compared.lag().map(|lag| lag.as_secs_f64())),
            ("CheckFailures", Unit::Count, failures),
        ];
        let known =
            metrics.into_iter().filter_map(|(name, unit, value)| Some((name, unit, value?)));
        let metrics: Vec<Metric<f64>> = known.collect();
        let dimensions = &[("Check", &*result.name)];
        let Self { namespace, now_ms, .. } = *self;
        Metrics { namespace, dimensions, timestamp_ms: now_ms, metrics: &metrics }.write(out)
    }

    /// Emits the metrics of the run.
    pub(crate) fn emit_run(&self, tally: &Tally, out: impl Write) -> io::Result<()> {
        let metrics = with_values(
            [
                ("Checks", Unit::Count),
                ("CheckFailures", Unit::Count),
                ("CheckErrors", Unit::Count),
                ("NoticesPublished", Unit::Count),
                ("NoticesFailed", Unit::Count),
            ],
            [tally.checks, tally.failures, tally.errors, tally.published, tally.unpublished],
        );
        let dimensions = &[("FunctionName", self.function_name)];
        let Self { namespace, now_ms, .. } = *self;
        Metrics { namespace, dimensions, timestamp_ms: now_ms, metrics: &metrics }.write(out)
    }
}
