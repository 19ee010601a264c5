//! The engine of the function `dlq-redrive`, run here: one request, until it is answered or the
//! person has enough.

use std::cell::RefCell;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dlq_redrive::App;
use dlq_redrive::config::Config;
use dlq_redrive::error::Error;
use dlq_redrive::health::Health;
use dlq_redrive::queues::Queue;
use dlq_redrive::schedule::Schedule;
use dlq_redrive::sqs::AwsQueues;
use dlq_redrive::summary::{Answer, Summary};
use local::opensearch::Client;
use serde_json::Value;
use shared::aws::Aws;
use shared::sqs::Failure as SqsFailure;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::watched::Watched;
use crate::aws::explained;
use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::progress::Progress;

/// No work is started when less than this is left of the time limit.
const MARGIN: Duration = Duration::from_secs(2);

/// An OpenSearch that needs longer to tell how it is, is not well.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

/// What the function has in its environment.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) aws: Aws,
    pub(super) parking: Option<Queue>,
    /// What has to be well before messages are moved.
    pub(super) opensearch: Option<Client>,
    pub(super) time_limit: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) answer: Answer,
    pub(super) summary: Summary,
    /// Why messages could not be received.
    pub(super) receive_failure: Option<SqsFailure>,
    pub(super) is_interrupted: bool,
}

impl Engine {
    /// Answers a request. The first Ctrl-C ends the run as a deadline does: what was received and
    /// not moved is made visible again. A second one ends it at once.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a request that names what cannot be, [`Failure::Failed`] with what
    /// SQS says of its own move task, [`Failure::Stopped`] after a second Ctrl-C.
    pub(super) async fn run(self, request: &Value) -> Result<Outcome, Failure> {
        let receive_failure = RefCell::default();
        let (stop, stopped) = watch::channel(false);
        let schedule = Schedule::new(now_ms(), Instant::now() + self.time_limit, MARGIN);
        let schedule = schedule.until(stopped);
        let mut summary = Summary::default();
        let payload = request.to_string();
        let progress = RefCell::new(Progress::new("messages"));
        let queues = AwsQueues::new(self.aws.clone());
        let queues = Watched::new(queues, &progress, &receive_failure);
        let (config, health) = (self.config(), Endpoint(self.opensearch));
        let app = App::new(config, queues, health, io::sink());
        let work = app.answer(payload.as_bytes(), &schedule, &mut summary);
        let (answer, is_interrupted) = until_interrupted(work, &stop, &progress).await?;
        drop(app);
        // Its line goes with it.
        drop(progress);
        let answer = answer.map_err(failed)?;
        let receive_failure = receive_failure.into_inner();
        Ok(Outcome { answer, summary, receive_failure, is_interrupted })
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

/// What the work gives, and whether it was interrupted: then `stop` tells it to end, and it may
/// take its time.
async fn until_interrupted<T>(
    work: impl Future<Output = T>,
    stop: &watch::Sender<bool>,
    progress: &RefCell<Progress>,
) -> Result<(T, bool), Failure> {
    // Boxed: the SDK's state is large.
    let mut work = Box::pin(work);
    tokio::select! {
        biased;
        () = interrupted() => {}
        result = &mut work => return Ok((result, false)),
    }
    stop.send_replace(true);
    let line = "Ending: what is in hand is finished or put back (Ctrl-C again: at once).";
    progress.borrow().say(line);
    tokio::select! {
        biased;
        () = interrupted() => Err(abandoned()),
        result = work => Ok((result, true)),
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

fn abandoned() -> Failure {
    Failure::Stopped(
        "ended at once: no message is lost, but some may be hidden for up to 15 minutes, and up \
         to ten may be in both queues"
            .to_owned(),
    )
}

pub(super) fn failed(error: Error) -> Failure {
    match error {
        Error::InvalidRequest { field, reason } => {
            Failure::usage(format_args!("{}: {reason}", option(&field)))
        }
        Error::Refused { failure } => {
            let advice = error_advice(&failure);
            Failure::failed(format_args!("{}{advice}", explained(&failure)))
        }
        Error::SourceUnavailable { queue, failure } => Failure::failed(format_args!(
            "failed to read the queue {queue}: {}",
            explained(&failure)
        )),
        Error::NoRunningTask { .. } => Failure::failed(error),
        Error::TaskFailed { ref reason } if reason.contains("CouldNotDetermineMessageSource") => {
            Failure::failed(format_args!(
                "{reason}: SQS's move task found messages that were sent to the queue directly; \
                 say where to with --destination"
            ))
        }
        Error::TaskFailed { reason } => {
            Failure::failed(format_args!("SQS's move task failed: {reason}"))
        }
    }
}

fn error_advice(failure: &SqsFailure) -> &'static str {
    if failure.code.ends_with("UnsupportedOperation") {
        "\nAnother task is running: --status shows it, --cancel ends it."
    } else if failure.message.contains("Dead Letter Queue") {
        "\n--mode selective moves the messages of any queue."
    } else {
        ""
    }
}

/// The option of a request's field.
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
        "filter" => "the conditions on messages",
        other => other,
    }
}

/// An OpenSearch that has to be well, if one is named.
#[derive(Debug)]
struct Endpoint(Option<Client>);

impl Health for Endpoint {
    async fn is_healthy(&self) -> bool {
        let Some(client) = &self.0 else { return true };
        matches!(timeout(HEALTH_LIMIT, client.health(1)).await, Ok(Ok(_)))
    }
}
