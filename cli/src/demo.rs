//! `sluice demo`: events through the real functions into OpenSearch, first by way of Firehose,
//! then by way of SQS, and an account of every one; or failures of a function, and how they are told.

mod account;
mod backup;
mod events;
mod file_check;
mod firehose;
mod health;
mod logs;
mod questions;
mod queue;
mod report;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use local::binaries;
use local::firehose::RECORD_LIMIT_BYTES;
use local::opensearch::{
    Choice, Client, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME, InvalidChoice, Kept, Kind, OpenSearch,
};
use local::sqs::Sqs;
use serde::Serialize;

use crate::compile::compile;
use crate::console::{self, say};
use crate::failure::Failure;
use crate::interrupt::{interrupted, or_interrupted};
use crate::progress::Spinner;
use events::Source;
use report::Report;
use std::fmt::{self, Display, Formatter};

const FUNCTION: &str = "firehose-transform";
/// How long cleaning up may take before the command ends all the same.
const CLEANUP: Duration = Duration::from_secs(10);

/// Take events through the functions into OpenSearch, and account for every one.
///
/// Builds the functions, starts OpenSearch, SQS and the stand-ins for Lambda and Firehose, pushes
/// the events through the real `firehose-transform` binary, then, as messages, through the real
/// `sqs-consumer` binary, from which OpenSearch is taken for a while, and asks OpenSearch what has
/// arrived. No AWS account is needed, and nothing is left running.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Your own events: a file with one JSON object a line [default: a bundled sample of music
    /// events, hostile ones among them]
    #[arg(long, value_name = "FILE.ndjson")]
    events: Option<PathBuf>,
    /// Where the documents go: `auto` starts a real OpenSearch where Docker or Java can run it,
    /// else the embedded one; `real`; `embedded`; or the URL of one that is up (requests to AWS are
    /// signed as `setup --help` tells)
    // A text, not a `Choice`: clap would show a wrong value, and with it a password.
    #[arg(long, value_name = "auto|embedded|real|URL", default_value = "auto")]
    opensearch: String,
    /// Where the messages wait: `auto` starts a real ElasticMQ where Java and Maven can run it,
    /// else the embedded SQS; `real`; `embedded`; or the URL of one that is up
    #[arg(long, value_name = "auto|embedded|real|URL", default_value = "auto")]
    sqs: String,
    /// Leave OpenSearch and the documents up, and say where
    #[arg(long)]
    keep: bool,
    /// Instead: a function that fails, times out, runs out of memory and is throttled, and what the
    /// functions that watch it make of that, up to the message in Google Chat
    #[arg(long, conflicts_with_all = ["events", "opensearch", "sqs", "keep"])]
    health: bool,
    /// Write that message as a page
    #[arg(long, value_name = "FILE.html", requires = "health")]
    card: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice demo
  cargo sluice demo --events my-events.ndjson
  cargo sluice demo --opensearch embedded --sqs embedded --json
  cargo sluice demo --opensearch https://user:password@search.example --keep
  cargo sluice demo --health

Exit code 1 means that an event is unaccounted for, that a failure was not told, or that a part \
could not be started.";

/// Runs the demo.
///
/// # Errors
/// When a part cannot be started, when an event is unaccounted for, or a failure is not told.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    if args.health {
        return health::run(args.card.as_deref(), args.json).await;
    }
    let opensearch = choice("--opensearch", &args.opensearch)?;
    let sqs = choice("--sqs", &args.sqs)?;
    let source = args.events.as_deref().map_or(Ok(Source::Sample), Source::open)?;
    let parts = or_interrupted(Parts::start(opensearch.clone(), sqs)).await?;
    let place = Place::new(opensearch, &parts.opensearch)?;
    let result = or_interrupted(pipelines(&source, &parts, &place)).await;
    parts.sqs.stop().await;
    let opensearch = parts.opensearch;
    match result {
        Ok(reports) => {
            let printed = print(&reports, args.json);
            if args.keep {
                keep(opensearch, &place).await?;
            } else {
                clean_up(opensearch, &place).await;
            }
            printed?;
            reports.verdict()
        }
        Err(failure) => {
            clean_up(opensearch, &place).await;
            Err(failure)
        }
    }
}

fn choice(option: &str, value: &str) -> Result<Choice, Failure> {
    value.parse().map_err(|error: InvalidChoice| Failure::usage(format_args!("{option}: {error}")))
}

/// Where this run's documents go; its names are unlike those of any other run.
#[derive(Debug)]
struct Place {
    /// With user and password, if the user gave them.
    url: String,
    index: String,
    /// Of the documents that come by way of SQS.
    sqs_index: String,
    backup_folder: PathBuf,
}

impl Place {
    fn new(choice: Choice, opensearch: &OpenSearch) -> Result<Self, Failure> {
        let url = match choice {
            Choice::Url(url) => url,
            Choice::Auto | Choice::Embedded | Choice::Real => opensearch.url().to_owned(),
        };
        let target = binaries::target_folder()
            .map_err(|error| Failure::failed(format!("no place for the backup: {error}")))?;
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let run = format!("{seconds}-{}", std::process::id());
        Ok(Self {
            url,
            index: format!("music-events-demo-{run}"),
            sqs_index: format!("music-events-demo-{run}-sqs"),
            backup_folder: target.join("sluice/demo/backup").join(run),
        })
    }
}

/// What the run needs.
#[derive(Debug)]
struct Parts {
    opensearch: OpenSearch,
    sqs: Sqs,
    transform: PathBuf,
    consumer: PathBuf,
}

impl Parts {
    /// All of them at the same time: each may take a while, and a URL where nothing answers is told
    /// before a build of minutes.
    async fn start(opensearch: Choice, sqs: Choice) -> Result<Self, Failure> {
        let spinner = Spinner::new();
        let say = |line: &str| spinner.say(line);
        let opensearch =
            async { OpenSearch::start(opensearch, say).await.map_err(Failure::failed) };
        let sqs = async { Sqs::start(sqs, say).await.map_err(Failure::failed) };
        let functions = compile([FUNCTION, queue::FUNCTION], &spinner);
        let ([transform, consumer], opensearch, sqs) =
            tokio::try_join!(functions, opensearch, sqs)?;
        Ok(Self { opensearch, sqs, transform, consumer })
    }
}

/// The reports of both halves.
#[derive(Debug, Serialize)]
struct Reports {
    #[serde(flatten)]
    firehose: Report,
    sqs: queue::Report,
}

impl Reports {
    /// # Errors
    /// [`Failure::Failed`] with what is missing, if one event is unaccounted for.
    fn verdict(&self) -> Result<(), Failure> {
        self.firehose.verdict()?;
        let discrepancies = self.sqs.discrepancies();
        if discrepancies.is_empty() {
            return Ok(());
        }
        let discrepancies = discrepancies.join("\n  ");
        Err(Failure::failed(format!(
            "the account of the messages does not come out even:\n  {discrepancies}"
        )))
    }
}

impl Display for Reports {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}\n{}", self.firehose, self.sqs)
    }
}

/// Both halves, one after the other.
async fn pipelines(source: &Source, parts: &Parts, place: &Place) -> Result<Reports, Failure> {
    put_index_template(&parts.opensearch.client()).await?;
    Ok(Reports {
        firehose: through_firehose(source, parts, place).await?,
        sqs: through_sqs(source, parts, place).await?,
    })
}

async fn through_firehose(
    source: &Source,
    parts: &Parts,
    place: &Place,
) -> Result<Report, Failure> {
    let events = source.events(RECORD_LIMIT_BYTES)?;
    let run = firehose::run(events, &parts.transform, place).await?;
    let backup = backup::count(&place.backup_folder).map_err(|error| {
        let folder = place.backup_folder.display();
        Failure::failed(format!("the backup {folder} cannot be read: {error}"))
    })?;
    let answers = ask(&parts.opensearch, &place.index).await?;
    Ok(Report::new(source.name(), &parts.opensearch, place, run, backup, answers))
}

async fn through_sqs(
    source: &Source,
    parts: &Parts,
    place: &Place,
) -> Result<queue::Report, Failure> {
    let Parts { opensearch, sqs, consumer, .. } = parts;
    let index = &place.sqs_index;
    let client = opensearch.client();
    let events = source.events(queue::MESSAGE_LIMIT_BYTES)?;
    let parts = queue::Parts { sqs, opensearch: &client, binary: consumer, index };
    let run = queue::run(events, parts).await?;
    let documents = ask(opensearch, index).await?.documents;
    Ok(queue::Report::new(source.name(), sqs, opensearch, index, &run, documents))
}

async fn ask(opensearch: &OpenSearch, index: &str) -> Result<questions::Answers, Failure> {
    let answers = questions::ask(&opensearch.client(), index).await;
    answers.map_err(|error| {
        Failure::failed(format!("OpenSearch at {} cannot be asked: {error}", opensearch.url()))
    })
}

async fn put_index_template(client: &Client) -> Result<(), Failure> {
    client.put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.map_err(|error| {
        Failure::failed(format!(
            "OpenSearch at {} does not take the index template: {error}",
            client.url()
        ))
    })
}

fn print(report: &Reports, json: bool) -> Result<(), Failure> {
    if json {
        let mut text = serde_json::to_vec_pretty(report).map_err(Failure::failed)?;
        text.push(b'\n');
        return console::print(&text);
    }
    console::print(format!("\n{report}").as_bytes())
}

/// Leaves the documents where they are, and OpenSearch with them; the embedded one lives in this
/// process, which therefore waits.
async fn keep(opensearch: OpenSearch, place: &Place) -> Result<(), Failure> {
    let Place { index, sqs_index, .. } = place;
    let look = |url: &str| {
        say(format_args!("\nOpenSearch is at {url}. Look at some documents:"));
        say(format_args!("  curl -s '{url}/{index}*/_search?size=3&pretty'"));
    };
    match opensearch.keep().await.map_err(Failure::failed)? {
        Kept::Detached { url, stop } => {
            look(&url);
            say(format_args!("Stop it, and remove its data:\n  {stop}"));
        }
        Kept::Elsewhere { url } => {
            look(&url);
            say(format_args!("Remove them:\n  curl -s -X DELETE '{url}/{index},{sqs_index}'"));
        }
        Kept::InProcess(opensearch) => {
            look(opensearch.url());
            say("It is up until you press Ctrl-C.");
            interrupted().await;
            opensearch.stop().await;
        }
    }
    Ok(())
}

/// Removes the run's documents and whatever was started for it.
async fn clean_up(opensearch: OpenSearch, place: &Place) {
    let index = format!("{},{}", place.index, place.sqs_index);
    let client = opensearch.client();
    let cleaned = tokio::time::timeout(CLEANUP, async {
        // A server of ours goes with its data; another one keeps everything but the run's indices.
        let deleted = match opensearch.kind() {
            Kind::Url => client.delete_index(&index).await,
            _ => Ok(()),
        };
        opensearch.stop().await;
        deleted
    });
    let url = client.url();
    match cleaned.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => say(format_args!("The indices {index} are left at {url}: {error}")),
        Err(_) => {
            let seconds = CLEANUP.as_secs();
            say(format_args!(
                "OpenSearch at {url} does not answer: gave up on {index} after {seconds} s"
            ));
        }
    }
}
