//! The events that go in: the bundled sample, or a file of the user's.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use local::firehose::RECORD_LIMIT_BYTES;

use super::file_check;
use crate::failure::Failure;

/// How much of a file is looked at before anything is started.
const PEEK_BYTES: usize = 64 * 1024;

/// One line of a file, or one event of the sample.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// What goes into the stream.
    Event(Vec<u8>),
    /// Nothing but white space.
    Blank,
    /// More than Firehose takes as one record.
    TooLarge,
}

/// Where the events come from.
#[derive(Debug)]
pub(super) enum Events {
    /// The bundled sample.
    Sample(std::vec::IntoIter<Vec<u8>>),
    /// A file with one event a line.
    File(Lines<BufReader<File>>),
}

impl Events {
    /// The bundled sample of music events, hostile ones among them.
    pub(super) fn sample() -> Self {
        Self::Sample(local::sample::demo().into_iter())
    }

    /// Opens a user's file, and looks at its beginning: a wrong file is better named now than
    /// after a build of minutes.
    ///
    /// # Errors
    /// [`Failure::Usage`] that names the file, the line, and what is expected.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let unreadable = |error| file_check::unreadable(path, &error);
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(file_check::directory(path));
        }
        let mut reader = BufReader::with_capacity(PEEK_BYTES, file);
        let beginning = reader.fill_buf().map_err(unreadable)?;
        file_check::check(path, beginning)?;
        Ok(Self::File(Lines { reader, limit: RECORD_LIMIT_BYTES }))
    }

    /// The next line, or `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read any further.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        match self {
            Self::Sample(events) => Ok(events.next().map(|event| {
                if event.len() > RECORD_LIMIT_BYTES { Line::TooLarge } else { Line::Event(event) }
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
    use super::{Line, Lines};
    use std::io::BufReader;

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
}
