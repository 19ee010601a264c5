//! `sluice inspect`: what is in a dead-letter queue.

use std::time::Duration;

use serde_json::{Map, Value};
use shared::config::Environment;
use shared::sqs::SQS;

use super::engine::Engine;
use super::filter::{Filter, time_limit};
use super::{name, verdict};
use crate::aws;
use crate::failure::Failure;

/// Tell what is in a dead-letter queue: reasons, sources, ages; nothing is moved.
///
/// Messages are received and made visible again, which counts as a receive.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", aws::HELP))]
pub(crate) struct Args {
    /// The queue: its URL, ARN or name
    queue: String,
    /// Look for at most so many that are meant
    #[arg(long, value_name = "N")]
    max_messages: Option<u64>,
    /// End after so long
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time_limit)]
    time_limit: Duration,
    /// Print the function's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    filter: Filter,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice inspect music-dlq
  cargo sluice inspect music-dlq --min-age 7d
  cargo sluice inspect quarantine --reason mapper_parsing_exception --json | jq .samples
  cargo sluice inspect https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq

Exit codes: 0 done, 1 failed or not all looked at, 2 wrong use, 130 interrupted.";

/// Looks at messages.
///
/// # Errors
/// As [`redrive`](super::run).
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let aws = aws::aws(&Environment::of_this_process(), &[SQS], Some(&args.queue))?;
    let source = aws::queue(&aws, &args.queue).await?;
    let fields = [
        ("action", Some("inspect".into())),
        ("source", Some(name(&source).into())),
        ("filter", args.filter.request()?),
        ("maxMessages", args.max_messages.map(Value::from)),
    ];
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let request: Map<_, _> = given.collect();
    let engine = Engine { aws, parking: None, opensearch: None, time_limit: args.time_limit };
    let outcome = engine.run(&request.into()).await?;
    verdict::tell(&source, &outcome, args.json, None)
}
