//! `sluice redrive` and `sluice inspect`: the engine of the function `dlq-redrive` on this machine.

mod edited;
mod engine;
mod filter;
pub(crate) mod inspect;
mod invoked;
mod outcome;
mod report;
mod watched;

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use dlq_redrive::Queue;
use dlq_redrive::request::{Action, Mode as EngineMode};
use serde::Serialize;
use serde_json::{Value, json};
use shared::aws::{Aws, Service};
use shared::config::Environment;
use shared::sqs::SQS;

use crate::aws::{self, Account};
use crate::console::print_report;
use crate::doctor::LAMBDA;
use crate::error::CliError;
use crate::opensearch;
use engine::Engine;
use filter::{Filter, seconds, time_limit};
use invoked::Invoked;
use report::Report;

/// Maximum time to list or cancel move tasks.
const TASK_TIME_LIMIT: Duration = Duration::from_mins(1);

/// Move messages from a dead-letter queue back to their source queues.
///
/// Without --yes nothing is moved: the report shows what would be moved. A message is deleted only
/// after SQS has accepted it in its destination.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", aws::HELP))]
pub(crate) struct Args {
    /// The dead-letter queue: its URL, ARN or name
    queue: String,
    /// The destination of all messages, instead of their source queues: a URL, ARN or name
    #[arg(long, value_name = "QUEUE")]
    destination: Option<String>,
    /// Invoke this function with each message, in the place of a destination; what it takes is deleted
    #[arg(long, value_name = "FUNCTION", conflicts_with = "destination")]
    invoke: Option<String>,
    /// Move only the messages in this file of `inspect --export`, with the bodies that it has now
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// Move the messages; without it nothing is moved
    #[arg(long)]
    yes: bool,
    /// Move by SQS itself (native: all messages, up to 500 a second) or one by one (selective);
    /// auto is native unless an option requires selective
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    mode: Mode,
    /// Maximum number of messages to move
    #[arg(long, value_name = "N")]
    max_messages: Option<u64>,
    /// Maximum number of messages to move in a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Do not move messages that were redriven this many times
    #[arg(long, value_name = "N")]
    max_redrives: Option<u64>,
    /// Move messages that were redriven too often to this queue: a URL, ARN or name
    #[arg(long, value_name = "QUEUE", requires = "max_redrives")]
    parking: Option<String>,
    /// Move this many messages first, and the others only if none of the first returns
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    canary: Option<u64>,
    /// Time to wait for messages of --canary to return. The default is for a queue of sqs-consumer that
    /// receives a message three times, with pauses of up to 30, 60 and 120 seconds
    #[arg(long, value_name = "TIME", default_value = "4m", value_parser = seconds, requires = "canary")]
    canary_wait: u64,
    /// Move nothing unless this OpenSearch is green or yellow: http[s]://[user:password@]host
    #[arg(long, value_name = "URL")]
    opensearch: Option<String>,
    /// Maximum time; running the command again continues
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time_limit)]
    time_limit: Duration,
    /// Print the function's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    task: Task,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    account: Account,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Move tasks of SQS (mode native), instead of moving messages")]
struct Task {
    /// Show the latest move tasks
    #[arg(long, conflicts_with = "yes")]
    status: bool,
    /// Cancel the running move task; messages that it has moved stay moved
    #[arg(long, conflicts_with = "yes")]
    cancel: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice redrive music-dlq                                   show what would be moved
  cargo sluice redrive music-dlq --yes                             move all
  cargo sluice redrive music-dlq --attribute tenant=a --max-age 1d --rate 50 --yes
  cargo sluice redrive music-dlq --canary 10 --yes
  cargo sluice redrive quarantine --body /event_type=play --destination music --yes
  cargo sluice redrive quarantine --import mended.ndjson --destination music --yes
  cargo sluice redrive alerts-dlq --invoke alert-notifier --yes
  cargo sluice redrive music-dlq --status

Ctrl-C stops it without losing messages, and the report shows what was moved.
Exit codes: 0 done, 1 failed or incomplete, 2 wrong use, 130 interrupted.";

#[derive(Clone, Copy, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Auto,
    Native,
    Selective,
}

/// Moves messages, or reports what would be moved.
///
/// # Errors
/// [`CliError::Usage`] for conflicting options, [`CliError::Failed`] if messages were not moved,
/// [`CliError::Interrupted`] after Ctrl-C.
pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    for queue in [Some(&args.queue), args.destination.as_ref(), args.parking.as_ref()] {
        queue.map_or(Ok(()), |queue| aws::check_queue(queue))?;
    }
    let addressed = |queue: Option<&str>| Queue::parse(queue?, None);
    if let (Some(source), Some(destination)) =
        (addressed(Some(&args.queue)), addressed(args.destination.as_deref()))
        && source.is(&destination)
    {
        return Err(CliError::usage("--destination: must not be the source"));
    }
    let edited = args.import.as_deref().map(edited::import).transpose()?;
    // SQS itself can only move unchanged messages, and only to queues.
    let mode = match (edited.is_some() || args.invoke.is_some(), args.mode) {
        (true, Mode::Native) => {
            return Err(CliError::usage("--import and --invoke need --mode selective"));
        }
        (true, _) => Mode::Selective,
        (false, mode) => mode,
    };
    let mut request = json!({
        "action": "redrive",
        "filter": args.filter.request()?,
        "mode": mode,
        "maxMessages": args.max_messages,
        "ratePerSecond": args.rate,
        "maxRedrives": args.max_redrives,
        "canary": args.canary.map(|messages| {
            json!({"messages": messages, "waitSeconds": args.canary_wait})
        }),
    });
    // Checked before the first call, also in a dry run.
    let mode = match engine::parse(&request)?.action {
        Action::Redrive(redrive) => redrive.mode,
        _ => EngineMode::Selective,
    };
    let opensearch = opensearch::optional_client(args.opensearch.as_deref(), &args.account).await?;

    let services: &[_] = if args.invoke.is_some() { &[SQS, LAMBDA] } else { &[SQS] };
    let aws = access(&args.account, &args.queue, services).await?;
    let source = aws::queue(&aws, &args.queue).await?;
    if args.task.status || args.task.cancel {
        let action = if args.task.status { "status" } else { "cancel" };
        let engine = Engine::new(aws, TASK_TIME_LIMIT);
        let outcome = engine.run(&json!({"action": action, "source": id(&source)})).await?;
        return print_report(&Report { source: &source, answer: &outcome.answer }, args.json);
    }
    let parking = find(&aws, args.parking.as_deref()).await?;
    let invoked = args.invoke.map(|function| Invoked::new(&aws, function));
    let destination = match &invoked {
        Some(function) => function.destination(),
        None => find(&aws, args.destination.as_deref()).await?,
    };
    request["source"] = id(&source).into();
    request["destination"] = destination.as_ref().map(id).into();
    if !args.yes {
        request["dryRun"] = true.into();
        // A move task of SQS has no dry run, but moves the same messages.
        request["mode"] = Value::Null;
    }
    let engine =
        Engine { parking, opensearch, edited, invoked, ..Engine::new(aws, args.time_limit) };
    let outcome = engine.run(&request).await?;
    outcome::print(&source, &outcome, args.json, mode)
}

/// Returns access to the services of a queue's region.
async fn access(account: &Account, queue: &str, services: &[Service]) -> Result<Aws, CliError> {
    aws::access(account, &Environment::of_this_process(), services, Some(queue)).await
}

/// Returns the queue of an option.
async fn find(aws: &Aws, queue: Option<&str>) -> Result<Option<Queue>, CliError> {
    match queue {
        Some(text) => Ok(Some(aws::queue(aws, text).await?)),
        None => Ok(None),
    }
}

/// Returns the ARN of a queue, which saves a lookup, or else its URL.
fn id(queue: &Queue) -> &str {
    queue.arn.as_deref().unwrap_or(&queue.url)
}
