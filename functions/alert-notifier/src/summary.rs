//! What an invocation did, for its metrics and its log.

use std::io::{self, Write};

use shared::metrics::{Metrics, Unit};

use crate::delivery::Delivery;
use crate::error::Error;
use crate::event::Alert;

/// How many alerts there were, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Alerts in the event.
    pub alerts_in: u64,
    /// Those that are in the space.
    pub posted: u64,
    /// Those that are not.
    pub failed: u64,
    /// Requests to Google Chat.
    pub requests: u64,
}

impl Summary {
    /// Of alerts of which none was posted.
    #[must_use]
    pub const fn none_of(alerts: &[Alert]) -> Self {
        let count = alerts.len() as u64;
        Self { alerts_in: count, posted: 0, failed: count, requests: 0 }
    }

    /// Of what became of them.
    #[must_use]
    pub fn of(delivery: &Delivery) -> Self {
        let posted = delivery.outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64;
        let alerts_in = delivery.outcomes.len() as u64;
        Self { alerts_in, posted, failed: alerts_in - posted, requests: delivery.requests }
    }

    /// Writes the metrics to `out`.
    ///
    /// # Errors
    /// What writing to `out` gives.
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
/// [`Error::NotPosted`] where there is one.
pub fn judge(alerts: &[Alert], delivery: &Delivery, request_id: &str) -> Result<(), Error> {
    let outcomes = alerts.iter().zip(&delivery.outcomes);
    let failures: Vec<_> =
        outcomes.filter_map(|(alert, outcome)| Some((alert, outcome.as_ref().err()?))).collect();
    for (Alert { id, .. }, failure) in &failures {
        tracing::error!(request_id, alert_id = id, %failure, "alert not posted");
    }
    let Some((_, first)) = failures.first() else { return Ok(()) };
    let (failed, alerts, first) = (failures.len(), alerts.len(), (*first).clone());
    Err(Error::NotPosted { failed, alerts, first })
}
