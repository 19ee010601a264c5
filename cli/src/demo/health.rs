//! `sluice demo --health`: a function that fails in every way, and how somebody gets to know.

mod alarm;
mod card;
mod emitted;
mod faulty;
mod report;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use local::binaries::SCRIPTED;
use local::monitoring::{Monitoring, subscription};
use local::runtime_api::{Function, FunctionOptions, LogLine};

use crate::compile::compile;
use crate::console::{self, say};
use crate::failure::Failure;
use crate::interrupt::or_interrupted;
use crate::progress::Spinner;
use card::Card;
use emitted::Emitted;
use report::Report;

const LOG_METRICS: &str = "log-metrics";
const LAMBDA_METRICS: &str = "lambda-metrics";
const ALERT_NOTIFIER: &str = "alert-notifier";

/// Runs the demo; the page with the card goes to `page`.
///
/// # Errors
/// When a part cannot be started, or when a failure that was caused did not come out.
pub(super) async fn run(page: Option<&Path>, json: bool) -> Result<(), Failure> {
    let report = or_interrupted(observe()).await?;
    if json {
        let mut text = serde_json::to_vec_pretty(&report).map_err(Failure::failed)?;
        text.push(b'\n');
        console::print(&text)?;
    } else {
        console::print(format!("\n{report}").as_bytes())?;
    }
    if let (Some(page), Some(message)) = (page, report.messages.first()) {
        std::fs::write(page, Card(message).page()).map_err(|error| {
            Failure::failed(format!("{} cannot be written: {error}", page.display()))
        })?;
        say(format_args!("The card is in {}.", page.display()));
    }
    match report.missing() {
        missing if missing.is_empty() => Ok(()),
        missing => Err(Failure::failed(format!(
            "what was caused did not come out:\n  {}",
            missing.join("\n  ")
        ))),
    }
}

/// From the failures to the message.
async fn observe() -> Result<Report, Failure> {
    let names = [SCRIPTED, LOG_METRICS, LAMBDA_METRICS, ALERT_NOTIFIER];
    let [scripted, log_metrics, lambda_metrics, notifier] = compile(names, &Spinner::new()).await?;
    let monitoring = Monitoring::start().await.map_err(Failure::failed)?;

    let (caused, watched) = faulty::cause(&scripted).await?;
    let batch = subscription(faulty::NAME, &watched.log).map_err(Failure::failed)?;
    let counted = invoke(LOG_METRICS, &log_metrics, &[], batch).await?;

    let errors = caused.errors();
    monitoring.watch(faulty::NAME, watched);
    let aws = ("AWS_ENDPOINT_URL", monitoring.url());
    let variables = [aws, ("FUNCTION_NAMES", faulty::NAME)];
    let polled = invoke(LAMBDA_METRICS, &lambda_metrics, &variables, "{}".into()).await?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let fired = alarm::fires(faulty::NAME, errors, now_ms).to_string();
    let webhook = monitoring.webhook();
    let variables = [aws, ("GOOGLE_CHAT_WEBHOOK_URL", &*webhook)];
    invoke(ALERT_NOTIFIER, &notifier, &variables, fired.into()).await?;

    Ok(Report {
        caused,
        log_metrics: Emitted::read(&counted, faulty::NAME),
        lambda_metrics: Emitted::read(&polled, faulty::NAME),
        messages: monitoring.messages(),
    })
}

/// Invokes a function once, and gives what it wrote.
async fn invoke(
    name: &str,
    binary: &Path,
    variables: &[(&str, &str)],
    event: Bytes,
) -> Result<Vec<LogLine>, Failure> {
    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    let environment = variables.iter().map(own).collect();
    let options = FunctionOptions { environment, ..FunctionOptions::new(name, binary) };
    let function = Function::start(options).await.map_err(Failure::failed)?;
    let result = function.invoke(event).await;
    function.stop().await;
    let lines = function.logs();
    match result {
        Ok(_) => Ok(lines),
        Err(error) => {
            let said: Vec<_> = lines.into_iter().map(|line| line.text).collect();
            Err(Failure::failed(format!("{name} failed: {error}\n{}", said.join("\n"))))
        }
    }
}
