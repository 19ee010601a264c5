//! The programs of this machine: short commands, Java, downloads through Maven, and servers in
//! their own processes, which end with their owner.

pub(crate) mod java;
pub(crate) mod maven;
mod supervisor;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

pub(crate) use supervisor::{Supervised, listening, ready};

const MAX_SHOWN_CHARS: usize = 400;

/// Time limit for the question whether a program exists: some import a whole library first.
const FIND_LIMIT: Duration = Duration::from_mins(2);

/// Time limit of a script: importing Prefect takes seconds.
const SCRIPT_LIMIT: Duration = Duration::from_mins(2);

/// User and group id of `nobody` on every Linux.
const NOBODY: u32 = 65_534;

/// Why a real server is unavailable on this machine. The text is part of a sentence that follows
/// "because".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unavailable {
    reason: String,
    /// What the user can do about it.
    pub remedy: String,
}

impl Unavailable {
    pub(crate) fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: remedy.into() }
    }

    pub(crate) fn fetch(reason: impl std::fmt::Display) -> Self {
        let remedy = "check that it can be fetched from its registry with the machine's settings";
        Self::new(format!("it could not be fetched: {reason}"), remedy)
    }

    /// The error of an `action` on a file.
    pub(crate) fn io(action: &str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let what = format!("{action} {}", path.into().display());
        let remedy = "check the disk's space and the file's permissions";
        move |error| Self::new(format!("{what}: {error}"), remedy)
    }
}

/// The kind of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A server that is not managed by sluice.
    Url,
    /// A container of the official image.
    Docker,
    /// The distribution, in its own process.
    Java {
        /// The Java runtime's feature version: 17 for 17.0.15.
        version: u32,
    },
    /// A program of this name that is installed on this machine.
    Installed(&'static str),
    /// The small server in this process.
    Embedded,
}

impl Kind {
    pub(crate) fn describe(self, name: &str, real: &str) -> String {
        match self {
            Self::Url => format!("the {name} at the given URL"),
            Self::Docker => format!("{real} in Docker"),
            Self::Java { version } => format!("{real} on Java {version}"),
            Self::Installed(program) => program.to_owned(),
            Self::Embedded => format!("the embedded {name}"),
        }
    }
}

/// A running real server.
#[derive(Debug)]
pub struct Real {
    pub(crate) server: Supervised,
    pub(crate) url: String,
    pub(crate) kind: Kind,
    pub(crate) container: Option<String>,
}

/// The output of a command that has ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The last lines of a failed command: of standard error, otherwise of standard output.
    pub(crate) fn complaint(&self) -> String {
        let said = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let skipped = words.chars().count().saturating_sub(MAX_SHOWN_CHARS);
        words.chars().skip(skipped).collect()
    }
}

/// Runs `program` to its end, without standard input. It is killed when it exceeds `limit` or when
/// the future is dropped.
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

/// Checks whether a program is on the path and answers `question`. `install` names what contains
/// it, such as "Debian's package influxdb".
pub(crate) async fn find(program: &str, question: &str, install: &str) -> Result<(), Unavailable> {
    let reason = match run(Path::new(program), [question], None, FIND_LIMIT).await {
        Ok(output) if output.success => return Ok(()),
        Ok(output) => format!("`{program} {question}` failed: {}", output.complaint()),
        Err(error) => format!("there is no {program} on the path ({error})"),
    };
    Err(Unavailable::new(reason, format!("install it, such as {install}")))
}

/// Runs a Python script with arguments to its end, and returns its output. The interpreter is that
/// of a Python program, which need not be the first one on the path.
///
/// # Errors
/// The last lines of the output if the script fails.
pub(crate) async fn run_python(
    program: &str,
    variables: impl IntoIterator<Item = OsString>,
    script: &str,
    arguments: &[&str],
) -> Result<String, String> {
    let find = format!(
        "python=$(sed -n '1s/^#!//p' \"$(command -v {program})\"); exec $python -c \"$0\" \"$@\""
    );
    let mut line: Vec<OsString> = variables.into_iter().collect();
    line.extend(["sh", "-c", &find, script].map(OsString::from));
    line.extend(arguments.iter().map(OsString::from));
    let ran = run(Path::new("env"), line, None, SCRIPT_LIMIT).await;
    let output = ran.map_err(|error| error.to_string())?;
    if output.success { Ok(output.stdout) } else { Err(output.complaint()) }
}

/// Whether this process runs as root: files that it creates then belong to user 0.
pub(crate) fn is_root() -> Result<bool, Unavailable> {
    let folder = temporary_folder("sluice-probe-")?;
    let metadata = std::fs::metadata(folder.path());
    Ok(metadata.map_err(Unavailable::io("cannot look at", folder.path()))?.uid() == 0)
}

/// A new folder whose name starts with `prefix`. It is removed when the value is dropped.
pub(crate) fn temporary_folder(prefix: &str) -> Result<TempDir, Unavailable> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir();
    folder.map_err(Unavailable::io("cannot create a folder in", std::env::temp_dir()))
}

/// Makes `path` readable for everyone, because the server may run as another user.
pub(crate) fn open_to_all(path: &Path) -> Result<(), Unavailable> {
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, permissions).map_err(Unavailable::io("cannot open up", path))
}

fn give_away(path: &Path) -> Result<(), Unavailable> {
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY))
        .map_err(Unavailable::io("cannot give to the user nobody", path))
}

/// Writes an executable script.
#[cfg(test)]
pub(crate) fn write_program(path: &Path, script: &str) {
    let draft = path.with_extension("draft");
    std::fs::write(&draft, script).unwrap();
    open_to_all(&draft).unwrap();
    // Copied by another process: a file that is open for writing cannot be run, and the children of
    // other tests may have inherited it from this process.
    let copied = std::process::Command::new("cp").arg("-p").args([&draft, path]).status();
    assert!(copied.unwrap().success());
}
