//! Builds a function for the commands that run it.

use std::path::PathBuf;

use local::binaries;

use crate::failure::Failure;
use crate::progress::Spinner;

/// The binary of `function`, built where that is needed; `spinner` shows what Cargo is at.
///
/// # Errors
/// [`Failure::Failed`] with what Cargo said.
pub(crate) async fn compile(function: &str, spinner: &Spinner) -> Result<PathBuf, Failure> {
    spinner.say(format_args!(
        "Building {function} (the first time takes minutes, later ones seconds)."
    ));
    let built = binaries::build(&[function], |line| spinner.message(line.trim())).await;
    let binary = built.map_err(Failure::failed)?.pop();
    binary.ok_or_else(|| Failure::failed(format_args!("Cargo built no {function}")))
}
