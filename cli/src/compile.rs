//! Builds a function for the commands that run it.

use std::path::PathBuf;

use local::binaries;

use crate::console::{Progress, say};
use crate::failure::Failure;

/// The binary of `function`, built where that is needed.
///
/// # Errors
/// [`Failure::Failed`] with what Cargo said.
pub(crate) async fn compile(function: &str) -> Result<PathBuf, Failure> {
    say(format_args!("Building {function} (the first time takes minutes, later ones seconds)."));
    let progress = Progress::spinner();
    let built = binaries::build(&[function], |line| progress.message(line.trim())).await;
    progress.end();
    let binary = built.map_err(Failure::failed)?.pop();
    binary.ok_or_else(|| Failure::failed(format_args!("Cargo built no {function}")))
}
