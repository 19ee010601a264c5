//! `sluice demo`: events through the real functions into OpenSearch, and an account of every one.

mod account;
mod backup;
mod events;
mod file_check;
mod firehose;
mod logs;
mod questions;
mod report;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use local::binaries;
use local::opensearch::{
    Choice, Client, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME, InvalidChoice, Kept, Kind, OpenSearch,
};

use crate::compile::compile;
use crate::console::{self, say};
use crate::failure::Failure;
use crate::interrupt::{interrupted, or_interrupted};
use crate::progress::Spinner;
use events::Events;
use report::Report;

const FUNCTION: &str = "firehose-transform";
/// How long cleaning up may take before the command ends all the same.
const CLEANUP: Duration = Duration::from_secs(10);

/// Take events through the functions into OpenSearch, and account for every one.
///
/// Builds the functions, starts OpenSearch and the stand-ins for Lambda and Firehose, pushes the
/// events through the real `firehose-transform` binary, and asks OpenSearch what has arrived. No
/// AWS account is needed, and nothing is left running.
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
    /// Leave OpenSearch and the documents up, and say where
    #[arg(long)]
    keep: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice demo
  cargo sluice demo --events my-events.ndjson
  cargo sluice demo --opensearch embedded --json
  cargo sluice demo --opensearch https://user:password@search.example --keep

Exit code 1 means that an event is unaccounted for, or that a part could not be started.";

/// Runs the demo.
///
/// # Errors
/// When a part cannot be started, or when an event is unaccounted for.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let choice: Choice = args
        .opensearch
        .parse()
        .map_err(|error: InvalidChoice| Failure::usage(format_args!("--opensearch: {error}")))?;
    let (source, events) = match &args.events {
        Some(path) => (path.display().to_string(), Events::open(path)?),
        None => ("bundled sample".to_owned(), Events::sample()),
    };
    let (binary, opensearch) = or_interrupted(parts(choice.clone())).await?;
    let place = Place::new(choice, &opensearch)?;
    let result = or_interrupted(pipeline(source, events, &binary, &opensearch, &place)).await;
    match result {
        Ok(report) => {
            let printed = print(&report, args.json);
            if args.keep {
                keep(opensearch, &place.index).await?;
            } else {
                clean_up(opensearch, &place.index).await;
            }
            printed?;
            report.verdict()
        }
        Err(failure) => {
            clean_up(opensearch, &place.index).await;
            Err(failure)
        }
    }
}

/// Where this run's documents go; its names are unlike those of any other run.
#[derive(Debug)]
struct Place {
    /// With user and password, if the user gave them.
    url: String,
    index: String,
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
            backup_folder: target.join("sluice/demo/backup").join(run),
        })
    }
}

/// The function's binary and OpenSearch, at the same time: both may take a while, and a URL where
/// nothing answers is told before a build of minutes.
async fn parts(choice: Choice) -> Result<(PathBuf, OpenSearch), Failure> {
    let spinner = Spinner::new();
    let start = async {
        OpenSearch::start(choice, |line| spinner.say(line)).await.map_err(Failure::failed)
    };
    tokio::try_join!(compile(FUNCTION, &spinner), start)
}

/// Everything from the index template to the answers of OpenSearch.
async fn pipeline(
    source: String,
    events: Events,
    binary: &Path,
    opensearch: &OpenSearch,
    place: &Place,
) -> Result<Report, Failure> {
    let client = opensearch.client();
    put_index_template(&client).await?;
    let run = firehose::run(events, binary, place).await?;
    let backup = backup::count(&place.backup_folder).map_err(|error| {
        let folder = place.backup_folder.display();
        Failure::failed(format!("the backup {folder} cannot be read: {error}"))
    })?;
    let answers = questions::ask(&client, &place.index).await.map_err(|error| {
        Failure::failed(format!("OpenSearch at {} cannot be asked: {error}", client.url()))
    })?;
    Ok(Report::new(source, opensearch, place, run, backup, answers))
}

async fn put_index_template(client: &Client) -> Result<(), Failure> {
    client.put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.map_err(|error| {
        Failure::failed(format!(
            "OpenSearch at {} does not take the index template: {error}",
            client.url()
        ))
    })
}

fn print(report: &Report, json: bool) -> Result<(), Failure> {
    if json {
        let mut text = serde_json::to_vec_pretty(report).map_err(Failure::failed)?;
        text.push(b'\n');
        return console::print(&text);
    }
    console::print(format!("\n{report}").as_bytes())
}

/// Leaves the documents where they are, and OpenSearch with them; the embedded one lives in this
/// process, which therefore waits.
async fn keep(opensearch: OpenSearch, index: &str) -> Result<(), Failure> {
    let look = |url: &str| {
        say(format_args!("\nOpenSearch is at {url}. Look at some documents:"));
        say(format_args!("  curl -s '{url}/{index}/_search?size=3&pretty'"));
    };
    match opensearch.keep().await.map_err(Failure::failed)? {
        Kept::Detached { url, stop } => {
            look(&url);
            say(format_args!("Stop it, and remove its data:\n  {stop}"));
        }
        Kept::Elsewhere { url } => {
            look(&url);
            say(format_args!("Remove them:\n  curl -s -X DELETE '{url}/{index}'"));
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
async fn clean_up(opensearch: OpenSearch, index: &str) {
    let client = opensearch.client();
    let cleaned = tokio::time::timeout(CLEANUP, async {
        // A server of ours goes with its data; another one keeps everything but the run's index.
        let deleted = match opensearch.kind() {
            Kind::Url => client.delete_index(index).await,
            _ => Ok(()),
        };
        opensearch.stop().await;
        deleted
    });
    let url = client.url();
    match cleaned.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => say(format_args!("The index {index} is left at {url}: {error}")),
        Err(_) => {
            let seconds = CLEANUP.as_secs();
            say(format_args!(
                "OpenSearch at {url} does not answer: gave up on {index} after {seconds} s"
            ));
        }
    }
}
