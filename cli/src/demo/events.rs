//! The events of the demo: the bundled sample, or a file of the user.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek as _};
use std::path::{Path, PathBuf};

use super::file_check;
use crate::error::CliError;

/// Number of bytes of a file that are checked before anything is started.
const CHECKED_BYTES: usize = 64 * 1024;

/// A line of a file, or an event of the sample.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Event(Vec<u8>),
    /// Only white space.
    Blank,
    /// Larger than the limit of a record or message.
    TooLarge,
}

/// A source of events that can be read more than once.
#[derive(Debug)]
pub(super) enum Source {
    /// The bundled sample of music events, including hostile ones.
    Sample,
    /// A file with one event per line. Input from a pipe is copied to a file.
    File { path: PathBuf, file: File },
}

impl Source {
    /// Opens a file and checks its beginning, so that a wrong file is reported before a build of
    /// minutes.
    ///
    /// # Errors
    /// [`CliError::Usage`] with the file, the line, and what is expected.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let unreadable = |error| file_check::unreadable(path, &error);
        let mut file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            let mut copy = tempfile::tempfile().map_err(unreadable)?;
            io::copy(&mut file, &mut copy).map_err(unreadable)?;
            file = copy;
        }
        file.rewind().map_err(unreadable)?;
        let mut reader = BufReader::with_capacity(CHECKED_BYTES, &file);
        let beginning = reader.fill_buf().map_err(unreadable)?;
        file_check::check(path, beginning)?;
        Ok(Self::File { path: path.to_owned(), file })
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Sample => "bundled sample".to_owned(),
            Self::File { path, .. } => path.display().to_string(),
        }
    }

    /// Returns all events from the first. Those of more than `limit` bytes are [`Line::TooLarge`].
    /// All readers share the position in the file, so read them one after the other.
    ///
    /// # Errors
    /// [`CliError::Usage`] if the file cannot be read again.
    pub(super) fn events(&self, limit: usize) -> Result<Events, CliError> {
        match self {
            Self::Sample => Ok(Events::Sample { events: local::sample::demo().into_iter(), limit }),
            Self::File { path, file } => {
                let again = file.try_clone().and_then(|mut file| file.rewind().map(|()| file));
                let file = again.map_err(|error| file_check::unreadable(path, &error))?;
                let reader = BufReader::with_capacity(CHECKED_BYTES, file);
                Ok(Events::File(Lines { reader, limit }))
            }
        }
    }
}

/// A reader of events.
#[derive(Debug)]
pub(super) enum Events {
    Sample { events: std::vec::IntoIter<Vec<u8>>, limit: usize },
    File(Lines<BufReader<File>>),
}

impl Events {
    /// Returns the next line, or `None` at the end.
    ///
    /// # Errors
    /// [`CliError::Failed`] if the file cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Line>, CliError> {
        match self {
            Self::Sample { events, limit } => Ok(events.next().map(|event| {
                if event.len() > *limit { Line::TooLarge } else { Line::Event(event) }
            })),
            Self::File(lines) => lines.next().map_err(|error| {
                CliError::failed(format_args!("failed to read the file of events: {error}"))
            }),
        }
    }
}

/// Lines of which at most `limit` bytes are in memory.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    limit: usize,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let mut bytes: u64 = 0;
        let mut ended = false;
        while !ended {
            let buffered = self.reader.fill_buf()?;
            if buffered.is_empty() {
                break;
            }
            let piece = match buffered.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    ended = true;
                    &buffered[..end]
                }
                None => buffered,
            };
            // One byte more, for a carriage return at the end of the line.
            let room = (self.limit + 1).saturating_sub(line.len());
            line.extend_from_slice(&piece[..piece.len().min(room)]);
            bytes += piece.len() as u64;
            let used = piece.len() + usize::from(ended);
            self.reader.consume(used);
        }
        if bytes == 0 && !ended {
            return Ok(None);
        }
        if line.len() as u64 == bytes && line.last() == Some(&b'\r') {
            line.pop();
            bytes -= 1;
        }
        Ok(Some(if bytes > self.limit as u64 {
            Line::TooLarge
        } else if line.trim_ascii().is_empty() {
            Line::Blank
        } else {
            Line::Event(line)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Lines, Source};
    use std::io::BufReader;
    use std::process::Command;

    fn lines(text: &str, limit: usize, buffer: usize) -> Vec<Line> {
        let mut lines = Lines { reader: BufReader::with_capacity(buffer, text.as_bytes()), limit };
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    fn event(text: &str) -> Line {
        Line::Event(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_read_whole_up_to_the_limit() {
        let long = format!("{}\n{{}}\n", "x".repeat(10_000));
        for buffer in 1..40 {
            for (text, limit, expected) in [
                ("", 5, vec![]),
                ("\n", 5, vec![Line::Blank]),
                (
                    "{\"a\":1}\n\n  \r\n{\"b\":2}\r\n{\"c\":3}",
                    100,
                    vec![
                        event("{\"a\":1}"),
                        Line::Blank,
                        Line::Blank,
                        event("{\"b\":2}"),
                        event("{\"c\":3}"),
                    ],
                ),
                (
                    "12345\n123456\n12345\r\n123456\r\n1\n",
                    5,
                    vec![
                        event("12345"),
                        Line::TooLarge,
                        event("12345"),
                        Line::TooLarge,
                        event("1"),
                    ],
                ),
                (&long, 5, vec![Line::TooLarge, event("{}")]),
            ] {
                assert_eq!(lines(text, limit, buffer), expected, "{buffer}");
            }
        }
    }

    #[test]
    fn a_file_and_a_pipe_are_read_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
        let text = "{\"a\":1}\n{\"a\":12}\n";
        std::fs::write(&file, text).unwrap();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let end = pipe.clone();
        let writer = std::thread::spawn(move || std::fs::write(end, text));
        for path in [file, pipe] {
            let source = Source::open(&path).unwrap();
            assert_eq!(source.name(), path.display().to_string());
            let read = |limit| {
                let mut events = source.events(limit).unwrap();
                std::iter::from_fn(|| events.next().unwrap()).collect::<Vec<_>>()
            };
            assert_eq!(read(8), [event("{\"a\":1}"), event("{\"a\":12}")]);
            assert_eq!(read(7), [event("{\"a\":1}"), Line::TooLarge]);
        }
        writer.join().unwrap().unwrap();
    }
}
