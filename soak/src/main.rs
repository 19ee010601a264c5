#![doc = include_str!("../../docs/soak.md")]

mod books;
mod crew;
mod disturbance;
mod growth;
mod message;
mod plan;
mod producers;
mod report;
mod settling;
mod watchers;
mod world;

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use local::service::{Choice, InvalidChoice};
use local::signal::interrupted;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crew::Crew;
use disturbance::Disturbances;
use growth::Sample;
use plan::Step;
use producers::{Run, or_stopped};
use report::Report;
use world::{Servers, World};

/// Why a run has no result.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Send messages through every pipeline while every part fails, and close the books.
///
/// Ctrl-C ends the sending; the books are closed for what was sent. Exit code 1 means that they do not
/// close, that a function's memory or file descriptors grow, or that a part failed.
#[derive(Debug, Parser)]
#[command(name = "soak")]
struct Args {
    /// How long messages are sent
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// The same in seconds
    #[arg(long, conflicts_with = "minutes")]
    seconds: Option<u64>,
    /// Number of messages: records, messages, events in objects and readings
    #[arg(long, default_value_t = 200_000)]
    messages: u64,
    /// Decides everything that is random: the messages, what fails, and when [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// `auto` starts a real one where this machine can run it, otherwise the embedded one; `embedded`;
    /// `real`
    #[arg(long, default_value = "auto", value_parser = choice)]
    opensearch: Choice,
    /// As --opensearch
    #[arg(long, default_value = "auto", value_parser = choice)]
    sqs: Choice,
    /// The time series store, as --opensearch
    #[arg(long, default_value = "auto", value_parser = choice)]
    store: Choice,
}

fn choice(text: &str) -> Result<Choice, InvalidChoice> {
    text.parse().and_then(|choice| match choice {
        // A server that is not started here would keep the data of the soak.
        Choice::Url(_) => Err(InvalidChoice),
        choice => Ok(choice),
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Box::pin(soak(Args::parse())).await {
        Ok(report) => {
            let written = writeln!(io::stdout(), "{report}");
            let is_well = report.discrepancies.is_empty() && written.is_ok();
            if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            log(format_args!("The soak failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a line to standard error. A failed write does not stop the soak.
fn log(line: impl Display) {
    let _closed = writeln!(io::stderr(), "{line}");
}

async fn soak(args: Args) -> Result<Report, Failure> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    let length = Duration::from_secs(args.seconds.unwrap_or(args.minutes * 60));
    log(format_args!("Seed {seed}, {} messages in {} s.", args.messages, length.as_secs()));
    let Args { opensearch, sqs, store, messages, .. } = args;
    let world = World::start(Servers { opensearch, sqs, store }, seed, length).await?;
    // One stops the producers, the other everything else that runs while they send.
    let (stop_sending, stop) = watch::channel(false);
    let run = Run {
        world: &world,
        seed,
        length,
        messages,
        books: RefCell::default(),
        readings: RefCell::default(),
        stop,
    };
    let result = drive(&run, &stop_sending).await;
    let servers =
        [world.opensearch.description(), world.sqs.description(), world.store.description()];
    world.stop().await;
    let mut report = result?;
    report.servers = servers;
    Ok(report)
}

/// Runs everything until the messages are sent, and compares.
async fn drive(run: &Run<'_>, stop_sending: &watch::Sender<bool>) -> Result<Report, Failure> {
    let Run { world, seed, length, .. } = *run;
    let steps = plan::plan(seed, length, world.crews.len());
    // Concurrently, so that a redrive may be killed, too.
    let (repairs, harms): (Vec<_>, Vec<_>) =
        steps.into_iter().partition(|(_, step)| matches!(step, Step::Redrive | Step::Replay));
    let (stop_all, stop) = watch::channel(false);
    let (done, samples) = (Disturbances::default(), RefCell::default());
    let started = Instant::now();
    let sending = async {
        tokio::select! {
            sent = run.produce() => sent?,
            () = interrupted() => {
                log("Interrupted: closing the books of what was sent.");
                stop_sending.send_replace(true);
            }
        }
        stop_all.send_replace(true);
        Ok::<_, Failure>(started.elapsed())
    };
    let (sent_for, (), (), watched, ()) = tokio::try_join!(
        sending,
        disturbance::carry_out(&harms, run, &done, &stop),
        disturbance::carry_out(&repairs, run, &done, &stop),
        watchers::invoke(world.watchers(), seed, plan::unit(length) / 20, &stop),
        observe(run, &done, &samples, started, &stop),
    )?;
    settling::settle(run, &done).await?;
    let delivery = world.delivery.report();
    let readings = run.readings.borrow().len();
    let found = settling::find(run).await?;
    let closed = run.books.borrow().close(&found);
    let (windows, wrong_windows) = settling::compare_windows(run).await?;
    let growth = growth::compare(&samples.borrow(), sent_for);
    let mut discrepancies = closed.discrepancies.clone();
    discrepancies.extend(wrong_windows);
    for growth in &growth {
        discrepancies.extend(growth.discrepancies());
    }
    // In a short run all timeouts are short, and a busy machine may exceed them.
    if length >= growth::LEAST_LENGTH {
        discrepancies.extend(world.crews.iter().flat_map(Crew::endings));
    }
    if delivery.unaccounted() != 0 || delivery.unwritten > 0 {
        discrepancies.push(format!("Firehose has lost count: {delivery:?}"));
    }
    Ok(Report {
        seed,
        sent_for,
        took: started.elapsed(),
        servers: Default::default(),
        readings,
        closed,
        windows,
        done,
        watched,
        growth,
        discrepancies,
    })
}

/// Takes samples of the processes, and logs a line every minute.
async fn observe(
    run: &Run<'_>,
    done: &Disturbances,
    samples: &RefCell<Vec<Sample>>,
    started: Instant,
    stop: &watch::Receiver<bool>,
) -> Result<(), Failure> {
    let mut stop = stop.clone();
    let mut ticks = interval((run.length / 360).max(Duration::from_millis(100)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut minutes = 0;
    while or_stopped(async { _ = ticks.tick().await }, &mut stop).await {
        let at = started.elapsed();
        samples.borrow_mut().extend(growth::sample(at));
        if at.as_secs() / 60 > minutes {
            minutes = at.as_secs() / 60;
            progress(run, done, minutes).await?;
        }
    }
    Ok(())
}

async fn progress(run: &Run<'_>, done: &Disturbances, minutes: u64) -> Result<(), Failure> {
    let queues = &run.world.queues;
    let count = async |queue| queues.client.message_count(queue).await;
    let waiting = count(&queues.main).await? + count(&queues.objects).await?;
    let dead = count(&queues.main_dead).await? + count(&queues.objects_dead).await?;
    let sent = run.books.borrow().sent() + run.readings.borrow().len();
    log(format_args!(
        "{minutes} min: {sent} sent; in flight {} in Firehose, {waiting} in queues, {} in the stream; \
         {dead} dead, {} redriven; {} faults, {} kills",
        run.world.delivery.report().in_flight,
        run.world.readings_mapping.report().in_hand,
        done.redriven.get(),
        done.faults.get(),
        done.kills.get(),
    ));
    Ok(())
}
