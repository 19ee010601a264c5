//! The output of the environments: one file for each stream, read line by line.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::sync::Mutex;

use crate::server::locked;

/// One line that a function wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The stream.
    pub stream: LogStream,
    /// The line without its newline; invalid UTF-8 is replaced.
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

/// The output of a function's environments.
#[derive(Debug)]
pub(super) struct LogStore {
    stdout: File,
    stderr: File,
    read: Mutex<Read>,
}

/// The positions up to which the files were read.
#[derive(Debug, Default)]
struct Read {
    stdout_bytes: u64,
    stderr_bytes: u64,
    lines: Vec<LogLine>,
}

impl LogStore {
    /// Unnamed files, which are removed with this value and the processes that write to them.
    pub(super) fn new() -> io::Result<Self> {
        let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        Ok(Self { stdout, stderr, read: Mutex::default() })
    }

    /// Standard output and standard error for a process. All processes share the offset of a file,
    /// so none overwrites the output of another.
    pub(super) fn stdio(&self) -> io::Result<(Stdio, Stdio)> {
        Ok((self.stdout.try_clone()?.into(), self.stderr.try_clone()?.into()))
    }

    /// All lines so far, including the incomplete last line of a stream.
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

/// Reads the lines of a file from `offset` on, and returns the rest after the last line.
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
