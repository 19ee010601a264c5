//! Runs `cargo sluice replay` by starting this program again.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::loader::{Parts, variables};
use crate::demo::logs::Reasons;
use crate::error::CliError;

/// The part of the report of `replay` that is checked.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Replayed {
    /// Load requests.
    #[serde(skip_serializing)]
    pub(super) sent: u64,
    pub(super) indexed: u64,
    pub(super) duplicate: u64,
    pub(super) refused: Reasons,
}

/// Replays a source with these further arguments.
///
/// # Errors
/// [`CliError::Failed`] if there is no report. Refused records are in the report.
pub(super) async fn replay(
    parts: Parts<'_>,
    source: &str,
    arguments: &[&str],
) -> Result<Replayed, CliError> {
    let failed = |error: &dyn std::fmt::Display| {
        CliError::failed(format_args!("failed to replay {source}: {error}"))
    };
    // The ledger of one replay, with the refused records beside it.
    let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
    let ledger = folder.path().join("ledger.jsonl");
    let program = program().map_err(|error| failed(&error))?;
    let output = Command::new(program)
        .args(["replay", source, "--yes", "--json", "--ledger"].map(OsStr::new))
        .arg(&ledger)
        .args(arguments)
        // Without the user's own variables, such as MAPPING, which the function does not have
        // either.
        .env_clear()
        .envs(variables(parts, &[]))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| failed(&error))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| failed(&String::from_utf8_lossy(&output.stderr)))
}

/// The path of this program. Building the functions may have replaced its file; Linux then marks
/// the path.
fn program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)"));
    Ok(replaced.map_or(path.clone(), PathBuf::from))
}
