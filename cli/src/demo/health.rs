//! `sluice demo --health`: makes a function fail in every way, and shows the metrics and the alert.

mod alarm;
mod emitted;
mod faulty;
mod report;

use std::path::Path;

use bytes::Bytes;
use local::binaries::SCRIPTED;
use local::monitoring::{Monitoring, subscription};
use local::runtime_api::{Function, FunctionOptions, LogLine};
use shared::time;

use crate::compile::compile;
use crate::demo::{card, no_differences};
use crate::error::CliError;
use crate::interrupt::or_interrupted;
use crate::progress::Spinner;
use emitted::Emitted;
use report::Report;

const LOG_METRICS: &str = "log-metrics";
const LAMBDA_METRICS: &str = "lambda-metrics";
pub(super) const ALERT_NOTIFIER: &str = "alert-notifier";

/// Runs the demo and writes the card to the file `page`.
///
/// # Errors
/// [`CliError::Failed`] if a part fails to start or a failure is not reported.
pub(super) async fn run(page: Option<&Path>, json: bool) -> Result<(), CliError> {
    let report = or_interrupted(observe()).await?;
    card::show(&report, &report.messages, page, json)?;
    no_differences(&report.differences(), "failures were not reported")
}

async fn observe() -> Result<Report, CliError> {
    let names = [SCRIPTED, LOG_METRICS, LAMBDA_METRICS, ALERT_NOTIFIER];
    let [scripted, log_metrics, lambda_metrics, notifier] = compile(names, &Spinner::new()).await?;
    let monitoring = Monitoring::start().await.map_err(CliError::failed)?;

    let (caused, watched) = faulty::cause(&scripted).await?;
    let batch = subscription(faulty::NAME, &watched.log).map_err(CliError::failed)?;
    let log_lines = invoke(LOG_METRICS, &log_metrics, &[], batch).await?.lines;

    monitoring.watch(faulty::NAME, watched);
    let aws = ("AWS_ENDPOINT_URL", monitoring.url());
    let variables = [aws, ("FUNCTION_NAMES", faulty::NAME)];
    let polled = invoke(LAMBDA_METRICS, &lambda_metrics, &variables, "{}".into()).await?;

    let now_ms = time::now().milliseconds();
    let event = alarm::event(faulty::NAME, caused.errors(), now_ms).to_string();
    let webhook = monitoring.webhook();
    let variables = [aws, ("GOOGLE_CHAT_WEBHOOK_URL", &*webhook)];
    invoke(ALERT_NOTIFIER, &notifier, &variables, event.into()).await?;

    Ok(Report {
        caused,
        log_metrics: Emitted::parse(&log_lines, faulty::NAME),
        lambda_metrics: Emitted::parse(&polled.lines, faulty::NAME),
        messages: monitoring.messages(),
    })
}

/// The answer and the output of an invocation.
pub(super) struct Invoked {
    pub(super) answer: Bytes,
    pub(super) lines: Vec<LogLine>,
}

/// Invokes a function once.
pub(super) async fn invoke(
    name: &str,
    binary: &Path,
    variables: &[(&str, &str)],
    event: Bytes,
) -> Result<Invoked, CliError> {
    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    let environment = variables.iter().map(own).collect();
    let options = FunctionOptions { environment, ..FunctionOptions::new(name, binary) };
    let function = Function::start(options).await.map_err(CliError::failed)?;
    let result = function.invoke(event).await;
    function.stop().await;
    let lines = function.logs();
    match result {
        Ok(answer) => Ok(Invoked { answer: answer.body, lines }),
        Err(error) => {
            let lines: Vec<_> = lines.into_iter().map(|line| line.text).collect();
            let lines = lines.join("\n");
            Err(CliError::failed(format_args!("{name} failed: {error}\n{lines}")))
        }
    }
}
