//! What the environments write: read from their pipes, line by line.

use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::unix::pipe;
use tokio::task::JoinHandle;

/// The latest lines kept, over all environments of a function.
const LINES: usize = 100_000;

/// A longer line is cut into several: the size of a CloudWatch Logs event, in bytes.
const LINE_BYTES: usize = 256 << 10;

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

/// The lines of a function, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct LogStore(Arc<Mutex<VecDeque<LogLine>>>);

impl LogStore {
    pub(super) fn lines(&self) -> Vec<LogLine> {
        lock(&self.0).iter().cloned().collect()
    }

    fn push(&self, stream: LogStream, line: &[u8]) {
        let mut lines = lock(&self.0);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(LogLine { stream, text: String::from_utf8_lossy(line).into_owned() });
    }
}

/// The reading end of one stream of one environment.
///
/// A task reads whatever comes; [`drain`](Self::drain) reads at once what is there, so that the
/// logs of an invocation are complete when its answer is.
#[derive(Debug)]
pub(super) struct LogPipe {
    /// The task's pipe once more: tokio's may not have heard of the latest bytes yet.
    reader: PipeReader,
    lines: Arc<Mutex<Lines>>,
    task: JoinHandle<()>,
}

impl LogPipe {
    /// A pipe whose lines go to `store`, and the end that the child writes to.
    pub(super) fn new(stream: LogStream, store: &LogStore) -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        // This makes the pipe non-blocking, for both of its readers.
        let receiver = pipe::Receiver::from_owned_fd(OwnedFd::from(reader.try_clone()?))?;
        let lines = Lines { stream, store: store.clone(), unfinished: Vec::new() };
        let lines = Arc::new(Mutex::new(lines));
        let task = tokio::spawn(read_all(receiver, Arc::clone(&lines)));
        Ok((Self { reader, lines, task }, writer))
    }

    /// Reads what was written until now.
    pub(super) fn drain(&self) {
        lock(&self.lines).read_from(|chunk| (&self.reader).read(chunk));
    }
}

impl Drop for LogPipe {
    fn drop(&mut self) {
        self.drain();
        self.task.abort();
    }
}

async fn read_all(receiver: pipe::Receiver, lines: Arc<Mutex<Lines>>) {
    while receiver.readable().await.is_ok() {
        if lock(&lines).read_from(|chunk| receiver.try_read(chunk)) == Pipe::Closed {
            return;
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Pipe {
    Open,
    Closed,
}

/// Cuts bytes into lines.
#[derive(Debug)]
struct Lines {
    stream: LogStream,
    store: LogStore,
    unfinished: Vec<u8>,
}

impl Lines {
    /// Takes what there is now.
    fn read_from(&mut self, mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> Pipe {
        let mut chunk = [0; 16 << 10];
        loop {
            match read(&mut chunk) {
                Ok(0) => {
                    self.finish();
                    return Pipe::Closed;
                }
                Ok(length) => self.take(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Pipe::Open,
                Err(_) => return Pipe::Closed,
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.unfinished.extend_from_slice(&bytes[..end]);
            self.store.push(self.stream, &self.unfinished);
            self.unfinished.clear();
            bytes = &bytes[end + 1..];
        }
        self.unfinished.extend_from_slice(bytes);
        if self.unfinished.len() > LINE_BYTES {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if !self.unfinished.is_empty() {
            self.store.push(self.stream, &self.unfinished);
            self.unfinished.clear();
        }
    }
}

/// A panic elsewhere does not make lines wrong.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_line_is_cut_and_the_oldest_lines_go() {
        let store = LogStore::default();
        let mut lines =
            Lines { stream: LogStream::Stderr, store: store.clone(), unfinished: Vec::new() };
        lines.take(&vec![b'x'; LINE_BYTES + 1]);
        assert_eq!(store.lines()[0].text, "x".repeat(LINE_BYTES + 1));
        for number in 0..LINES {
            lines.take(format!("{number}\n").as_bytes());
        }
        let lines = store.lines();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0].text, "0");
    }
}
