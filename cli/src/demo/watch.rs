//! `sluice demo --watch`: a pipeline fails, a query runs too long, a lock is held, a table lags behind
//! its source, a query costs too much; shows the message about each.

mod checks;
mod pipeline;
mod report;
mod warehouse;

use std::path::Path;

use local::monitoring::Monitoring;

use super::health::ALERT_NOTIFIER;
use super::{card, notification};
use crate::compile::compile;
use crate::error::CliError;
use crate::interrupt::or_interrupted;
use crate::progress::Spinner;
use report::Report;

/// Runs the demo, and writes the cards to the file `page`.
///
/// # Errors
/// [`CliError::Failed`] if a part fails to start, or a problem that was caused is not reported.
pub(super) async fn run(page: Option<&Path>, json: bool) -> Result<(), CliError> {
    let report = or_interrupted(observe()).await?;
    card::show(&report, &report.messages, page, json)?;
    let missing = report.missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(CliError::failed(format_args!("not reported: {}", missing.join(", "))))
}

async fn observe() -> Result<Report, CliError> {
    let names = [pipeline::FUNCTION, warehouse::FUNCTION, checks::FUNCTION, ALERT_NOTIFIER];
    let [alerts, watch, checks, notifier] = compile(names, &Spinner::new()).await?;
    let monitoring = Monitoring::start().await.map_err(CliError::failed)?;
    let pipelines = pipeline::fail(&alerts, &monitoring).await?;
    let warehouses = warehouse::burden([&watch, &checks], &monitoring).await?;

    let notices = notification::post(&notifier, &monitoring).await?;
    Ok(Report { pipelines, warehouses, notices, messages: monitoring.messages() })
}
