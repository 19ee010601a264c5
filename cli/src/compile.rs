//! Builds functions for the commands that run them.

use std::path::PathBuf;

use local::binaries;

use crate::failure::Failure;
use crate::progress::Spinner;

/// The binaries of these functions, built where that is needed; `spinner` shows what Cargo is at.
///
/// # Errors
/// [`Failure::Failed`] with what Cargo said.
pub(crate) async fn compile<const N: usize>(
    functions: [&str; N],
    spinner: &Spinner,
) -> Result<[PathBuf; N], Failure> {
    let names = functions.join(" and ");
    spinner
        .say(format_args!("Building {names} (the first time takes minutes, later ones seconds)."));
    let built = binaries::build(&functions, |line| spinner.message(line.trim())).await;
    let binaries = built.map_err(Failure::failed)?.try_into();
    binaries.map_err(|_| Failure::failed(format_args!("Cargo did not build {names}")))
}
