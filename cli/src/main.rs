//! The command `sluice`: the demo, single invocations, and the set-up of OpenSearch.

mod compile;
mod console;
mod demo;
mod failure;
mod interrupt;
mod invoke;
mod progress;
mod setup;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Event pipelines on AWS Lambda that lose nothing, on this machine.
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
    Invoke(invoke::Args),
    Setup(setup::Args),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(args) => Box::pin(demo::run(args)).await,
        Command::Invoke(args) => invoke::run(args).await,
        Command::Setup(args) => setup::run(args).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match &failure {
                Failure::OutputClosed => {}
                Failure::Interrupted => console::say("interrupted: everything started is stopped"),
                failure => console::say(format_args!("error: {failure}")),
            }
            failure.exit_code()
        }
    }
}
