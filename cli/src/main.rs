//! The command line tool `sluice`: the demo, single invocations, the setup of OpenSearch, and
//! operations on queues.

mod aws;
mod compile;
mod console;
mod demo;
mod doctor;
mod error;
mod interrupt;
mod invoke;
mod layout;
mod opensearch;
mod progress;
mod redrive;
mod replay;
mod setup;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CliError;

/// Run the event pipelines on this machine, and operate deployed ones.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, after_help = EXIT_CODES, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Doctor(doctor::Args),
    Inspect(redrive::inspect::Args),
    Invoke(invoke::Args),
    Redrive(redrive::Args),
    Replay(replay::Args),
    Setup(setup::Args),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(args) => Box::pin(demo::run(args)).await,
        Command::Doctor(args) => Box::pin(doctor::run(args)).await,
        Command::Inspect(args) => Box::pin(redrive::inspect::run(args)).await,
        Command::Invoke(args) => invoke::run(args).await,
        Command::Redrive(args) => Box::pin(redrive::run(args)).await,
        Command::Replay(args) => Box::pin(replay::run(args)).await,
        Command::Setup(args) => Box::pin(setup::run(args)).await,
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    if !matches!(error, CliError::OutputClosed) {
        console::log(&error);
    }
    error.exit_code()
}
