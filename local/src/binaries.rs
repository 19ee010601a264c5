//! The functions and their binaries, which are found beside the running program or built.

mod layout;

use std::collections::BTreeSet;
use std::iter::once;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::server::locked;
use layout::Layout;
pub use layout::cargo;

/// A function of this crate that does what each event says, such as `{"do":"error"}` or
/// `{"do":"hang"}`.
pub const SCRIPTED: &str = "scripted-function";

const SHOWN_LINES: usize = 60;

/// Why a binary is missing.
#[expect(missing_docs, reason = "their texts say it")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("the workspace of sluice was not found: neither at {} nor above the current folder", .0.display())]
    NoWorkspace(PathBuf),
    #[error("cargo cannot be run: {0}")]
    NoCargo(#[source] std::io::Error),
    #[error("cargo build failed ({0}):\n{1}")]
    Build(ExitStatus, String),
}

/// The names of the functions: the folders in `functions/`, sorted.
///
/// # Errors
/// If the workspace does not exist.
pub fn functions() -> Result<Vec<String>, Error> {
    Ok(Layout::find()?.functions())
}

/// Cargo's target folder: the one that contains the running program, otherwise the workspace's.
///
/// # Errors
/// If the workspace does not exist.
pub fn target_folder() -> Result<PathBuf, Error> {
    Ok(Layout::find()?.target)
}

/// The binary of the function `name` for a test, from the folder of the test executable. If it is
/// missing or older than its sources, it is built in the same profile and target folder.
///
/// # Errors
/// If it cannot be built.
pub fn function(name: &str) -> Result<PathBuf, Error> {
    // Tests run in threads: one checks and builds, and the others wait.
    static CURRENT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut current = locked(&CURRENT);
    let layout = Layout::find()?;
    if !current.contains(name) && !layout.is_current(name) {
        let output = layout.build([name]).output().map_err(Error::NoCargo)?;
        let said = String::from_utf8_lossy(&output.stderr);
        check(output.status, &said.lines().collect::<Vec<_>>())?;
    }
    current.insert(name.to_owned());
    Ok(layout.binary(name))
}

/// The paths of these functions' binaries, in the same order, in the profile and target folder of
/// the running program. If one is missing or older than its sources, Cargo builds them; `on_line`
/// receives each line of its progress.
///
/// Dropping the future ends Cargo.
///
/// # Errors
/// If Cargo cannot be run or fails, or the workspace does not exist.
pub async fn build(
    names: &[&str],
    on_line: impl FnMut(&str) + Send,
) -> Result<Vec<PathBuf>, Error> {
    let layout = Layout::find()?;
    if !names.iter().all(|name| layout.is_current(name)) {
        // Built together with the command: Cargo unifies the features of the packages of one build,
        // so dependencies are compiled only once.
        let packages = names.iter().map(|name| match *name {
            SCRIPTED => env!("CARGO_PKG_NAME"),
            function => function,
        });
        let packages: Vec<_> = once("cli").chain(packages).collect();
        run(layout.build(packages), on_line).await?;
    }
    Ok(names.iter().map(|name| layout.binary(name)).collect())
}

async fn run(
    command: std::process::Command,
    mut on_line: impl FnMut(&str) + Send,
) -> Result<(), Error> {
    let mut command = Command::from(command);
    command.kill_on_drop(true).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Error::NoCargo)?;
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line).into_owned();
            on_line(&line);
            said.push(line);
        }
    }
    check(child.wait().await.map_err(Error::NoCargo)?, &said)
}

fn check<T: AsRef<str>>(status: ExitStatus, said: &[T]) -> Result<(), Error> {
    if status.success() {
        return Ok(());
    }
    let shown = said.iter().skip(said.len().saturating_sub(SHOWN_LINES)).map(AsRef::as_ref);
    Err(Error::Build(status, shown.collect::<Vec<_>>().join("\n")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_functions_and_the_target_folder_of_this_workspace() {
        let functions = functions().unwrap();
        assert!(functions.contains(&"firehose-transform".to_owned()), "{functions:?}");
        assert!(functions.is_sorted());
        let target = target_folder().unwrap();
        assert!(std::env::current_exe().unwrap().starts_with(&target));
    }

    #[tokio::test]
    async fn a_build_reports_its_progress_and_a_failed_one_why() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = folder.path().to_owned();
        let layout =
            Layout { target: workspace.join("target"), profile: "debug".to_owned(), workspace };
        let manifest = "[workspace]\n[package]\nname = \"f\"\nedition = \"2024\"\n";
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        let source = folder.path().join("src/main.rs");

        fs::write(&source, "fn main() { println!(\"built\"); }").unwrap();
        let mut lines = Vec::new();
        run(layout.build(["f"]), |line| lines.push(line.to_owned())).await.unwrap();
        assert!(lines.iter().any(|line| line.trim().starts_with("Compiling f ")), "{lines:?}");
        let output = std::process::Command::new(layout.binary("f")).output().unwrap();
        assert_eq!(output.stdout, b"built\n");

        fs::write(&source, "fn main() { let number: u8 = \"text\"; }").unwrap();
        let error = run(layout.build(["f"]), |_| {}).await.unwrap_err().to_string();
        assert!(error.contains("expected `u8`, found `&str`"), "{error}");
    }
}
