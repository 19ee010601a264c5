//! The events that go in: the bundled sample, or a file of the user's.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek as _};
use std::path::{Path, PathBuf};

use super::file_check;
use crate::failure::Failure;

/// How much of a file is looked at before anything is started.
const PEEK_BYTES: usize = 64 * 1024;

/// One line of a file, or one event of the sample.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// What goes in.
    Event(Vec<u8>),
    /// Nothing but white space.
    Blank,
    /// More than is taken as one record or message.
    TooLarge,
}

/// Where the events come from, which can be read more than once.
#[derive(Debug)]
pub(super) enum Source {
    /// The bundled sample of music events, hostile ones among them.
    Sample,
    /// A file with one event a line.
    File {
        /// As the user gave it.
        path: PathBuf,
        /// The file, or a copy of what came through a pipe.
        file: File,
    },
}

impl Source {
    /// Opens a user's file, and looks at its beginning: a wrong file is better named now than
    /// after a build of minutes.
    ///
    /// # Errors
    /// [`Failure::Usage`] that names the file, the line, and what is expected.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let unreadable = |error| file_check::unreadable(path, &error);
        let mut file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(file_check::directory(path));
        }
        if !metadata.is_file() {
            let mut copy = tempfile::tempfile().map_err(unreadable)?;
            io::copy(&mut file, &mut copy).map_err(unreadable)?;
            file = copy;
        }
        file.rewind().map_err(unreadable)?;
        let mut reader = BufReader::with_capacity(PEEK_BYTES, &file);
        let beginning = reader.fill_buf().map_err(unreadable)?;
        file_check::check(path, beginning)?;
        Ok(Self::File { path: path.to_owned(), file })
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Sample => "bundled sample".to_owned(),
            Self::File { path, .. } => path.display().to_string(),
        }
    }

    /// All events from the first on, of which those of more than `limit` bytes are passed over.
    /// One reading at a time: the place in a file is the same for all.
    ///
    /// # Errors
    /// When the file cannot be read again.
    pub(super) fn events(&self, limit: usize) -> Result<Events, Failure> {
        match self {
            Self::Sample => Ok(Events::Sample { events: local::sample::demo().into_iter(), limit }),
            Self::File { path, file } => {
                let again = file.try_clone().and_then(|mut file| file.rewind().map(|()| file));
                let file = again.map_err(|error| file_check::unreadable(path, &error))?;
                let reader = BufReader::with_capacity(PEEK_BYTES, file);
                Ok(Events::File(Lines { reader, limit }))
            }
        }
    }
}

/// The events, one after the other.
#[derive(Debug)]
pub(super) enum Events {
    /// Of the bundled sample.
    Sample {
        /// Those to come.
        events: std::vec::IntoIter<Vec<u8>>,
        /// The longest that is not passed over, in bytes.
        limit: usize,
    },
    /// Of a file with one event a line.
    File(Lines<BufReader<File>>),
}

impl Events {
    /// The next line, or `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read any further.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        match self {
            Self::Sample { events, limit } => Ok(events.next().map(|event| {
                if event.len() > *limit { Line::TooLarge } else { Line::Event(event) }
            })),
            Self::File(lines) => lines.next(),
        }
    }
}

/// Lines of bounded length: no more than `limit` bytes of one are ever held.
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
            // A carriage return before the line's end is not yet known to be one: room for it.
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
    use std::path::Path;
    use std::process::Command;

    fn lines(text: &str, limit: usize, buffer: usize) -> Vec<Line> {
        let mut lines = Lines { reader: BufReader::with_capacity(buffer, text.as_bytes()), limit };
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    fn event(text: &str) -> Line {
        Line::Event(text.as_bytes().to_vec())
    }

    #[test]
    fn every_line_once_whatever_the_buffer() {
        let text = "{\"a\":1}\n\n  \r\n{\"b\":2}\r\n{\"c\":3}";
        for buffer in 1..40 {
            assert_eq!(
                lines(text, 100, buffer),
                [
                    event("{\"a\":1}"),
                    Line::Blank,
                    Line::Blank,
                    event("{\"b\":2}"),
                    event("{\"c\":3}")
                ],
                "{buffer}"
            );
        }
    }

    #[test]
    fn a_line_at_the_limit_and_one_beyond() {
        for buffer in [1, 3, 64] {
            assert_eq!(
                lines("12345\n123456\n12345\r\n123456\r\n1\n", 5, buffer),
                [event("12345"), Line::TooLarge, event("12345"), Line::TooLarge, event("1"),],
                "{buffer}"
            );
        }
    }

    #[test]
    fn the_rest_of_a_long_line_is_skipped_not_held() {
        let text = format!("{}\n{{}}\n", "x".repeat(10_000));
        assert_eq!(lines(&text, 5, 16), [Line::TooLarge, event("{}")]);
    }

    #[test]
    fn no_line_in_an_empty_file() {
        assert_eq!(lines("", 5, 16), []);
        assert_eq!(lines("\n", 5, 16), [Line::Blank]);
    }

    /// All lines, of a file or what else is at this path, twice.
    fn twice(path: &Path) -> [Vec<Line>; 2] {
        let source = Source::open(path).unwrap();
        assert_eq!(source.name(), path.display().to_string());
        [8, 7].map(|limit| {
            let mut events = source.events(limit).unwrap();
            std::iter::from_fn(|| events.next().unwrap()).collect()
        })
    }

    #[test]
    fn a_file_and_a_pipe_are_read_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
        let text = "{\"a\":1}\n{\"a\":12}\n";
        std::fs::write(&file, text).unwrap();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (end, text) = (pipe.clone(), text.to_owned());
        let writer = std::thread::spawn(move || std::fs::write(end, text));
        let all = [event("{\"a\":1}"), event("{\"a\":12}")];
        let short = [event("{\"a\":1}"), Line::TooLarge];
        for path in [file, pipe] {
            let [first, second] = twice(&path);
            assert_eq!((first.as_slice(), second.as_slice()), (&all[..], &short[..]));
        }
        writer.join().unwrap().unwrap();
    }
}
