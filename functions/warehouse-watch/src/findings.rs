//! The results of reading a source, and the counts of a run.

use std::io::{self, Write};

use jiff::Timestamp;
use shared::aws::CallFailure;
use shared::mask::mask;
use shared::metrics::{Metric, Metrics, Unit, with_values};
use shared::notice::Notice;
use shared::text::line;

use crate::error::HandlerError;

/// Maximum length of a reason, in characters.
const MAX_REASON: usize = 500;

/// The notices, metrics and failures of a source.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) notices: Vec<Notice>,
    pub(crate) gauges: Vec<Gauges>,
    pub(crate) failures: Vec<PollFailure>,
}

impl Findings {
    /// Leaves out the gauges with this name.
    pub(crate) fn withhold(&mut self, name: &str) {
        for gauges in &mut self.gauges {
            gauges.metrics.retain(|(own, ..)| *own != name);
        }
    }
}

/// A statement or a project that could not be read completely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PollFailure {
    /// Such as `statement locks`.
    pub(crate) subject: String,
    /// One line without secrets: a service may quote a statement.
    pub(crate) reason: String,
}

impl PollFailure {
    pub(crate) fn new(subject: impl Into<String>, reason: &impl ToString) -> Self {
        let reason = line(&mask(&reason.to_string(), &[]));
        Self { subject: subject.into(), reason: reason.chars().take(MAX_REASON).collect() }
    }
}

/// Metrics with the same time and dimensions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gauges {
    pub(crate) dimensions: Vec<(&'static str, String)>,
    pub(crate) at: Timestamp,
    pub(crate) metrics: Vec<Metric<f64>>,
}

impl Gauges {
    pub(crate) fn emit(&self, namespace: &str, out: impl Write) -> io::Result<()> {
        let dimensions: Vec<_> =
            self.dimensions.iter().map(|(name, value)| (*name, &**value)).collect();
        let timestamp_ms = u64::try_from(self.at.as_millisecond()).unwrap_or_default();
        let metrics = &self.metrics;
        Metrics { namespace, dimensions: &dimensions, timestamp_ms, metrics }.write(out)
    }
}

/// The counts of one run, and the first failures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    failures: u64,
    pub(crate) published: u64,
    unpublished: u64,
    first_failure: Option<String>,
    first_unpublished: Option<CallFailure>,
}

impl Tally {
    pub(crate) fn add_failure(&mut self, failure: &PollFailure) {
        self.failures += 1;
        let PollFailure { subject, reason } = failure;
        self.first_failure.get_or_insert_with(|| format!("{subject}: {reason}"));
    }

    pub(crate) fn add_notice(&mut self, published: Result<(), CallFailure>) {
        match published {
            Ok(()) => self.published += 1,
            Err(failure) => {
                self.unpublished += 1;
                self.first_unpublished.get_or_insert(failure);
            }
        }
    }

    /// Fails if a notice was not published or something was not read.
    pub(crate) fn outcome(self) -> Result<(), HandlerError> {
        match (self.first_unpublished, self.first_failure) {
            (Some(first), _) => Err(HandlerError::NotPublished { count: self.unpublished, first }),
            (None, Some(first)) => Err(HandlerError::PollFailed { count: self.failures, first }),
            (None, None) => Ok(()),
        }
    }

    pub(crate) fn emit(
        &self,
        namespace: &str,
        function_name: &str,
        timestamp_ms: u64,
        out: impl Write,
    ) -> io::Result<()> {
        let names = ["Polls", "PollFailures", "NoticesPublished", "NoticesFailed"];
        let names = names.map(|name| (name, Unit::Count));
        let metrics = with_values(names, [1, self.failures, self.published, self.unpublished]);
        let dimensions = &[("FunctionName", function_name)];
        Metrics { namespace, dimensions, timestamp_ms, metrics: &metrics }.write(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line_without_secrets() {
        let reason = format!("denied:\npassword=hush {}", "x".repeat(1_000));
        let failure = PollFailure::new("statement locks", &reason);
        assert!(failure.reason.starts_with("denied: password=*** xxx"), "{failure:?}");
        assert_eq!(failure.reason.chars().count(), 500);
    }
}
