//! `sluice invoke`: sends one event to a function's real binary.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use local::binaries;
use local::runtime_api::{Function, FunctionOptions, Logs, REQUEST_LIMIT_BYTES};
use serde::de::IgnoredAny;

use crate::compile::compile;
use crate::console;
use crate::error::CliError;
use crate::interrupt::or_interrupted;
use crate::progress::Spinner;

/// Send one event to a function's real binary.
///
/// The function's answer is printed on standard output, its logs on standard error. No AWS account
/// is needed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The function: the name of its folder in functions/
    function: String,
    /// A file with the event as JSON; `-` reads it from standard input
    #[arg(value_name = "EVENT.json")]
    event: PathBuf,
    /// An environment variable of the function; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice invoke firehose-transform events/firehose-transform/play-event.json
  cargo sluice invoke firehose-transform event.json --env DROP_ACTIONS=skip --env LOG_LEVEL=debug
  cargo sluice invoke firehose-transform event.json | jq -r '.records[].data' | base64 -d

Exit codes: 0 done, 1 the function failed, 2 the function or the event does not exist.";

/// Builds and runs the function, and prints its answer.
///
/// # Errors
/// [`CliError::Usage`] for an unknown function or an invalid event, [`CliError::Failed`] with the
/// function's error.
pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let Args { function: name, event, env } = args;
    check_name(&name)?;
    let event = read(&event)?;
    or_interrupted(async {
        let [binary] = compile([name.as_str()], &Spinner::new()).await?;
        let options = FunctionOptions {
            environment: env,
            logs: Logs::Inherit,
            ..FunctionOptions::new(&name, binary)
        };
        let function = Function::start(options).await.map_err(CliError::failed)?;
        let answer = function.invoke(event).await;
        function.stop().await;
        let answer =
            answer.map_err(|error| CliError::failed(format_args!("{name} failed: {error}")))?;
        console::print_json(&String::from_utf8_lossy(&answer.body))
    })
    .await
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, such as LOG_LEVEL=debug".to_owned()),
    }
}

fn check_name(function: &str) -> Result<(), CliError> {
    let functions = binaries::functions().map_err(CliError::failed)?;
    if functions.iter().any(|known| known == function) {
        return Ok(());
    }
    let functions = functions.join(", ");
    Err(CliError::usage(format_args!("unknown function {function:?}; known: {functions}")))
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let event = if path == Path::new("-") {
        bounded(io::stdin().lock())
    } else {
        File::open(path).and_then(bounded)
    };
    let event = event.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            "the file does not exist; events/ has an event for each situation".to_owned()
        }
        io::ErrorKind::IsADirectory => "is a folder, not a file with an event".to_owned(),
        _ => format!("failed to read the file: {error}"),
    });
    let checked = event.and_then(|event| check(&event).map(|()| event));
    checked.map_err(|problem| CliError::usage(format_args!("{}: {problem}", path.display())))
}

/// Reads at most one byte more than Lambda accepts.
fn bounded(input: impl Read) -> io::Result<Vec<u8>> {
    let mut event = Vec::new();
    io::copy(&mut input.take(REQUEST_LIMIT_BYTES as u64 + 1), &mut event)?;
    Ok(event)
}

fn check(event: &[u8]) -> Result<(), String> {
    if event.len() > REQUEST_LIMIT_BYTES {
        return Err(format!("is larger than {REQUEST_LIMIT_BYTES} bytes, the limit of Lambda"));
    }
    if event.trim_ascii().is_empty() {
        return Err("is empty; an event is one JSON value".to_owned());
    }
    serde_json::from_slice::<IgnoredAny>(event)
        .map(drop)
        .map_err(|error| format!("is not one JSON value: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables() {
        for (text, name, value) in [("A=b", "A", "b"), ("A=b=c", "A", "b=c"), ("A=", "A", "")] {
            assert_eq!(variable(text), Ok((name.to_owned(), value.to_owned())));
        }
        for text in ["A", "=b", ""] {
            assert!(variable(text).unwrap_err().contains("LOG_LEVEL=debug"), "{text}");
        }
    }

    #[test]
    fn an_event_is_one_json_value_within_lambdas_limit() {
        assert_eq!(check(b" {\"records\": []}\n"), Ok(()));
        assert_eq!(check(b"\n").unwrap_err(), "is empty; an event is one JSON value");
        assert!(check(b"{\"a\":1}\n{}").unwrap_err().contains("line 2 column 1"));
        let mut event = vec![b' '; REQUEST_LIMIT_BYTES];
        event[0] = b'1';
        assert_eq!(check(&event), Ok(()));
        event.push(b' ');
        assert!(check(&event).unwrap_err().contains("6291456 bytes"));
    }
}
