//! What the environments write: into one file for each stream, read line by line.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::sync::Mutex;

use crate::server::locked;

/// One line that a function wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The stream it was written to.
    pub stream: LogStream,
    /// The line without its newline; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// A function's output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What the environments of a function have written.
#[derive(Debug)]
pub(super) struct LogStore {
    stdout: File,
    stderr: File,
    read: Mutex<Read>,
}

/// What was read of the files.
#[derive(Debug, Default)]
struct Read {
    stdout_bytes: u64,
    stderr_bytes: u64,
    lines: Vec<LogLine>,
}

impl LogStore {
    /// Files without a name, which go with this value and the processes that write to them.
    pub(super) fn new() -> io::Result<Self> {
        let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        Ok(Self { stdout, stderr, read: Mutex::default() })
    }

    /// Standard output and standard error of a process. All processes write at the one offset that
    /// a file has, so none overwrites what another wrote.
    pub(super) fn stdio(&self) -> io::Result<(Stdio, Stdio)> {
        Ok((self.stdout.try_clone()?.into(), self.stderr.try_clone()?.into()))
    }

    /// All lines so far, with what a stream has after its last line break.
    pub(super) fn lines(&self) -> Vec<LogLine> {
        let mut read = locked(&self.read);
        let Read { stdout_bytes, stderr_bytes, lines } = &mut *read;
        let rests = [
            read_lines(&self.stdout, LogStream::Stdout, stdout_bytes, lines),
            read_lines(&self.stderr, LogStream::Stderr, stderr_bytes, lines),
        ];
        lines.iter().cloned().chain(rests.into_iter().flatten()).collect()
    }
}

/// Reads the lines of a file from `offset` on, and returns what follows the last of them.
fn read_lines(
    file: &File,
    stream: LogStream,
    offset: &mut u64,
    lines: &mut Vec<LogLine>,
) -> Option<LogLine> {
    let length = file.metadata().map_or(0, |metadata| metadata.len().saturating_sub(*offset));
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    file.read_exact_at(&mut bytes, *offset).ok()?;
    let line = |bytes: &[u8]| LogLine { stream, text: String::from_utf8_lossy(bytes).into_owned() };
    let mut rest = &bytes[..];
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        lines.push(line(&rest[..end]));
        rest = &rest[end + 1..];
    }
    *offset += (bytes.len() - rest.len()) as u64;
    (!rest.is_empty()).then(|| line(rest))
}
