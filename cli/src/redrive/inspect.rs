//! `sluice inspect`: summarizes the messages of a dead-letter queue.

use std::path::PathBuf;
use std::time::Duration;

use dlq_redrive::request::{Action, Mode};
use serde_json::json;
use shared::sqs::SQS;

use super::edited::Export;
use super::engine::{self, Engine};
use super::filter::{Filter, time_limit};
use super::{id, outcome};
use crate::aws::{self, Account};
use crate::error::CliError;

/// Summarize the messages of a dead-letter queue: reasons, sources and ages. Nothing is moved.
///
/// Messages are received and made visible again, which counts as a receive.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", aws::HELP))]
pub(crate) struct Args {
    /// The queue: its URL, ARN or name
    queue: String,
    /// Stop after this many matching messages
    #[arg(long, value_name = "N")]
    max_messages: Option<u64>,
    /// Maximum time
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time_limit)]
    time_limit: Duration,
    /// Write the messages that match into this new file, one JSON object a line, to edit their bodies
    /// and move them with `redrive --import`
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Print the function's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    account: Account,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice inspect music-dlq
  cargo sluice inspect music-dlq --min-age 7d
  cargo sluice inspect quarantine --reason mapper_parsing_exception --json | jq .samples
  cargo sluice inspect quarantine --reason invalid_json --export mended.ndjson
  cargo sluice inspect https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq

Exit codes: 0 done, 1 failed or incomplete, 2 wrong use, 130 interrupted.";

/// Receives the messages and prints the summary.
///
/// # Errors
/// Those of [`redrive`](super::run).
pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let mut request = json!({
        "action": "inspect",
        "filter": args.filter.request()?,
        "maxMessages": args.max_messages,
    });
    let Action::Inspect { filter, max_messages } = engine::parse(&request)?.action else {
        unreachable!("it is a request to inspect")
    };
    args.export.as_deref().map_or(Ok(()), Export::check)?;

    let aws = super::access(&args.account, &args.queue, &[SQS]).await?;
    let source = aws::queue(&aws, &args.queue).await?;
    request["source"] = id(&source).into();
    let export = args.export.map(|path| Export::create(&path, filter, max_messages)).transpose()?;
    let engine = Engine { export, ..Engine::new(aws, args.time_limit) };
    let outcome = engine.run(&request).await?;
    outcome::print(&source, &outcome, args.json, Mode::Selective)
}
