//! `sluice invoke`: one event through a function's real binary.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use local::binaries;
use local::runtime_api::{Function, FunctionOptions, InvokeError, Logs, REQUEST_LIMIT_BYTES};
use serde::de::IgnoredAny;

use crate::compile::compile;
use crate::console;
use crate::failure::Failure;
use crate::interrupt::or_interrupted;
use crate::progress::Spinner;

/// Send one event through a function's real binary.
///
/// The answer goes to standard output as the function gave it, the function's logs to standard
/// error. No AWS account is needed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The function: the name of its folder in functions/
    function: String,
    /// A file with the event as JSON; `-` reads it from standard input
    #[arg(value_name = "EVENT.json")]
    event: PathBuf,
    /// An environment variable of the function's; may be given again
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice invoke firehose-transform events/firehose-transform/play-event.json
  cargo sluice invoke firehose-transform event.json --env DROP_ACTIONS=skip --env LOG_LEVEL=debug
  cargo sluice invoke firehose-transform event.json | jq -r '.records[].data' | base64 -d

Exit code 1 means that the function failed, 2 that there is no such function or event.";

/// Builds and runs the function, and prints its answer.
///
/// # Errors
/// [`Failure::Usage`] for an unknown function or a file that is no event, [`Failure::Failed`] with
/// the error that the function answered.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    known(&args.function)?;
    let event = read(&args.event)?;
    or_interrupted(async {
        let [binary] = compile([args.function.as_str()], &Spinner::new()).await?;
        let function = Function::start(FunctionOptions {
            environment: args.env,
            logs: Logs::Inherit,
            ..FunctionOptions::new(&args.function, binary)
        })
        .await
        .map_err(Failure::failed)?;
        let answer = function.invoke(event).await;
        function.stop().await;
        let mut body = answer.map_err(|error| failed(&args.function, &error))?.body.to_vec();
        body.push(b'\n');
        console::print(&body)
    })
    .await
}

/// `NAME=VALUE`, for clap.
fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, such as LOG_LEVEL=debug".to_owned()),
    }
}

fn known(function: &str) -> Result<(), Failure> {
    let functions = binaries::functions().map_err(Failure::failed)?;
    if functions.iter().any(|known| known == function) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "there is no function {function:?}; those that there are: {}",
        functions.join(", ")
    )))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| {
        let path = path.display();
        Failure::usage(match error.kind() {
            io::ErrorKind::NotFound => format!(
                "{path}: there is no such file; the folders in events/ have an event for each situation"
            ),
            io::ErrorKind::IsADirectory => format!("{path}: is a folder, not a file with an event"),
            _ => format!("{path}: cannot be read: {error}"),
        })
    };
    let event = if path == Path::new("-") {
        bounded(io::stdin().lock())
    } else {
        File::open(path).and_then(bounded)
    };
    let event = event.map_err(unreadable)?;
    check(&event).map_err(|problem| Failure::usage(format!("{}: {problem}", path.display())))?;
    Ok(event)
}

/// Reads at most one byte more than Lambda takes.
fn bounded(input: impl Read) -> io::Result<Vec<u8>> {
    let mut event = Vec::new();
    io::copy(&mut input.take(REQUEST_LIMIT_BYTES as u64 + 1), &mut event)?;
    Ok(event)
}

/// Lambda takes JSON only, and not too much of it.
fn check(event: &[u8]) -> Result<(), String> {
    if event.len() > REQUEST_LIMIT_BYTES {
        return Err(format!("is larger than the {REQUEST_LIMIT_BYTES} bytes that Lambda takes"));
    }
    if event.trim_ascii().is_empty() {
        return Err("is empty; an event is one JSON value".to_owned());
    }
    serde_json::from_slice::<IgnoredAny>(event)
        .map(drop)
        .map_err(|error| format!("is not one JSON value: {error}"))
}

fn failed(function: &str, error: &InvokeError) -> Failure {
    Failure::failed(format!("{function} failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{check, variable};
    use local::runtime_api::REQUEST_LIMIT_BYTES;

    #[test]
    fn variables() {
        assert_eq!(variable("A=b"), Ok(("A".to_owned(), "b".to_owned())));
        assert_eq!(variable("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(variable("A="), Ok(("A".to_owned(), String::new())));
        for wrong in ["A", "=b", ""] {
            assert!(
                variable(wrong).is_err_and(|error| error.contains("LOG_LEVEL=debug")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_event_is_one_json_value() {
        assert_eq!(check(b" {\"records\": []}\n"), Ok(()));
        assert_eq!(check(b"\n").unwrap_err(), "is empty; an event is one JSON value");
        let error = check(b"{\"a\":1}\n{}").unwrap_err();
        assert!(error.contains("line 2 column 1"), "{error}");
    }

    #[test]
    fn an_event_has_lambdas_size() {
        let mut event = vec![b' '; REQUEST_LIMIT_BYTES];
        event[0] = b'1';
        assert_eq!(check(&event), Ok(()));
        event.push(b' ');
        assert!(check(&event).is_err_and(|error| error.contains("6291456 bytes")));
    }
}
