//! The metrics and the outcome of an invocation.

use std::io::{self, Write};

use shared::metrics::{Metrics, Unit};

use crate::chat::Posting;
use crate::delivery::Delivery;
use crate::error::Error;
use crate::event::Alert;

/// Counts alerts by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Alerts in the event.
    pub alerts_in: u64,
    /// Alerts that are in the space.
    pub posted: u64,
    /// Alerts that are not.
    pub failed: u64,
    /// Requests to Google Chat.
    pub requests: u64,
}

impl Summary {
    /// None of the alerts is posted.
    pub(crate) const fn failed(alerts: &[Alert]) -> Self {
        let count = alerts.len() as u64;
        Self { alerts_in: count, posted: 0, failed: count, requests: 0 }
    }

    /// Counts the alerts of messages by what became of them.
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
    /// When `out` cannot be written.
    pub fn emit(
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
/// [`Error::NotPosted`] if there is one.
pub(crate) fn check(
    postings: &[Posting],
    delivery: &Delivery,
    request_id: &str,
) -> Result<(), Error> {
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
    first.map_or(Ok(()), |first| Err(Error::NotPosted { failed, alerts, first }))
}
