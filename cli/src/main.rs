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
#[command(name = "sluice", version, after_help = EXAMPLES, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice demo                                     run the pipelines on this machine
  cargo sluice doctor --stack sluice-dev                check a deployed stack
  cargo sluice inspect sluice-dev-events-dlq            why messages failed
  cargo sluice redrive sluice-dev-events-dlq --canary 10 --yes
  cargo sluice replay s3://BUCKET/processing-failed/    what Firehose left behind

`cargo sluice COMMAND --help` has more.
Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.";

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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// The documents of the project.
    fn documents() -> Vec<PathBuf> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folders = [project.join("docs"), project.join("docs/decisions")];
        let functions = fs::read_dir(project.join("functions")).unwrap();
        let functions = functions.map(|entry| entry.unwrap().path());
        let files = folders.into_iter().chain(functions).flat_map(|folder| {
            fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path())
        });
        let is_text = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
        files.filter(is_text).chain([project.join("README.md")]).collect()
    }

    #[test]
    fn every_command_in_the_documents_is_one() {
        let mut commands = 0;
        for path in documents() {
            let text = fs::read_to_string(&path).unwrap().replace("\\\n", " ");
            for line in text.lines() {
                let line = line.trim_start().trim_start_matches("$ ");
                let Some(arguments) = line.strip_prefix("cargo sluice ") else { continue };
                // A quoted part is one argument.
                let quoted = |(place, part): (usize, &str)| match place % 2 {
                    0 => part.to_owned(),
                    _ => part.replace(' ', "_"),
                };
                let arguments: String = arguments.split('\'').enumerate().map(quoted).collect();
                let arguments = arguments.split(['#', '|']).next().unwrap().split_whitespace();
                let parsed = Cli::try_parse_from(["sluice"].into_iter().chain(arguments));
                assert!(parsed.is_ok(), "{}: {line}\n{}", path.display(), parsed.unwrap_err());
                commands += 1;
            }
        }
        assert!(commands >= 20, "only {commands} commands");
    }
}
