//! The command: `cargo run --release` in this folder.

use std::fs;
use std::path::PathBuf;

use bench::bulk_api::BulkApi;
use bench::consumers::{self, BATCHES};
use bench::functions::{self, Function, Job, OURS};
use bench::instructions::{Committed, Counted, Instructions, SEED};
use bench::logs::{self, Format, INFLATED_BYTES};
use bench::measure::{self, Effort};
use bench::pinned::Cores;
use bench::price::memory_megabytes;
use bench::request::Request;
use bench::valgrind::Valgrind;
use bench::{Error, batch::batch, check, report, shapes};
use clap::{Parser, ValueEnum};
use local::sample::{Size, events_of};

const SHOWN_DIFFERENCES: usize = 10;

const TEMPLATE: &str = include_str!("../../template.yaml");

/// Measures firehose-transform, sqs-consumer and log-metrics side by side with what a user would
/// pick instead.
///
/// Without a part, all are measured. Keep the machine quiet meanwhile: functions run on one core,
/// the stand-in for the Runtime API on another.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to do
    #[arg(value_enum)]
    part: Option<Part>,
    /// Fewer rounds: to see whether it works, not how fast
    #[arg(long)]
    quick: bool,
    /// Only these functions: firehose-transform, naive, hello, python, python-orjson, node,
    /// sqs-consumer, sqs-consumer-plain, naive-consumer, python-consumer, python-orjson-consumer,
    /// log-metrics, python-log-metrics
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The seed of the events
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// How many random payloads the check compares
    #[arg(long, default_value_t = 20_000)]
    random: usize,
    /// With the part `instructions`: commit what was counted as what is to be
    #[arg(long)]
    update: bool,
    /// With the part `instructions`: a folder to keep Callgrind's reports in
    #[arg(long)]
    keep: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Compare the documents of all functions, and exit with 1 if any differ
    Check,
    /// CPU, wall and memory for the requests that matter, and the price on Lambda
    Requests,
    /// Cold start and size
    Cold,
    /// CPU for a byte from five records to 6 MB
    Sweep,
    /// CPU for a byte of hostile payloads
    Hostile,
    /// CPU, memory and allocations of sqs-consumer for batches of SQS
    Batches,
    /// CPU and memory of log-metrics for log events of 60 MB
    Logs,
    /// Instructions of both functions, counted by Valgrind; only where this part is asked for
    Instructions,
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    if arguments.part == Some(Part::Instructions) {
        return instructions(&arguments);
    }
    let cores = Cores::take()?;
    if !cores.are_two() {
        eprintln!("one core only: functions and harness take each other's time");
    }
    let effort = if arguments.quick { Effort::QUICK } else { Effort::FULL };
    let wanted = |part| arguments.part.is_none_or(|only| only == part);
    if wanted(Part::Check) || wanted(Part::Batches) {
        let consumers = functions::find(Job::Consume, &arguments.only)?;
        if !consumers.is_empty() {
            consumer_parts(&consumers, &arguments, cores, effort)?;
        }
    }
    if wanted(Part::Check) || wanted(Part::Logs) {
        let counters = functions::find(Job::Count, &arguments.only)?;
        if !counters.is_empty() {
            counter_parts(&counters, &arguments, cores, effort)?;
        }
    }
    if [Some(Part::Batches), Some(Part::Logs)].contains(&arguments.part) {
        return Ok(());
    }
    let functions = functions::find(Job::Transform, &arguments.only)?;
    if functions.is_empty() {
        return Ok(());
    }
    // A selection of functions may have nothing to compare with.
    if wanted(Part::Check) && (arguments.part.is_some() || arguments.only.is_empty()) {
        let found = check::check(&functions, cores, arguments.seed, arguments.random)?;
        for difference in found.differences.iter().take(SHOWN_DIFFERENCES) {
            eprintln!("{difference}");
        }
        let (answers, differ) = (found.answers, found.differences.len());
        if differ > 0 {
            return Err(format!("{differ} of {answers} answers differ").into());
        }
        println!("{answers} answers are the same, {} of them documents\n", found.documents);
    }
    if wanted(Part::Requests) {
        for request in requests(arguments.seed) {
            let costs = measure::costs(&functions, &request, cores, effort)?;
            println!("{}", report::costs(&request, &costs));
        }
        let memory = memory_megabytes(TEMPLATE, "FirehoseTransformFunction");
        let memory = memory.ok_or("the template does not tell the function's memory")?;
        for request in full_buffers(arguments.seed) {
            let costs = measure::costs(&functions, &request, cores, effort)?;
            println!("{}", report::costs(&request, &costs));
            println!("{}", report::prices(&request, &costs, memory));
        }
    }
    if wanted(Part::Cold) {
        println!("{}", report::starts(&measure::cold_starts(&functions, cores, effort)?));
    }
    // What a byte costs in a script is not the question here.
    let compiled: Vec<_> =
        functions.into_iter().filter(|function| [OURS, "naive"].contains(&function.name)).collect();
    let per_byte = |title, reference: Request, requests: Vec<Request>| {
        let cost = |request: Request| {
            let costs = measure::costs(&compiled, &request, cores, effort)?;
            Ok::<_, Error>((request, costs))
        };
        let reference = cost(reference)?;
        let measured = requests.into_iter().map(cost).collect::<Result<Vec<_>, Error>>()?;
        println!("{}", report::per_byte(title, &reference, &measured));
        Ok::<_, Error>(())
    };
    if wanted(Part::Sweep) {
        let reference = Request::of_events("1 MB", 1_000_000, Size::Small, arguments.seed);
        per_byte("From five records to 6 MB", reference, sweep(arguments.seed))?;
    }
    if wanted(Part::Hostile) {
        per_byte("Hostile payloads", shapes::ordinary(), shapes::hostile())?;
    }
    Ok(())
}

/// What there is to say of those that write to OpenSearch.
fn consumer_parts(
    consumers: &[Function],
    arguments: &Arguments,
    cores: Cores,
    effort: Effort,
) -> Result<(), Error> {
    let batches = BATCHES.map(|messages| batch(messages, arguments.seed));
    if arguments.part != Some(Part::Batches) {
        check_consumers(consumers, &batches, cores)?;
    }
    if arguments.part == Some(Part::Check) {
        return Ok(());
    }
    let opensearch = BulkApi::start()?;
    let consumers = consumers::writing_to(consumers, &opensearch);
    let folder = tempfile::tempdir()?;
    let valgrind = Valgrind::find().inspect_err(|missing| eprintln!("no allocations: {missing}"));
    for batch in &batches {
        let costs = measure::costs(&consumers, batch, cores, effort)?;
        let taken = match &valgrind {
            Ok(valgrind) => consumers::taken(valgrind, &consumers, batch, cores, folder.path())?,
            Err(_) => Vec::new(),
        };
        println!("{}", report::batches(batch, &costs, &taken));
    }
    Ok(())
}

/// What there is to say of those that count.
fn counter_parts(
    counters: &[Function],
    arguments: &Arguments,
    cores: Cores,
    effort: Effort,
) -> Result<(), Error> {
    for format in [Format::Text, Format::Json] {
        let batch = logs::batch(format, INFLATED_BYTES, arguments.seed)?;
        if let Some(difference) = logs::check(counters, &batch, cores)?.first() {
            return Err(difference.as_str().into());
        }
        if arguments.part != Some(Part::Check) {
            let costs = measure::costs(counters, &batch, cores, effort)?;
            println!("{}", report::log_events(&batch, &costs));
        }
    }
    Ok(())
}

fn check_consumers(consumers: &[Function], batches: &[Request], cores: Cores) -> Result<(), Error> {
    let (compared, differences) = consumers::check(consumers, batches, cores)?;
    for difference in differences.iter().take(SHOWN_DIFFERENCES) {
        eprintln!("{difference}");
    }
    if !differences.is_empty() {
        return Err(format!("{} of {compared} written documents differ", differences.len()).into());
    }
    println!("{compared} written documents are the same\n");
    Ok(())
}

fn instructions(arguments: &Arguments) -> Result<(), Error> {
    // As text: `main` would show an error as the code writes it.
    let valgrind = Valgrind::find().map_err(|missing| missing.to_string())?;
    let functions = Counted::build()?;
    let temporary = tempfile::tempdir()?;
    let folder = arguments.keep.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(folder)?;
    let cores = Cores::take()?;
    let counted = Instructions::count(&valgrind, &functions, cores, arguments.seed, folder)?;
    let counted = Committed::here(counted)?;
    print!("{counted}");
    if arguments.update {
        counted.write()?;
    }
    Ok(())
}

/// The requests that matter: as much as an answer can take, and a trickle.
fn requests(seed: u64) -> [Request; 3] {
    [
        Request::of_events("Small events", 4_400_000, Size::Small, seed),
        Request::of_events("Large events", 4_400_000, Size::Large, seed),
        Request::of("Five small events", events_of(Size::Small, seed, 5)),
    ]
}

/// What Firehose sends when the template's buffer is full.
fn full_buffers(seed: u64) -> [Request; 2] {
    [
        ("Small events, the default buffer", Size::Small),
        ("Large events, the default buffer", Size::Large),
    ]
    .map(|(name, size)| Request::of_events(name, 1_000_000, size, seed))
}

fn sweep(seed: u64) -> Vec<Request> {
    let sizes = [
        ("50 kB", 50_000),
        ("200 kB", 200_000),
        ("500 kB", 500_000),
        ("1 MB", 1_000_000),
        ("2 MB", 2_000_000),
        ("4.4 MB", 4_400_000),
        ("6 MB", 6_000_000),
    ];
    let trickle = Request::of("five", events_of(Size::Small, seed, 5));
    let sizes =
        sizes.map(|(name, max_bytes)| Request::of_events(name, max_bytes, Size::Small, seed));
    [trickle].into_iter().chain(sizes).collect()
}
