//! The command that `cargo run --release` runs in this folder.

use std::fs;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use local::sample::{Size, events_of};

use crate::accounts;
use crate::bulk_api::{BulkApi, Keeps};
use crate::functions::{self, Function, Job, LOADER, OURS, POINTS};
use crate::logs::{self, Format, INFLATED_BYTES};
use crate::measure::{self, Cost, Effort};
use crate::objects::{OBJECT_BYTES, Objects};
use crate::pinned::Cores;
use crate::price::memory_megabytes;
use crate::request::batch;
use crate::runtime_api::Invocation;
use crate::sensors::{self, Points};
use crate::{Error, Figures, Request, SEED, Valgrind, check, gigabyte, report, shapes};

const TEMPLATE: &str = include_str!("../../template.yaml");

/// Measures firehose-transform, sqs-consumer, object-loader, log-metrics and sensor-points side by side with
/// what a user would pick instead.
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
    #[arg(long, value_delimiter = ',', help = format!("Only these functions: {}", functions::names()))]
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
    /// CPU and memory of object-loader for an object of 200 MB, plain and in gzip
    Objects,
    /// Whether object-loader loads 1 GB in 100 MB of memory, each record once, though it is killed;
    /// exits with 1 if not, and only where this part is asked for
    Gigabyte,
    /// CPU and memory of log-metrics for log events of 60 MB
    Logs,
    /// CPU and memory of idle-resources, parking and rightsizing for accounts of 1,000 resources
    Accounts,
    /// CPU and memory of sensor-points for 1,000 records, and how long readings take from put to stored
    Sensors,
    /// Instructions of both functions, counted by Valgrind; only where this part is asked for
    Instructions,
}

/// Parses the command line and runs the parts.
///
/// # Errors
/// If functions do not produce the same documents, if one fails, or if something required is
/// missing.
pub fn run() -> Result<(), Error> {
    let arguments = Arguments::parse();
    if arguments.part == Some(Part::Instructions) {
        return instructions(&arguments);
    }
    let cores = Cores::take()?;
    if !cores.are_two() {
        eprintln!("one core only: functions and harness take each other's time");
    }
    if arguments.part == Some(Part::Gigabyte) {
        let loaders = functions::find(Job::Load, &[LOADER.to_owned()])?;
        let loader = loaders.first().ok_or("object-loader is missing")?;
        return gigabyte::run(loader, cores, arguments.seed);
    }
    let effort = if arguments.quick { Effort::QUICK } else { Effort::FULL };
    let session = Session { arguments, cores, effort };
    if session.wants(Part::Check) || session.wants(Part::Batches) {
        session.consumers()?;
    }
    if session.wants(Part::Check) || session.wants(Part::Objects) {
        session.loaders()?;
    }
    if session.wants(Part::Check) || session.wants(Part::Logs) {
        session.counters()?;
    }
    if session.wants(Part::Check) || session.wants(Part::Sensors) {
        session.writers()?;
    }
    if session.wants(Part::Accounts) {
        accounts::run(&session.find(Job::Save)?, cores, effort.objects)?;
    }
    let others = [Part::Accounts, Part::Batches, Part::Objects, Part::Logs, Part::Sensors];
    let others = others.map(Some);
    if !others.contains(&session.arguments.part) {
        session.transformers()?;
    }
    Ok(())
}

fn instructions(arguments: &Arguments) -> Result<(), Error> {
    let temporary = tempfile::tempdir()?;
    let folder = arguments.keep.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(folder)?;
    let figures = Figures::count(&Valgrind::find(folder)?, arguments.seed)?;
    print!("{figures}");
    if arguments.update { figures.commit() } else { Ok(()) }
}

/// The arguments, with the cores and the number of repetitions.
struct Session {
    arguments: Arguments,
    cores: Cores,
    effort: Effort,
}

impl Session {
    fn wants(&self, part: Part) -> bool {
        self.arguments.part.is_none_or(|only| only == part)
    }

    fn find(&self, job: Job) -> Result<Vec<Function>, Error> {
        functions::find(job, &self.arguments.only)
    }

    fn costs(&self, functions: &[Function], request: &Request) -> Result<Vec<Cost>, Error> {
        measure::costs(functions, request, self.cores, self.effort)
    }

    /// Measures the functions that write to OpenSearch.
    fn consumers(&self) -> Result<(), Error> {
        let consumers = self.find(Job::Consume)?;
        if consumers.is_empty() {
            return Ok(());
        }
        // The fixed cost of a batch, a typical batch, and the maximum of the event source mapping.
        let batches = [10, 1_000, 10_000].map(|messages| batch(messages, self.arguments.seed));
        if self.wants(Part::Check) {
            let found = check::consumers(&consumers, "naive-consumer", &batches, self.cores)?;
            found.report("written documents")?;
        }
        if !self.wants(Part::Batches) {
            return Ok(());
        }
        let opensearch = BulkApi::start(Keeps::Nothing)?;
        let consumers: Vec<_> = consumers.iter().map(|it| opensearch.written_by(it)).collect();
        let folder = tempfile::tempdir()?;
        let valgrind = Valgrind::find(folder.path())
            .inspect_err(|missing| eprintln!("no allocations: {missing}"))
            .ok();
        for batch in &batches {
            let mut costs = self.costs(&consumers, batch)?;
            let invocation = Invocation::new(&batch.body)?;
            // Scripts have their own heap.
            for cost in costs.iter_mut().filter(|cost| !cost.function.is_script()) {
                let heap = valgrind
                    .as_ref()
                    .map(|it| it.heap_of_one(&cost.function, self.cores, &invocation));
                cost.heap = heap.transpose()?;
            }
            println!("{}", report::batches(batch, &costs));
        }
        Ok(())
    }

    /// Measures the functions that load objects.
    fn loaders(&self) -> Result<(), Error> {
        let Arguments { part, only, seed, .. } = &self.arguments;
        let loaders = self.find(Job::Load)?;
        if loaders.is_empty() {
            return Ok(());
        }
        let objects = Objects::start()?;
        // If functions are selected, there may be none to compare with.
        if *part == Some(Part::Check) || only.is_empty() {
            objects.check(&loaders, *seed, self.cores)?.report("documents of objects")?;
        }
        if self.wants(Part::Objects) {
            for request in objects.put(OBJECT_BYTES, *seed)? {
                let costs = objects.costs(&loaders, &request, self.cores, self.effort.objects)?;
                println!("{}", report::objects(&request, &costs));
            }
        }
        Ok(())
    }

    /// Measures the functions that count log events.
    fn counters(&self) -> Result<(), Error> {
        let counters = self.find(Job::Count)?;
        if counters.is_empty() {
            return Ok(());
        }
        for format in [Format::Text, Format::Json] {
            let batch = logs::batch(format, INFLATED_BYTES, self.arguments.seed)?;
            logs::check(&counters, &batch, self.cores)?;
            if self.wants(Part::Logs) {
                println!("{}", report::log_events(&batch, &self.costs(&counters, &batch)?));
            }
        }
        Ok(())
    }

    /// Measures the functions that write points.
    fn writers(&self) -> Result<(), Error> {
        let writers = self.find(Job::Write)?;
        if writers.is_empty() {
            return Ok(());
        }
        let points = Points::start()?;
        let writers: Vec<_> = writers.iter().map(|it| points.written_by(it)).collect();
        let batch = sensors::batch(self.arguments.seed)?;
        points.check(&writers, &batch, self.cores)?;
        if !self.wants(Part::Sensors) {
            return Ok(());
        }
        println!("{}", report::points(&batch, &self.costs(&writers, &batch)?));
        if let Some(writer) = writers.iter().find(|it| it.name == POINTS) {
            for readings_per_second in [1_000, 10_000] {
                let seconds = self.effort.latency_seconds;
                println!("{}", sensors::latency(writer, readings_per_second, seconds)?);
            }
        }
        Ok(())
    }

    /// Measures the functions that answer Firehose.
    fn transformers(&self) -> Result<(), Error> {
        let Arguments { part, only, seed, random, .. } = &self.arguments;
        let functions = self.find(Job::Transform)?;
        if functions.is_empty() {
            return Ok(());
        }
        // If functions are selected, there may be none to compare with.
        if self.wants(Part::Check) && (part.is_some() || only.is_empty()) {
            check::transformers(&functions, self.cores, *seed, *random)?.report("answers")?;
        }
        if self.wants(Part::Requests) {
            // The maximum for an answer, and a few records.
            for request in [
                Request::of_events("Small events", 4_400_000, Size::Small, *seed),
                Request::of_events("Large events", 4_400_000, Size::Large, *seed),
                Request::of("Five small events", events_of(Size::Small, *seed, 5)),
            ] {
                println!("{}", report::costs(&request, &self.costs(&functions, &request)?));
            }
            let memory = memory_megabytes(TEMPLATE, "FirehoseTransformFunction");
            let memory = memory.ok_or("the template lacks the function's memory")?;
            // The request that Firehose sends when the template's buffer is full.
            for (events, size) in [("Small", Size::Small), ("Large", Size::Large)] {
                let name = format!("{events} events, the default buffer");
                let request = Request::of_events(name, 1_000_000, size, *seed);
                let costs = self.costs(&functions, &request)?;
                println!("{}", report::costs(&request, &costs));
                println!("{}", report::prices(&request, &costs, memory));
            }
        }
        if self.wants(Part::Cold) {
            let starts = measure::cold_starts(&functions, self.cores, self.effort)?;
            println!("{}", report::starts(&starts));
        }
        if self.wants(Part::Sweep) {
            let of_bytes = |bytes: u32| {
                let name = match bytes {
                    ..1_000_000 => format!("{} kB", bytes / 1_000),
                    _ => format!("{} MB", f64::from(bytes) / 1e6),
                };
                Request::of_events(name, bytes as usize, Size::Small, *seed)
            };
            let trickle = Request::of("five", events_of(Size::Small, *seed, 5));
            let kilobytes = [50, 200, 500, 1_000, 2_000, 4_400, 6_000];
            let sizes = kilobytes.map(|kilobytes| of_bytes(kilobytes * 1_000));
            let requests = [trickle].into_iter().chain(sizes).collect();
            let title = "From five records to 6 MB";
            self.per_byte(&functions, title, of_bytes(1_000_000), requests)?;
        }
        if self.wants(Part::Hostile) {
            let reference = shapes::ordinary();
            self.per_byte(&functions, "Hostile payloads", reference, shapes::hostile())?;
        }
        Ok(())
    }

    fn per_byte(
        &self,
        functions: &[Function],
        title: &str,
        reference: Request,
        requests: Vec<Request>,
    ) -> Result<(), Error> {
        // The cost per byte in a script is not relevant here.
        let compiled = functions.iter().filter(|it| [OURS, "naive"].contains(&it.name));
        let compiled: Vec<_> = compiled.cloned().collect();
        let cost = |request: Request| {
            let costs = self.costs(&compiled, &request)?;
            Ok::<_, Error>((request, costs))
        };
        let reference = cost(reference)?;
        let measured = requests.into_iter().map(cost).collect::<Result<Vec<_>, _>>()?;
        println!("{}", report::per_byte(title, &reference, &measured));
        Ok(())
    }
}
