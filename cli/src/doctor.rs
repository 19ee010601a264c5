//! `sluice doctor`: whether a deployed stack's queues, function and OpenSearch are set up so that
//! nothing is lost.

mod checks;
mod facts;
mod finding;
mod lambda;
mod opensearch;
mod queues;
mod report;

use local::opensearch::Client;
use shared::aws::Aws;
use shared::config::Environment;
use shared::sqs::SQS;
use shared::time;
use sqs_consumer::DEFAULT_INDEX;

use crate::aws;
use crate::console::print;
use crate::failure::Failure;
use crate::interrupt::or_interrupted;
use crate::setup::plan::Plan;
use facts::{Consumed, Facts, Found, Function};
use lambda::{LAMBDA, Lambda, Name};
use queues::Queues;
use report::{Report, count};

/// Find what is set up wrong in a deployed stack, and say what to change.
///
/// Reads the function's configuration and event source mappings, the queues that these name with
/// their dead-letter queues, and the quarantine. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", aws::HELP))]
#[group(required = true, multiple = true, id = "subject")]
pub(crate) struct Args {
    /// The function that consumes the queue: its name or ARN
    #[arg(long, value_name = "NAME", value_parser = function_name, group = "subject")]
    function: Option<Name>,
    /// A queue that is consumed, if the function is not to tell: its URL, ARN or name
    #[arg(long, value_name = "QUEUE", group = "subject")]
    queue: Option<String>,
    /// An OpenSearch that can be reached from here: http[s]://[user:password@]host[:port]
    #[arg(long, value_name = "URL", group = "subject")]
    opensearch: Option<String>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice doctor --function sluice-dev-sqs-consumer
  cargo sluice doctor --function sluice-dev-sqs-consumer --json | jq '.findings[].remedy'
  cargo sluice doctor --queue sluice-dev-events --opensearch https://search.example

What it cannot see: whether the function's role may do what it has to. The function's log tells
that, with `denied` for OpenSearch and `not_quarantined` for the quarantine.
Exit codes: 0 no errors (there may be warnings), 1 errors found or failed, 2 wrong use.";

/// Looks, checks and tells.
///
/// # Errors
/// [`Failure::Failed`] where something is wrong, or where nobody tells.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let client = args.opensearch.as_deref().map(crate::opensearch::client).transpose()?;
    let json = args.json;
    let facts = or_interrupted(Box::pin(read(args, client))).await?;
    let report = Report::new(&facts, checks::check(&facts));
    if json {
        let mut json = serde_json::to_vec_pretty(&report).map_err(Failure::failed)?;
        json.push(b'\n');
        print(&json)?;
    } else {
        print(report.to_string().as_bytes())?;
    }
    match report.errors() {
        0 => Ok(()),
        errors => Err(Failure::failed(format_args!("{} found", count(errors, "error")))),
    }
}

fn function_name(text: &str) -> Result<Name, String> {
    Name::parse(text).ok_or_else(|| "expected the name or the ARN of a function".to_owned())
}

/// Asks everybody.
async fn read(args: Args, client: Option<Client>) -> Result<Facts, Failure> {
    let mut facts = Facts::default();
    if args.function.is_some() || args.queue.is_some() {
        let services: &[_] = if args.function.is_some() { &[LAMBDA, SQS] } else { &[SQS] };
        let environment = Environment::of_this_process();
        let aws = aws::aws(&environment, services, args.queue.as_deref())?;
        if let Some(name) = &args.function {
            read_function(&aws, name, &mut facts).await?;
        }
        let queues = Queues::new(&aws);
        facts.queues = consumed(&aws, &queues, args.queue.as_deref(), &facts).await?;
        facts.quarantine = quarantine(&queues, facts.function.as_ref()).await;
    }
    if let Some(client) = client {
        let plan = plan(facts.function.as_ref())?;
        facts.opensearch = Some(opensearch::ask(&client, &plan, time::now()).await);
    }
    Ok(facts)
}

/// What `setup` puts for the function's indices; for those of a function with its defaults where
/// no other is named, or where its settings are invalid, which is a finding of its own.
fn plan(function: Option<&Function>) -> Result<Plan, Failure> {
    let set = |name| function?.environment.as_ref()?.get(name).filter(|value| !value.is_empty());
    let index = set("INDEX").map_or(DEFAULT_INDEX, String::as_str);
    // A file of the function's package is not here.
    let mapping = set("MAPPING").filter(|mapping| !mapping.starts_with('@'));
    Plan::new(index, mapping.map(String::as_str), None)
        .or_else(|_| Plan::new(DEFAULT_INDEX, None, None))
}

async fn read_function(aws: &Aws, name: &Name, facts: &mut Facts) -> Result<(), Failure> {
    let lambda = Lambda::new(aws).ok_or_else(|| Failure::failed("no region or no credentials"))?;
    facts.function = Some(lambda.function(name).await?);
    facts.mappings = lambda.mappings(name).await?;
    Ok(())
}

/// The queues of the mappings, and the one that was named.
async fn consumed(
    aws: &Aws,
    queues: &Queues<'_>,
    named: Option<&str>,
    facts: &Facts,
) -> Result<Vec<Consumed>, Failure> {
    let mut urls = Vec::new();
    if let Some(text) = named {
        urls.push(aws::queue(aws, text).await?.url);
    }
    urls.extend(facts.mappings.iter().filter_map(|mapping| queues.url(&mapping.queue_arn)));
    let mut seen: Vec<String> = Vec::new();
    let mut consumed = Vec::new();
    for url in urls {
        if !seen.contains(&url) {
            consumed.push(queues.consumed(&url).await);
            seen.push(url);
        }
    }
    Ok(consumed)
}

async fn quarantine(queues: &Queues<'_>, function: Option<&Function>) -> Option<Found> {
    let variables = function?.environment.as_ref()?;
    let url = variables.get("QUARANTINE_QUEUE_URL").filter(|url| !url.is_empty())?;
    Some(queues.find(url).await)
}
