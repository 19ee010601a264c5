//! `sluice demo --cost`: runs each cost function once in a small account with resources that cost
//! too much, and shows what was found, started, stopped, kept and reported, and that nothing else
//! changed.

mod account;
mod report;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use local::account::AccountServer;
use local::monitoring::Monitoring;

use super::health::{ALERT_NOTIFIER, invoke};
use super::notification::TOPIC;
use super::{card, no_differences, notification};
use crate::compile::compile;
use crate::error::CliError;
use crate::interrupt::or_interrupted;
use crate::progress::Spinner;
use report::Report;

/// The functions in the order in which they run: `parking` after the others that look at machines,
/// because it stops some.
const FUNCTIONS: [&str; 4] = ["idle-resources", "rightsizing", "parking", "cost-report"];

/// Runs the demo, and writes the cards to the file `page`.
///
/// # Errors
/// [`CliError::Failed`] if a part fails to start, a planted problem is not reported, or something
/// was changed that must not be.
pub(super) async fn run(page: Option<&Path>, json: bool) -> Result<(), CliError> {
    let report = or_interrupted(observe()).await?;
    card::show(&report, &report.messages, page, json)?;
    no_differences(&report.differences(), "the account is not as it must be")
}

async fn observe() -> Result<Report, CliError> {
    let [idle, rightsizing, parking, costs] = FUNCTIONS;
    let names = [idle, rightsizing, parking, costs, ALERT_NOTIFIER];
    let [binaries @ .., notifier] = compile(names, &Spinner::new()).await?;
    let monitoring = Monitoring::start().await.map_err(CliError::failed)?;
    let now = Timestamp::now();
    let account = account::account(now).map_err(CliError::failed)?;
    let server = AccountServer::start(account).await.map_err(CliError::failed)?;
    let schedules = account::schedules(now);
    let variables = [
        ("AWS_ENDPOINT_URL", server.url()),
        ("AWS_ENDPOINT_URL_SNS", monitoring.url()),
        ("ALERTS_TOPIC_ARN", TOPIC),
        ("SCHEDULES", &*schedules),
        ("USAGE_DOCUMENT", "sluice-demo-volume-usage"),
    ];
    let mut answers = BTreeMap::new();
    for (name, binary) in FUNCTIONS.iter().zip(&binaries) {
        let answer = invoke(name, binary, &variables, "{}".into()).await?.answer;
        answers.insert(*name, serde_json::from_slice(&answer).map_err(CliError::failed)?);
    }
    let notices = notification::post(&notifier, &monitoring).await?;
    Ok(Report { answers, changes: server.changes(), notices, messages: monitoring.messages() })
}
