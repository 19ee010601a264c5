//! The metrics and the outcome of an invocation.

use std::io::{self, Write};

use shared::metrics::{Metrics, Unit};

use crate::chat::Posting;
use crate::delivery::Delivery;
use crate::error::HandlerError;
use crate::event::Alert;

/// Number of alerts by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) alerts_in: u64,
    pub(crate) posted: u64,
    pub(crate) failed: u64,
    /// Number of requests to Google Chat.
    pub(crate) requests: u64,
}

impl Summary {
    /// Counts all alerts as failed.
    pub(crate) const fn failed(alerts: &[Alert]) -> Self {
        let count = alerts.len() as u64;
        Self { alerts_in: count, posted: 0, failed: count, requests: 0 }
    }

    /// Counts the alerts of messages by their outcomes.
    pub(crate) fn of(postings: &[Posting], delivery: &Delivery) -> Self {
        let mut summary = Self { requests: delivery.requests, ..Self::default() };
        for (posting, outcome) in postings.iter().zip(&delivery.outcomes) {
            let count = posting.alerts.len() as u64;
            summary.alerts_in += count;
            let counter = if outcome.is_ok() { &mut summary.posted } else { &mut summary.failed };
            *counter += count;
        }
        summary
    }

    /// Writes the metrics to `out`.
    ///
    /// # Errors
    /// The error of writing to `out`.
    pub(crate) fn emit(
        &self,
        namespace: &str,
        function_name: &str,
        timestamp_ms: u64,
        out: impl Write,
    ) -> io::Result<()> {
        Metrics {
            namespace,
            dimensions: &[("FunctionName", function_name)],
            timestamp_ms,
            metrics: &[
                ("AlertsIn", Unit::Count, self.alerts_in),
                ("AlertsPosted", Unit::Count, self.posted),
                ("AlertsFailed", Unit::Count, self.failed),
                ("ChatRequests", Unit::Count, self.requests),
            ],
        }
        .write(out)
    }
}

/// Logs each alert that could not be posted.
///
/// # Errors
/// [`HandlerError::NotPosted`] if there is one.
pub(crate) fn check(
    postings: &[Posting],
    delivery: &Delivery,
    request_id: &str,
) -> Result<(), HandlerError> {
    let outcomes = postings.iter().zip(&delivery.outcomes);
    let failures =
        outcomes.filter_map(|(posting, outcome)| Some((posting, outcome.as_ref().err()?)));
    let (mut failed, mut first) = (0, None);
    for (posting, failure) in failures {
        for alert_id in &posting.alerts {
            tracing::error!(request_id, alert_id, %failure, "alert not posted");
        }
        failed += posting.alerts.len();
        first = first.or(Some(failure.clone()));
    }
    let alerts = postings.iter().map(|posting| posting.alerts.len()).sum();
    first.map_or(Ok(()), |first| Err(HandlerError::NotPosted { failed, alerts, first }))
}
