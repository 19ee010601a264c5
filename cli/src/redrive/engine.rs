//! Runs the engine of the function `dlq-redrive` for one request.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use dlq_redrive::App;
use dlq_redrive::Queue;
use dlq_redrive::config::Config;
use dlq_redrive::error::Error;
use dlq_redrive::health::Health;
use dlq_redrive::request::Request;
use dlq_redrive::run::Edited;
use dlq_redrive::schedule::Schedule;
use dlq_redrive::sqs::AwsQueues;
use dlq_redrive::summary::{Answer, Summary};
use local::opensearch::Client;
use serde_json::Value;
use shared::aws::Aws;
use shared::sqs::Failure as SqsFailure;
use shared::time;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::edited::Export;
use super::invoked::Invoked;
use super::watched::Watched;
use crate::aws::explained;
use crate::error::CliError;
use crate::interrupt::until_interrupted;
use crate::progress::Progress;

/// No work is started in this time before the time limit.
const MARGIN: Duration = Duration::from_secs(2);

/// An OpenSearch that does not return its health within this time is unhealthy.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

/// The message after a second Ctrl-C.
const AT_ONCE: &str = "stopped at once: no message is lost, but some may be hidden for up to 15 \
                       minutes, and up to ten may be in both queues";

/// The settings that the function reads from its environment.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) aws: Aws,
    pub(super) parking: Option<Queue>,
    /// Messages are moved only if this OpenSearch is healthy.
    pub(super) opensearch: Option<Client>,
    pub(super) time_limit: Duration,
    /// The file to which messages that match are written.
    pub(super) export: Option<Export>,
    /// If set, only these messages are moved, with these bodies.
    pub(super) edited: Option<Edited>,
    /// The function that receives the messages instead of a queue.
    pub(super) invoked: Option<Invoked>,
}

/// The result of a run.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) answer: Answer,
    pub(super) summary: Summary,
    pub(super) is_interrupted: bool,
    /// Number of edited messages that the run did not receive.
    pub(super) not_received: u64,
}

impl Engine {
    /// An engine without settings.
    pub(super) const fn new(aws: Aws, time_limit: Duration) -> Self {
        let (parking, opensearch, export) = (None, None, None);
        let (edited, invoked) = (None, None);
        Self { aws, parking, opensearch, time_limit, export, edited, invoked }
    }

    /// Processes a request. The first Ctrl-C ends the run like a deadline: received messages that
    /// were not moved become visible again. A second Ctrl-C ends it immediately.
    ///
    /// # Errors
    /// [`CliError::Usage`] for an invalid request, [`CliError::Failed`] with an error of SQS,
    /// [`CliError::Interrupted`] after a second Ctrl-C.
    pub(super) async fn run(mut self, request: &Value) -> Result<Outcome, CliError> {
        let (stop, stopped) = watch::channel(false);
        let schedule =
            Schedule::new(time::now().milliseconds(), Instant::now() + self.time_limit, MARGIN);
        let schedule = schedule.until(stopped);
        let mut summary = Summary::default();
        let payload = request.to_string();
        let progress = RefCell::new(Progress::new("messages"));
        let queues = AwsQueues::new(self.aws.clone());
        let received = RefCell::default();
        let (export, invoked) = (self.export.as_ref(), self.invoked.as_ref());
        let queues = Watched::new(queues, &progress, &received, export, invoked);
        let edited: Vec<_> = self.edited.iter().flat_map(Edited::keys).cloned().collect();
        let (config, health) = (self.config(), OpenSearchHealth(self.opensearch.take()));
        let app = App::new(config, queues, health, io::sink()).with_edited(self.edited.take());
        let work = Box::pin(app.answer(payload.as_bytes(), &schedule, &mut summary));
        let stop = || {
            stop.send_replace(true);
            let line = "Stopping: received messages are moved or made visible again. Press Ctrl-C \
                        again to stop at once.";
            progress.borrow().log(line);
        };
        let (answer, is_interrupted) = until_interrupted(work, stop, AT_ONCE).await?;
        drop(app);
        self.export.map_or(Ok(()), Export::finish)?;
        let answer = answer.map_err(|failed| error(failed, request))?;
        let received = received.into_inner();
        let not_received = edited.iter().filter(|id| !received.contains(*id)).count() as u64;
        Ok(Outcome { answer, summary, is_interrupted, not_received })
    }

    fn config(&self) -> Config {
        Config {
            function_name: "sluice".to_owned(),
            log_level: tracing::Level::ERROR,
            metrics_namespace: String::new(),
            dlq: None,
            parking: self.parking.clone(),
            deadline_margin: MARGIN,
            healthy_endpoint: None,
            aws: self.aws.clone(),
        }
    }
}

/// Checks a request before the first call; its queues may still be missing.
///
/// # Errors
/// [`CliError::Usage`] in terms of the command's options.
pub(super) fn parse(request: &Value) -> Result<Request, CliError> {
    let parsed = Request::parse(request.to_string().as_bytes(), None);
    parsed.map_err(|failed| error(failed, request))
}

/// Returns the engine's error in terms of the command's options.
fn error(error: Error, request: &Value) -> CliError {
    match error {
        Error::InvalidRequest { field, reason } => {
            let reason = reason.replace("maxAgeSeconds", "--max-age");
            let reason = reason.replace("the mode native", "--mode native");
            CliError::usage(format_args!("{}: {reason}", option(&field)))
        }
        Error::Refused { failure } => {
            let [action, source] =
                ["action", "source"].map(|name| request[name].as_str().unwrap_or_default());
            let (reason, advice) = (explained(&failure), advice(&failure));
            CliError::failed(format_args!("{action} of {source}: {reason}{advice}"))
        }
        Error::SourceUnavailable { queue, failure } => {
            let reason = explained(&failure);
            CliError::failed(format_args!("failed to read the queue {queue}: {reason}"))
        }
        Error::NoRunningTask { .. } => CliError::failed(error),
        Error::TaskFailed { reason } => {
            let advice = if reason.contains("CouldNotDetermineMessageSource") {
                "; the queue has messages that were sent to it directly: set --destination"
            } else {
                ""
            };
            CliError::failed(format_args!("the move task of SQS failed: {reason}{advice}"))
        }
    }
}

fn advice(failure: &SqsFailure) -> &'static str {
    if failure.code.ends_with("UnsupportedOperation") {
        "\nAnother move task is running: --status shows it, --cancel ends it."
    } else if failure.message.contains("Dead Letter Queue") || failure.code == "InvalidAction" {
        // The second is what servers with the API of SQS answer that have no move tasks.
        "\n--mode selective moves the messages of any queue."
    } else {
        ""
    }
}

/// Returns the option of a request's field.
fn option(field: &str) -> &str {
    match field {
        "source" => "QUEUE",
        "destination" => "--destination",
        "mode" => "--mode",
        "maxMessages" => "--max-messages",
        "maxRedrives" => "--max-redrives",
        "ratePerSecond" => "--rate",
        "canary" | "canary.messages" => "--canary",
        "canary.waitSeconds" => "--canary-wait",
        "filter.minAgeSeconds" => "--min-age",
        "filter.maxAgeSeconds" => "--max-age",
        "filter.reason" => "--reason",
        "filter.sourceArn" => "--source-arn",
        "filter.text" => "--text",
        "filter" => "a condition on messages",
        other => other,
    }
}

#[derive(Debug)]
struct OpenSearchHealth(Option<Client>);

impl Health for OpenSearchHealth {
    async fn is_healthy(&self) -> bool {
        let Some(client) = &self.0 else { return true };
        matches!(timeout(HEALTH_LIMIT, client.health(1)).await, Ok(Ok(_)))
    }
}
