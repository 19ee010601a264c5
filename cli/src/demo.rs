//! `sluice demo`: sends events through the real functions into OpenSearch, first through Firehose,
//! then through SQS, and accounts for every one. With options, it instead loads failed records and
//! objects; makes functions, pipelines and warehouses fail, or an account cost too much, and shows
//! the alerts; or sends readings of machines into a time series store.

mod account;
mod arguments;
mod backup;
mod card;
mod cost;
mod events;
mod file_check;
mod firehose;
mod health;
mod logs;
mod metrics;
mod notification;
mod objects;
mod queue;
mod report;
mod search;
mod sensors;
mod watch;

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use local::binaries;
use local::firehose::RECORD_LIMIT_BYTES;
use local::opensearch::{
    Choice, Client, ClientError, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME, InvalidChoice, Kept, Kind,
    OpenSearch,
};
use local::sqs::Sqs;
use serde::Serialize;
use shared::time;

use crate::compile::compile;
use crate::console::{log, print_report};
use crate::error::CliError;
use crate::interrupt::{interrupted, or_interrupted};
use crate::progress::Spinner;
pub(crate) use arguments::Args;
use events::Source;
use metrics::Rules;
use report::Report;

const FUNCTION: &str = "firehose-transform";
/// Maximum time that Firehose retries a rejected document; its own default is 300 s.
const RETRY_DURATION: Duration = Duration::from_mins(1);
/// Maximum time to clean up.
const CLEANUP: Duration = Duration::from_secs(10);

/// Runs the demo.
///
/// # Errors
/// [`CliError`] if a part fails to start, an event is unaccounted for or a failure or a cost is not reported.
pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    if args.health {
        return health::run(args.card.as_deref(), args.json).await;
    }
    if args.watch {
        return watch::run(args.card.as_deref(), args.json).await;
    }
    if args.cost {
        return cost::run(args.card.as_deref(), args.json).await;
    }
    if args.sensors {
        let store = choice("--store", &args.store)?;
        return sensors::run(store, args.seconds, args.keep, args.card.as_deref(), args.json).await;
    }
    let opensearch = choice("--opensearch", &args.opensearch)?;
    let sqs = choice("--sqs", &args.sqs)?;
    let source = args.events.as_deref().map_or(Ok(Source::Sample), Source::open)?;
    let rules = args.metric_rules.as_deref().map(Rules::open).transpose()?;
    let writer = if args.objects { objects::FUNCTION } else { queue::FUNCTION };
    let parts = or_interrupted(Parts::start(opensearch.clone(), sqs, writer)).await?;
    let target = Target::new(opensearch, &parts.opensearch)?;
    let result = or_interrupted(async {
        put_index_template(&parts.opensearch.client()).await?;
        if args.objects {
            return Ok(Reports::Objects(objects::run(&source, &parts, &target).await?));
        }
        pipelines(&source, rules.as_ref(), &parts, &target).await
    });
    let result = result.await;
    parts.sqs.stop().await;
    let opensearch = parts.opensearch;
    match result {
        Ok(reports) => {
            log("");
            let printed = print_report(&reports, args.json);
            if args.keep {
                keep(opensearch, &target).await?;
            } else {
                clean_up(opensearch, &target).await;
            }
            printed?;
            reports.check()
        }
        Err(error) => {
            clean_up(opensearch, &target).await;
            Err(error)
        }
    }
}

fn choice(option: &str, value: &str) -> Result<Choice, CliError> {
    value.parse().map_err(|error: InvalidChoice| CliError::usage(format_args!("{option}: {error}")))
}

/// The targets of this run. Their names are unique.
#[derive(Clone, Debug)]
struct Target {
    /// The URL of OpenSearch, with user and password if the option has them.
    url: String,
    index: String,
    /// The index of the documents that arrive through SQS.
    sqs_index: String,
    /// Maximum time that Firehose retries a rejected document.
    retry_duration: Duration,
    backup_folder: PathBuf,
}

impl Target {
    fn new(choice: Choice, opensearch: &OpenSearch) -> Result<Self, CliError> {
        let url = match choice {
            Choice::Url(url) => url,
            Choice::Auto | Choice::Embedded | Choice::Real => opensearch.url().to_owned(),
        };
        let target = binaries::target_folder().map_err(|error| {
            CliError::failed(format_args!("failed to find a folder for the backup: {error}"))
        })?;
        let seconds = time::now().milliseconds() / 1_000;
        let run = format!("{seconds}-{}", std::process::id());
        Ok(Self {
            url,
            index: format!("music-events-demo-{run}"),
            sqs_index: format!("music-events-demo-{run}-sqs"),
            retry_duration: RETRY_DURATION,
            backup_folder: target.join("sluice/demo/backup").join(run),
        })
    }
}

#[derive(Debug)]
struct Parts {
    opensearch: OpenSearch,
    sqs: Sqs,
    transform: PathBuf,
    /// `sqs-consumer`, or `object-loader` with `--objects`.
    writer: PathBuf,
}

impl Parts {
    /// Starts all parts concurrently: each can take long, and an unavailable URL is reported before
    /// a build of minutes.
    async fn start(opensearch: Choice, sqs: Choice, writer: &str) -> Result<Self, CliError> {
        let spinner = Spinner::new();
        let log = |line: &str| spinner.log(line);
        let opensearch =
            async { OpenSearch::start(opensearch, log).await.map_err(CliError::failed) };
        let sqs = async { Sqs::start(sqs, log).await.map_err(CliError::failed) };
        let functions = compile([FUNCTION, writer], &spinner);
        let ([transform, writer], opensearch, sqs) = tokio::try_join!(functions, opensearch, sqs)?;
        Ok(Self { opensearch, sqs, transform, writer })
    }
}

/// The printed reports, one for each pipeline.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "there is one")]
enum Reports {
    Pipelines {
        #[serde(flatten)]
        firehose: Report,
        sqs: queue::Report,
    },
    Objects(objects::Report),
}

impl Reports {
    /// # Errors
    /// [`CliError::Failed`] if an event is unaccounted for.
    fn check(&self) -> Result<(), CliError> {
        let (firehose, sqs) = match self {
            Self::Objects(report) => return report.check(),
            Self::Pipelines { firehose, sqs } => (firehose, sqs),
        };
        firehose.check()?;
        let discrepancies = sqs.discrepancies();
        if discrepancies.is_empty() {
            return Ok(());
        }
        let discrepancies = discrepancies.join("\n  ");
        Err(CliError::failed(format_args!("the messages do not add up:\n  {discrepancies}")))
    }
}

impl Display for Reports {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipelines { firehose, sqs } => write!(out, "{firehose}\n{sqs}"),
            Self::Objects(report) => report.fmt(out),
        }
    }
}

/// Runs the pipelines one after the other.
async fn pipelines(
    source: &Source,
    rules: Option<&Rules>,
    parts: &Parts,
    target: &Target,
) -> Result<Reports, CliError> {
    Ok(Reports::Pipelines {
        firehose: through_firehose(source, rules, parts, target).await?,
        sqs: through_sqs(source, parts, target).await?,
    })
}

async fn through_firehose(
    source: &Source,
    rules: Option<&Rules>,
    parts: &Parts,
    target: &Target,
) -> Result<Report, CliError> {
    let events = source.events(RECORD_LIMIT_BYTES)?;
    let variables = rules.map(Rules::variables).into_iter().flatten();
    let run = firehose::run(events, &parts.transform, variables, target).await?;
    let folder = &target.backup_folder;
    let backup = backup::count(folder).map_err(|error| backup::unreadable(folder, &error))?;
    let found = search(&parts.opensearch, &target.index).await?;
    let metrics = match rules {
        Some(rules) if found.documents > 0 => {
            let client = parts.opensearch.client();
            let metrics = rules.metrics(&run.logs, &client, &target.index).await;
            metrics.map_err(|error| search_failed(&parts.opensearch, &error))?
        }
        _ => Vec::new(),
    };
    Ok(Report::new(source.name(), &parts.opensearch, target, run, backup, found, metrics))
}

async fn through_sqs(
    source: &Source,
    parts: &Parts,
    target: &Target,
) -> Result<queue::Report, CliError> {
    let Parts { opensearch, sqs, writer, .. } = parts;
    let index = &target.sqs_index;
    let client = opensearch.client();
    let events = source.events(queue::MESSAGE_LIMIT_BYTES)?;
    let parts = queue::Parts { sqs, opensearch: &client, binary: writer, index };
    let run = queue::run(events, parts).await?;
    let documents = search(opensearch, index).await?.documents;
    let servers = [sqs.description(), opensearch.description()];
    Ok(queue::Report::new(source.name(), servers, index, &run, documents))
}

async fn search(opensearch: &OpenSearch, index: &str) -> Result<search::Found, CliError> {
    let found = search::search(&opensearch.client(), index).await;
    found.map_err(|error| search_failed(opensearch, &error))
}

fn search_failed(opensearch: &OpenSearch, error: &ClientError) -> CliError {
    let url = opensearch.url();
    CliError::failed(format_args!("failed to search OpenSearch at {url}: {error}"))
}

async fn put_index_template(client: &Client) -> Result<(), CliError> {
    client.put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.map_err(|error| {
        let url = client.url();
        CliError::failed(format_args!("failed to put the index template into {url}: {error}"))
    })
}

/// Fails with what is wrong and the differences, if there are any.
fn no_differences(differences: &[String], wrong: &str) -> Result<(), CliError> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(CliError::failed(format_args!("{wrong}:\n  {}", differences.join("\n  "))))
}

/// Keeps OpenSearch running with the documents. The embedded one is part of this process, which
/// waits for Ctrl-C.
async fn keep(opensearch: OpenSearch, target: &Target) -> Result<(), CliError> {
    let Target { index, sqs_index, .. } = target;
    let show = |url: &str| {
        log(format_args!("\nOpenSearch is at {url}. To show some documents:"));
        log(format_args!("  curl -s '{url}/{index}*/_search?size=3&pretty'"));
    };
    match opensearch.keep().await.map_err(CliError::failed)? {
        Kept::Detached { url, stop } => {
            show(&url);
            log(format_args!("To stop it and remove its data:\n  {stop}"));
        }
        Kept::Elsewhere { url } => {
            show(&url);
            log(format_args!("To remove them:\n  curl -s -X DELETE '{url}/{index},{sqs_index}'"));
        }
        Kept::InProcess(opensearch) => {
            show(opensearch.url());
            log("It is running until you press Ctrl-C.");
            interrupted().await;
            opensearch.stop().await;
        }
    }
    Ok(())
}

/// Stops OpenSearch if it was started for this run, otherwise deletes the run's indices.
async fn clean_up(opensearch: OpenSearch, target: &Target) {
    let indices = format!("{},{}", target.index, target.sqs_index);
    let client = opensearch.client();
    let cleaned = tokio::time::timeout(CLEANUP, async {
        let deleted = match opensearch.kind() {
            Kind::Url => client.delete_index(&indices).await,
            _ => Ok(()),
        };
        opensearch.stop().await;
        deleted
    });
    let reason = match cleaned.await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", CLEANUP.as_secs()),
    };
    log(format_args!("Failed to delete {indices} at {}: {reason}", client.url()));
}
