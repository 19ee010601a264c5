//! The functions, and their binaries: found beside the running program, or built.

mod cargo;
mod places;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use cargo::Build;
use places::Layout;

/// A function of this crate that does what each event says: `{"do":"error"}`, `{"do":"hang"}`.
pub const SCRIPTED: &str = "scripted-function";

/// Why a binary is missing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The running program is not in a Cargo target folder.
    #[error("the running program is not in a Cargo target folder: {0}")]
    TargetFolder(String),
    /// No workspace with these functions was found, neither where it was when this program was
    /// built.
    #[error("the workspace of sluice was not found: neither at {} nor above the current folder", .0.display())]
    NoWorkspace(PathBuf),
    /// Cargo could not be run: its path, and the operating system's error.
    #[error("{0} cannot be run: {1}")]
    NoCargo(String, #[source] std::io::Error),
    /// Cargo failed: the command, how it ended, and the end of its output.
    #[error("`{0}` failed ({1}):\n{2}")]
    Build(String, String, String),
    /// Cargo built no such binary: the command, and the binary's name.
    #[error("`{0}` built no binary {1}")]
    NoBinary(String, String),
}

/// The names of the functions: the folders in the workspace's `functions/`, sorted.
///
/// # Errors
/// When the workspace is not there.
pub fn functions() -> Result<Vec<String>, Error> {
    Ok(places::functions(&places::workspace()?))
}

/// Cargo's target folder if the running program is in one, else `target` in the current folder.
///
/// # Errors
/// When the current folder is unknown.
pub fn target_folder() -> std::io::Result<PathBuf> {
    match Layout::of_running_program() {
        Ok(layout) => Ok(layout.target().to_owned()),
        Err(_) => std::path::absolute("target"),
    }
}

/// The binary of the function `name` for a test: the one beside the running test executable. If
/// it is missing, or older than its sources, it is built in the same profile and target folder.
///
/// # Errors
/// When it cannot be built.
pub fn function(name: &str) -> Result<PathBuf, Error> {
    // Tests run in threads: one looks and builds, the others take what it found.
    static FOUND: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(binary) = found.get(name) {
        return Ok(binary.clone());
    }
    let layout = Layout::of_running_program()?;
    let workspace = places::workspace()?;
    let beside = layout.binary(name);
    let binary = if places::is_current(&beside, &workspace, name) {
        beside
    } else {
        let build = Build::new(workspace, Some(&layout), &[name]);
        build.run_blocking()?.remove(name).ok_or_else(|| build.no_binary(name))?
    };
    found.insert(name.to_owned(), binary.clone());
    Ok(binary)
}

/// Builds the binaries of these functions with Cargo, in the profile and target folder of the
/// running program if that is in one, and returns their paths in the same order. `on_line` gets
/// Cargo's progress, line by line.
///
/// Dropping the future ends Cargo.
///
/// # Errors
/// When Cargo cannot be run, fails, or the workspace is not there.
pub async fn build(
    names: &[&str],
    mut on_line: impl FnMut(&str) + Send,
) -> Result<Vec<PathBuf>, Error> {
    let layout = Layout::of_running_program().ok();
    // With the command itself: Cargo unifies the features of what is built together, so that the
    // dependencies built for the one are those of the other.
    let packages: Vec<_> =
        std::iter::once("cli").chain(names.iter().copied().map(package_of)).collect();
    let build = Build::new(places::workspace()?, layout.as_ref(), &packages);
    let mut binaries = build.run(&mut on_line).await?;
    names.iter().map(|name| binaries.remove(*name).ok_or_else(|| build.no_binary(name))).collect()
}

/// The package of a binary: that of its name, but for the one that is this crate's.
fn package_of(name: &str) -> &str {
    if name == SCRIPTED { env!("CARGO_PKG_NAME") } else { name }
}

#[cfg(test)]
mod tests {
    use super::{functions, target_folder};

    #[test]
    fn the_functions_of_this_workspace() {
        let functions = functions().unwrap();
        assert!(functions.contains(&"firehose-transform".to_owned()), "{functions:?}");
        assert!(functions.is_sorted());
    }

    #[test]
    fn this_test_is_in_the_target_folder() {
        let target = target_folder().unwrap();
        assert!(std::env::current_exe().unwrap().starts_with(&target));
        assert!(target.join("CACHEDIR.TAG").is_file());
    }
}
