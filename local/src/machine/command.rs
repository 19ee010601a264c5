//! Short commands that are run to their end: probes of Docker and Java, and Maven.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// The most characters of a failing command's words that are shown.
pub(crate) const MAX_SHOWN_CHARS: usize = 400;

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

/// The text without the sequences that colour it on a terminal: `ESC [ … m`.
fn uncoloured(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |shown, piece| {
        let code = |char: char| char.is_ascii_digit() || char == ';';
        let piece = piece.trim_start_matches(code);
        shown + piece.strip_prefix('m').unwrap_or(piece)
    })
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
        stdout: uncoloured(&String::from_utf8_lossy(&output.stdout)),
        stderr: uncoloured(&String::from_utf8_lossy(&output.stderr)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_complaint_is_what_was_said_without_its_colours() {
        let complaint = async |script: &str| {
            let output = run(Path::new("sh"), ["-c", script], None, Duration::from_mins(1)).await;
            let output = output.unwrap();
            assert!(!output.success);
            output.complaint()
        };
        let coloured = r"printf '\033[1;31mmade\033[0m\n it' >&2; echo no; exit 1";
        assert_eq!(complaint(coloured).await, "made it");
        let blank = r"printf '\033[0m\033[0m' >&2; echo on standard output; exit 1";
        assert_eq!(complaint(blank).await, "on standard output");
        let long = r"printf 'x%.0s' $(seq 500) >&2; exit 1";
        assert_eq!(complaint(long).await, "x".repeat(MAX_SHOWN_CHARS));
    }
}
