//! `sluice redrive` and `sluice inspect`: the engine of the function `dlq-redrive`, from here.

mod engine;
mod filter;
pub(crate) mod inspect;
mod report;
mod tasks;
mod verdict;
mod watched;

use std::time::Duration;

use clap::ValueEnum;
use dlq_redrive::queues::Queue;
use dlq_redrive::request::{Action, Mode as EngineMode, Request};
use dlq_redrive::summary::Answer;
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::aws::Aws;
use shared::config::Environment;
use shared::sqs::SQS;

use crate::aws;
use crate::console::print;
use crate::failure::Failure;
use crate::opensearch;
use engine::Engine;
use filter::{Filter, seconds, time_limit};
use report::Report;
use tasks::Task;

/// Move the messages of a dead-letter queue back to where they came from, all or selected.
///
/// Nothing is moved without --yes: the report then tells what would be. A message is deleted only
/// after SQS has said that it has it elsewhere.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", aws::HELP))]
pub(crate) struct Args {
    /// The dead-letter queue: its URL, ARN or name
    queue: String,
    /// Where to, if not to the queue that each message came from: a URL, ARN or name
    #[arg(long, value_name = "QUEUE")]
    destination: Option<String>,
    /// Move them; without this nothing is moved, only told
    #[arg(long)]
    yes: bool,
    /// Who moves them: SQS itself (all, up to 500 a second), or this command one by one; auto is
    /// native where nothing but a destination and a rate is asked
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    mode: Mode,
    /// Move at most so many
    #[arg(long, value_name = "N")]
    max_messages: Option<u64>,
    /// Move at most so many a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Leave, or park, messages that were redriven so often
    #[arg(long, value_name = "N")]
    max_redrives: Option<u64>,
    /// Where messages go that were redriven too often: a URL, ARN or name
    #[arg(long, value_name = "QUEUE", requires = "max_redrives")]
    parking: Option<String>,
    /// Move so many first, and the others only if none of these is back after a while
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    canary: Option<u64>,
    /// That while
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = seconds, requires = "canary")]
    canary_wait: u64,
    /// Move nothing unless this OpenSearch is green or yellow: http[s]://[user:password@]host
    #[arg(long, value_name = "URL")]
    opensearch: Option<String>,
    /// End after so long; running it again goes on
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time_limit)]
    time_limit: Duration,
    /// Print the function's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    task: Task,
    #[command(flatten)]
    filter: Filter,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice redrive music-dlq                                   what would be moved
  cargo sluice redrive music-dlq --yes                             move all
  cargo sluice redrive music-dlq --attribute tenant=a --max-age 1d --rate 50 --yes
  cargo sluice redrive music-dlq --canary 10 --canary-wait 2m --yes
  cargo sluice redrive quarantine --body /event_type=play --destination music --yes
  cargo sluice redrive music-dlq --status

Ctrl-C ends it in order: what is in hand is put back, and the report tells what was moved.
Exit codes: 0 done, 1 failed or not all done, 2 wrong use, 130 interrupted.";

/// Who moves messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    Auto,
    Native,
    Selective,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Selective => "selective",
        }
    }
}

/// Moves messages, or tells what would be moved.
///
/// # Errors
/// [`Failure::Usage`] for options that do not go together, [`Failure::Failed`] where not all was
/// done that was asked for, [`Failure::Stopped`] after Ctrl-C.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let aws = aws::aws(&Environment::of_this_process(), &[SQS], Some(&args.queue))?;
    let source = aws::queue(&aws, &args.queue).await?;
    if let Some(action) = args.task.action() {
        return tasks::run(aws, &source, action, args.json).await;
    }
    let parking = named(&aws, args.parking.as_deref()).await?;
    let opensearch = args.opensearch.as_deref().map(opensearch::client).transpose()?;
    let engine = Engine { aws: aws.clone(), parking, opensearch, time_limit: args.time_limit };
    let (json, is_dry) = (args.json, !args.yes);
    let mut request = request(&aws, &source, args).await?;
    let mode = checked(&aws, &source, &request)?;
    if is_dry {
        request.insert("dryRun".to_owned(), true.into());
        // SQS's own task has no dry run, and moves what this would.
        request.remove("mode");
    }
    let outcome = engine.run(&request.into()).await?;
    verdict::tell(&source, &outcome, json, is_dry.then_some(mode))
}

/// The queue of an option, if it is given.
async fn named(aws: &Aws, queue: Option<&str>) -> Result<Option<Queue>, Failure> {
    match queue {
        Some(text) => Ok(Some(aws::queue(aws, text).await?)),
        None => Ok(None),
    }
}

/// The function's request that the options ask for.
async fn request(aws: &Aws, source: &Queue, args: Args) -> Result<Map<String, Value>, Failure> {
    let destination = named(aws, args.destination.as_deref()).await?;
    let canary =
        args.canary.map(|messages| json!({"messages": messages, "waitSeconds": args.canary_wait}));
    let fields = [
        ("action", Some("redrive".into())),
        ("source", Some(name(source).into())),
        ("destination", destination.as_ref().map(|queue| name(queue).into())),
        ("filter", args.filter.request()?),
        ("mode", Some(args.mode.name().into())),
        ("maxMessages", args.max_messages.map(Value::from)),
        ("ratePerSecond", args.rate.map(Value::from)),
        ("maxRedrives", args.max_redrives.map(Value::from)),
        ("canary", canary),
    ];
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(given.collect())
}

/// How a queue is named in a request: an ARN saves asking for it.
fn name(queue: &Queue) -> &str {
    queue.arn.as_deref().unwrap_or(&queue.url)
}

/// Who would move the messages of a request that is not dry: what is wrong with it is told before
/// a dry run, too.
fn checked(aws: &Aws, source: &Queue, request: &Map<String, Value>) -> Result<EngineMode, Failure> {
    let payload = Value::from(request.clone()).to_string();
    let request = Request::parse(payload.as_bytes(), aws.endpoint(SQS)).map_err(engine::failed)?;
    request.source(Some(source)).map_err(engine::failed)?;
    match request.action {
        Action::Redrive(redrive) => Ok(redrive.mode),
        _ => Ok(EngineMode::Selective),
    }
}

/// Prints an answer as it is, or its report.
fn output(source: &Queue, answer: &Answer, json: bool) -> Result<(), Failure> {
    if json {
        return print_json(answer);
    }
    print(Report { source, answer }.to_string().as_bytes())
}

fn print_json(answer: &impl Serialize) -> Result<(), Failure> {
    let mut json = serde_json::to_vec_pretty(answer).map_err(Failure::failed)?;
    json.push(b'\n');
    print(&json)
}
