//! Short commands that are run to their end: probes of Docker and Java, and Maven.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// The most characters of a failing command's words that are shown.
const MAX_SHOWN_CHARS: usize = 400;

/// What a command that ran to its end had to say.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The last words of a command that failed: on standard error, else on standard output.
    pub(crate) fn complaint(&self) -> String {
        let said = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let skipped = words.chars().count().saturating_sub(MAX_SHOWN_CHARS);
        words.chars().skip(skipped).collect()
    }
}

/// Runs `program` to its end, without standard input; it is killed when it takes longer than
/// `limit`, or when the caller stops waiting.
pub(crate) async fn run<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
    folder: Option<&Path>,
    limit: Duration,
) -> io::Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    let output = tokio::time::timeout(limit, command.output()).await.map_err(|_| {
        io::Error::new(io::ErrorKind::TimedOut, format!("no end within {} s", limit.as_secs()))
    })??;
    Ok(Output {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
