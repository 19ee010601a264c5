//! `sluice demo --watch`: a pipeline fails, a query runs too long, a lock is held, a query costs too
//! much; shows the message about each.

mod pipeline;
mod report;
mod warehouse;

use std::path::Path;

use local::monitoring::Monitoring;
use shared::time;

use super::health::{ALERT_NOTIFIER, invoke};
use super::notification;
use crate::compile::compile;
use crate::console::{log, print_report};
use crate::demo::card::Card;
use crate::error::CliError;
use crate::interrupt::or_interrupted;
use crate::progress::Spinner;
use report::{Notice, Report};

/// Runs the demo, and writes the cards to the file `page`.
///
/// # Errors
/// [`CliError::Failed`] if a part fails to start, or something is not reported that was caused.
pub(super) async fn run(page: Option<&Path>, json: bool) -> Result<(), CliError> {
    let report = or_interrupted(observe()).await?;
    log("");
    print_report(&report, json)?;
    if let Some(page) = page {
        let cards: String = report.messages.iter().map(|message| Card(message).page()).collect();
        std::fs::write(page, cards).map_err(|error| {
            CliError::failed(format_args!("failed to write {}: {error}", page.display()))
        })?;
        log(format_args!("The cards are in {}.", page.display()));
    }
    let missing = report.missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(CliError::failed(format_args!("not reported: {}", missing.join(", "))))
}

async fn observe() -> Result<Report, CliError> {
    let names = [pipeline::FUNCTION, warehouse::FUNCTION, ALERT_NOTIFIER];
    let [alerts, watch, notifier] = compile(names, &Spinner::new()).await?;
    let monitoring = Monitoring::start().await.map_err(CliError::failed)?;
    let pipelines = pipeline::fail(&alerts, &monitoring).await?;
    let warehouses = warehouse::burden(&watch, &monitoring).await?;

    let webhook = monitoring.webhook();
    let variables =
        [("AWS_ENDPOINT_URL", monitoring.url()), ("GOOGLE_CHAT_WEBHOOK_URL", &*webhook)];
    let published = monitoring.published();
    for message in &published {
        let event = notification::event("", message, time::now().milliseconds());
        invoke(ALERT_NOTIFIER, &notifier, &variables, event.to_string().into()).await?;
    }
    Ok(Report {
        pipelines,
        warehouses,
        notices: published.iter().map(|message| Notice::parse(message)).collect(),
        messages: monitoring.messages(),
    })
}
