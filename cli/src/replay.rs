//! `sluice replay`: the engine of the function `object-loader` on this machine.

mod ledger;
mod objects;
mod plan;
mod report;
mod run;
mod selection;
mod send;
mod source;
mod target;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::ValueEnum;
use dlq_redrive::schedule::Pace;
use object_loader::{Engine, Failures, Reading, S3Objects};
use serde::Serialize;
use serde_json::json;
use shared::config::Environment;
use shared::opensearch::OpenSearch;
use shared::s3::S3;
use shared::sqs::hex_digest;

use crate::aws::{self, Account};
use crate::console::log;
use crate::error::CliError;
use crate::interrupt::until_interrupted;
use crate::progress::Progress;
use ledger::Ledger;
use objects::{Port, RefusedFile};
use plan::Plan;
use report::Report;
use run::{Run, Tally};
use selection::Selection;
use send::{Call, Requests};
use source::{Object, Source};
use target::Target;

/// The folder of ledgers without `--ledger`.
const FOLDER: &str = ".sluice/replay";

/// How the name of a ledger ends.
const LEDGER_EXTENSION: &str = "jsonl";

/// The extension of a file of refused records, which contains failures.
const REFUSED_EXTENSION: &str = "refused.jsonl";

/// Replay what failed, or any objects: from S3, a file or a folder.
///
/// Without --yes nothing is sent: the report shows what would be sent. Started again with the same
/// options it goes on where it ended.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", aws::HELP))]
pub(crate) struct Args {
    /// `s3://BUCKET/PREFIX`, a file or a folder
    source: String,
    /// Send it; without it nothing is sent
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    selection: Selection,
    /// Maximum number of records to send in a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// The file that says how far objects are replayed
    /// [default: one for each source and target in .sluice/replay]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    account: Account,
}

/// The options that say where to.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Where to")]
struct Destination {
    /// OpenSearch; load requests for object-loader; messages of a queue; or records of a stream
    /// [default: opensearch]
    #[arg(long, value_enum, hide_default_value = true)]
    to: Option<To>,
    /// The OpenSearch, instead of `OPENSEARCH_ENDPOINT`: http[s]://[user:password@]host
    #[arg(long, value_name = "URL")]
    opensearch: Option<String>,
    /// The indices of events, instead of INDEX. Documents go to the index that rejected them
    #[arg(long, value_name = "PATTERN")]
    index: Option<String>,
    /// The queue of --to queue and --to loader: its URL, ARN or name
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// The Kinesis stream of --to stream: its name or ARN
    #[arg(long, value_name = "NAME", conflicts_with = "delivery_stream")]
    stream: Option<String>,
    /// The delivery stream of --to stream, one with direct PUT: its name
    #[arg(long, value_name = "NAME")]
    delivery_stream: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum To {
    #[value(name = "opensearch")]
    OpenSearch,
    Loader,
    Queue,
    Stream,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice replay s3://backup/processing-failed/ --opensearch URL         show what would be sent
  cargo sluice replay s3://backup/processing-failed/ --opensearch URL --yes
  cargo sluice replay backup/ --reason timeout --from 2024-03-01T12:00:00Z --opensearch URL --yes
  cargo sluice replay s3://backup/processing-failed/ --to stream --delivery-stream events --yes
  cargo sluice replay s3://backup/processing-failed/ --to queue --queue events --rate 50 --yes
  cargo sluice replay s3://backup/object-loader-failed/ --to loader --queue objects --yes

OpenSearch, the mapping and the index are set as for object-loader, by OPENSEARCH_ENDPOINT,
OPENSEARCH_AUTH, MAPPING, DOCUMENT_ID, INDEX and its other variables. Ctrl-C stops it in order, and
the same command goes on.
Exit codes: 0 all is replayed, 1 something failed or is left, 2 wrong use.";

/// Replays, or reports what would be replayed.
///
/// # Errors
/// [`CliError::Usage`] for invalid options, [`CliError::Failed`] if something failed or remains.
pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let environment = Environment::of_this_process();
    let source = Source::parse(&args.source)?;
    let target = Target::new(&args.destination, &source, (&args.account, &environment)).await?;
    let reading = Reading::from_environment(&environment).map_err(CliError::usage)?;
    let replay = json!({
        "source": source.name(), "target": target.to_string(), "selection": args.selection,
    });
    let default = || Path::new(FOLDER).join(&hex_digest(replay.to_string())[..32]);
    let path = args.ledger.clone().unwrap_or_else(|| default().with_extension(LEDGER_EXTENSION));
    let ledger = Ledger::read(&path, &replay)?;
    let s3 = match source {
        Source::Bucket { .. } => {
            let aws = aws::access(&args.account, &environment, &[S3], None).await?;
            Some(S3Objects::new(aws))
        }
        Source::Files(_) => None,
    };
    let refused = Rc::new(RefusedFile(refused_file(&path)));
    let port = Port::new(s3, Rc::clone(&refused));
    let own = [&path, &refused.0].map(|file| fs::canonicalize(file).unwrap_or_default());
    let objects = source.list(port.s3(), &own).await?;
    let (source, ledger_path) = (source.name(), path.display().to_string());
    if !args.yes {
        let mut plan = Plan {
            dry_run: true,
            source,
            target: target.to_string(),
            ledger: ledger_path,
            takes: target.takes(),
            ..Plan::default()
        };
        look(&mut plan, (&objects, &ledger), (&args.selection, &target), (&port, &reading)).await;
        plan.print(args.json)?;
        log("Dry run: nothing was sent. --yes sends it.");
        return Ok(());
    }

    let writer = ledger.write(&path, &replay)?;
    refused.cut(ledger.refused_bytes).map_err(CliError::failed)?;
    let (progress, is_stopped) = (RefCell::new(Progress::new("bytes")), Cell::new(false));
    let mut run = Run {
        writer,
        refused: Rc::clone(&refused),
        progress: &progress,
        pace: Pace::new(args.rate),
        is_stopped: &is_stopped,
        bytes: objects.iter().map(|object| object.bytes).sum(),
        bytes_before: 0,
        tally: Tally { objects: objects.len() as u64, ..Tally::default() },
        refused_of_object: BTreeMap::new(),
    };
    let name = target.to_string();
    let work = replay_all(&mut run, (&objects, &ledger), &args, target, (port, reading));
    let stop = || {
        is_stopped.set(true);
        progress
            .borrow()
            .log("Stopping: what is under way is finished. Press Ctrl-C again to stop at once.");
    };
    let at_once = "stopped at once: run the same command again to go on";
    let (ended, _) = until_interrupted(work, stop, at_once).await?;
    let stopped = match ended {
        Ok(ControlFlow::Continue(())) => None,
        Ok(ControlFlow::Break(())) => Some("stopped".to_owned()),
        Err(error) => Some(error.message().to_owned()),
    };
    let refused_file = (refused.bytes() > 0).then(|| refused.0.display().to_string());
    let report = Report {
        dry_run: false,
        source,
        target: name,
        ledger: ledger_path,
        refused_file,
        complete: stopped.is_none() && run.tally.left.is_empty() && run.tally.refused.is_empty(),
        tally: std::mem::take(&mut run.tally),
    };
    drop(run);
    report.print(args.json, stopped)
}

/// The file of refused records of a ledger, which no other ledger has.
fn refused_file(ledger: &Path) -> PathBuf {
    let is_default = ledger.extension().is_some_and(|extension| extension == LEDGER_EXTENSION);
    let stem = if is_default { ledger.with_extension("") } else { ledger.to_owned() };
    let mut file = stem.into_os_string();
    file.push(format!(".{REFUSED_EXTENSION}"));
    file.into()
}

/// Reads the records that would be sent.
async fn look(
    plan: &mut Plan,
    (objects, ledger): (&[Object], &Ledger),
    (selection, target): (&Selection, &Target),
    (port, reading): (&Port, &Reading),
) {
    let only_failures = target.only_failures() || selection.is_selective();
    for object in objects {
        plan.objects += 1;
        let Some(until) = ledger.next(object) else {
            plan.finished_before += 1;
            continue;
        };
        let request = selection.request(object, until);
        plan.add(port, reading, object, (&request, only_failures)).await;
    }
}

/// Replays all objects that are not finished. Returns `false` if it was stopped.
async fn replay_all(
    run: &mut Run<'_>,
    (objects, ledger): (&[Object], &Ledger),
    args: &Args,
    target: Target,
    (port, reading): (Port, Reading),
) -> Result<ControlFlow<()>, CliError> {
    let only_failures = target.only_failures() || args.selection.is_selective();
    let mut to = match target {
        Target::OpenSearch { settings, aws, mut writing, .. } => {
            // A stretch has at most the records that the rate allows in a second.
            let limit = args.rate.and_then(|rate| usize::try_from(rate).ok());
            let documents = writing.limits.documents;
            writing.limits.documents = limit.map_or(documents, |limit| limit.min(documents));
            let search = OpenSearch::new(*settings, aws, writing.gzip);
            let failures = Failures { bucket: String::new(), prefix: String::new() };
            Way::Engine(Engine::new((search, port), (reading, *writing), failures))
        }
        Target::Loader(sender) => Way::Requests(Requests::new(sender)),
        Target::Records(sender) => Way::Records(Call::new(sender, args.rate), port, reading),
    };
    for object in objects {
        run.begin(ledger.refused(object));
        let Some(until) = ledger.next(object) else {
            run.tally.finished_before += 1;
            run.bytes_before += object.bytes;
            continue;
        };
        let request = args.selection.request(object, until);
        if only_failures && !request.holds_failures() {
            run.tally.without_failures += 1;
            run.bytes_before += object.bytes;
            continue;
        }
        let flow = match &mut to {
            Way::Engine(engine) => run.load(engine, object, &request).await?,
            Way::Requests(requests) => requests.add(run, object, &request).await?,
            Way::Records(call, port, reading) => {
                call.object(run, (port, reading), object, &request).await?
            }
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    match to {
        Way::Requests(mut requests) => requests.flush(run).await,
        Way::Engine(_) | Way::Records(..) => Ok(ControlFlow::Continue(())),
    }
}

/// How objects are replayed.
#[expect(clippy::large_enum_variant, reason = "there is one")]
enum Way<'a> {
    Engine(Engine<OpenSearch, Port>),
    Requests(Requests<'a>),
    Records(Call, Port, Reading),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ledger_has_a_file_of_refused_records() {
        for (ledger, file) in [
            (".sluice/replay/0a.jsonl", ".sluice/replay/0a.refused.jsonl"),
            ("replay.2024-03-01", "replay.2024-03-01.refused.jsonl"),
            ("replay.2024-03-02", "replay.2024-03-02.refused.jsonl"),
            ("ledger", "ledger.refused.jsonl"),
        ] {
            assert_eq!(refused_file(Path::new(ledger)), Path::new(file), "{ledger}");
        }
    }
}
