//! `sluice doctor`: checks whether a deployed stack is set up so that no message is lost.

mod checks;
mod facts;
mod finding;
mod lambda;
mod opensearch;
mod queues;
mod report;
mod settings;
mod stack;

use std::time::Duration;

use clap::ArgGroup;
use local::opensearch::Client;
use shared::aws::Aws;
use shared::config::Environment;
use shared::event::DocumentForm;
use shared::opensearch::DEFAULT_INDEX;
use shared::sqs::SQS;
use shared::time;
use tokio::time::timeout;

use crate::aws::{self, Account};
use crate::console::print_report;
use crate::error::CliError;
use crate::interrupt::or_interrupted;
use crate::opensearch::optional_client;
use crate::setup::plan::Plan;
use facts::{ConsumedQueue, Facts, Function, Mapping};
pub(crate) use lambda::LAMBDA;
use lambda::{Lambda, function_name};
use queues::Queues;
use report::{Report, count};

/// Find configuration errors in a deployed stack.
///
/// With --stack, reads all that the stack has, and checks what can lose events or money. With
/// --function, reads the function's configuration and event source mappings, their queues with the
/// dead-letter queues, and the quarantine. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", aws::HELP))]
#[command(group = ArgGroup::new("subject").required(true).multiple(true))]
pub(crate) struct Args {
    /// The whole stack, with the stacks nested in it: its name or ARN
    #[arg(long, value_name = "NAME", conflicts_with_all = ["function", "queue"], group = "subject")]
    stack: Option<String>,
    /// Post a greeting to the Google Chat space of the stack
    #[arg(long, requires = "stack", conflicts_with_all = ["function", "queue"])]
    post: bool,
    /// The function that consumes the queue: its name or ARN
    #[arg(long, value_name = "NAME", value_parser = function_name, group = "subject")]
    function: Option<String>,
    /// A consumed queue besides those of the function: its URL, ARN or name
    #[arg(long, value_name = "QUEUE", group = "subject")]
    queue: Option<String>,
    /// An OpenSearch that can be reached from this machine: http[s]://[user:password@]host[:port]
    #[arg(long, value_name = "URL", group = "subject")]
    opensearch: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    account: Account,
}

/// Maximum time to read a function and its event source mappings.
const LAMBDA_TIMEOUT: Duration = Duration::from_secs(20);

const EXAMPLES: &str = "\
Examples:
  cargo sluice doctor --stack sluice-dev --profile ops
  cargo sluice doctor --stack sluice-dev --json | jq -r '.findings[] | [.check, .remedy] | @tsv'
  cargo sluice doctor --function sluice-dev-sqs-consumer
  cargo sluice doctor --function sluice-dev-sqs-consumer --json | jq '.findings[].remedy'
  cargo sluice doctor --queue sluice-dev-events --opensearch https://search.example

Required permissions: lambda:GetFunction, lambda:ListEventSourceMappings, sqs:GetQueueAttributes
and sqs:GetQueueUrl. For --stack also cloudformation:DescribeStacks, ListStackResources and
GetTemplate; what else the policy ReadOnlyAccess allows, and secretsmanager:GetSecretValue of the
webhook's secret. What may not be read is reported as not_read, and the rest is checked.
Exit codes: 0 no errors (warnings are possible), 1 errors found or failed, 2 wrong use.";

/// Reads the facts, checks them and prints the report.
///
/// # Errors
/// [`CliError::Failed`] if an error is found or the function cannot be read.
pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = optional_client(args.opensearch.as_deref(), &args.account).await?;
    let json = args.json;
    if let Some(name) = &args.stack {
        let environment = Environment::of_this_process();
        let aws = aws::access(&args.account, &environment, &stack::SERVICES, None).await?;
        let request = stack::Request { name, opensearch: client.as_ref(), posts: args.post };
        let facts = or_interrupted(Box::pin(stack::read(&aws, request))).await?;
        return finish(&Report::of_stack(&facts, checks::stack::check(&facts)), json);
    }
    let facts = or_interrupted(Box::pin(read(args, client))).await?;
    finish(&Report::new(&facts, checks::check(&facts)), json)
}

/// Prints the report, and fails if it has errors.
fn finish(report: &Report, json: bool) -> Result<(), CliError> {
    print_report(report, json)?;
    match report.errors {
        0 => Ok(()),
        errors => Err(CliError::failed(format_args!("{} found", count(errors, "error")))),
    }
}

async fn read(args: Args, client: Option<Client>) -> Result<Facts, CliError> {
    let mut facts = Facts::default();
    if args.function.is_some() || args.queue.is_some() {
        let services: &[_] = if args.function.is_some() { &[LAMBDA, SQS] } else { &[SQS] };
        let environment = Environment::of_this_process();
        let aws = aws::access(&args.account, &environment, services, args.queue.as_deref()).await?;
        if let Some(name) = &args.function {
            let lambda = Lambda::new(&aws);
            let read = timeout(LAMBDA_TIMEOUT, lambda.read(name)).await;
            let late = |_| CliError::failed("Lambda did not answer within 20 s");
            let read = read.map_err(late)?.map_err(|failure| lambda::failed(&failure));
            let (function, mappings) = read?;
            (facts.function, facts.mappings) = (Some(function), mappings);
        }
        let queues = Queues::new(&aws);
        facts.queues = consumed(&aws, &queues, args.queue.as_deref(), &facts.mappings).await?;
        if let Some(url) = variable(facts.function.as_ref(), "QUARANTINE_QUEUE_URL") {
            facts.quarantine = Some(queues.read(url).await);
        }
    }
    if let Some(client) = client {
        let plan = plan(facts.function.as_ref())?;
        facts.opensearch = Some(opensearch::read(&client, &plan, time::now()).await);
    }
    Ok(facts)
}

/// Returns the value of the function's variable, if it is set.
fn variable<'a>(function: Option<&'a Function>, name: &str) -> Option<&'a str> {
    let value = function?.environment.as_ref()?.get(name)?;
    (!value.is_empty()).then_some(value)
}

/// Returns the plan of `setup` for the function's indices. Without a function, or with invalid
/// settings, which are another finding, it is that of the defaults.
fn plan(function: Option<&Function>) -> Result<Plan, CliError> {
    let form = variable(function, "DOCUMENT").and_then(DocumentForm::parse).unwrap_or_default();
    let index = variable(function, "INDEX").unwrap_or(DEFAULT_INDEX);
    // Files of the function's package are not on this machine.
    let mapping = variable(function, "MAPPING").filter(|mapping| !mapping.starts_with('@'));
    let mapping = mapping.filter(|_| form == DocumentForm::Mapped);
    Plan::new(form, Some(index), mapping, None)
        .or_else(|_| Plan::new(form, Some(DEFAULT_INDEX), None, None))
}

/// Reads the queue of `--queue` and those of the mappings.
async fn consumed(
    aws: &Aws,
    queues: &Queues<'_>,
    queue: Option<&str>,
    mappings: &[Mapping],
) -> Result<Vec<ConsumedQueue>, CliError> {
    let mut urls = Vec::new();
    if let Some(queue) = queue {
        urls.push(aws::queue(aws, queue).await?.url);
    }
    for mapping in mappings {
        urls.extend(queues.url(&mapping.queue_arn).filter(|url| !urls.contains(url)));
    }
    let mut consumed = Vec::new();
    for url in urls {
        consumed.push(queues.read_consumed(&url).await);
    }
    Ok(consumed)
}
