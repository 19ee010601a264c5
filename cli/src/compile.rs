//! Builds the binaries of functions.

use std::path::PathBuf;

use local::binaries;

use crate::error::CliError;
use crate::progress::Spinner;

/// Builds those of these functions that are not built yet, and returns the paths of their binaries.
/// `spinner` shows Cargo's output.
///
/// # Errors
/// [`CliError::Failed`] with Cargo's error.
pub(crate) async fn compile<const N: usize>(
    functions: [&str; N],
    spinner: &Spinner,
) -> Result<[PathBuf; N], CliError> {
    let names = functions.join(" and ");
    let mut builds = false;
    let built = binaries::build(&functions, |line| {
        if !builds {
            spinner.log(format_args!("Building {names}. The first build takes minutes."));
            builds = true;
        }
        spinner.message(line.trim());
    });
    let binaries = built.await.map_err(CliError::failed)?.try_into();
    binaries.map_err(|_| CliError::failed(format_args!("Cargo did not build {names}")))
}
