//! The records of an object, found while its bytes arrive, in bounded memory.
//!
//! Only the start and end of each record are found here: the event model validates it later. An
//! unreadable record does not affect its neighbours: it ends at the next line break or, within a
//! list, with the object.

mod list;
mod skip;
mod values;

use memchr::memchr;
use shared::event::MAX_PAYLOAD_BYTES;

use crate::unpack::BrokenPacking;
pub use list::RecordsPaths;
use skip::{Passed, Skipper};

/// The format of an object: `FORMAT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON values, and the elements of lists.
    Auto,
    /// Lines.
    Text,
}

/// The next step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// A record, at this offset of the decompressed object.
    Record { offset: u64, text: &'a [u8] },
    /// A record of this size that is too large to be kept.
    TooLarge { offset: u64, bytes: u64 },
    /// The rest of an object whose compressed data is corrupt.
    Rest { offset: u64, text: &'a [u8], packing: BrokenPacking },
    /// More bytes are needed first.
    Feed,
    /// There are no more records.
    End,
    /// The object does not contain records of the format.
    UnknownFormat,
}

/// Finds the records of one object, which is fed with [`Records::buffer`] and [`Records::end`].
#[derive(Debug)]
pub(crate) struct Records {
    format: Format,
    paths: RecordsPaths,
    /// Maximum size of a record, in bytes.
    limit: usize,
    buffer: Vec<u8>,
    /// The position of the next byte in `buffer`.
    at: usize,
    /// The offset of the first byte of `buffer` in the decompressed object.
    base: u64,
    /// Number of bytes to wait for before the next look.
    wanted: usize,
    ended: Option<Result<(), BrokenPacking>>,
    state: State,
    /// The text before the log events of a CloudWatch Logs message that is too large to be one
    /// record; empty otherwise.
    log: Vec<u8>,
    /// A message with one log event.
    log_event: Vec<u8>,
    /// Whether a list was found: its elements are only found if it is read from its beginning.
    pub(crate) has_lists: bool,
}

#[derive(Debug)]
enum State {
    /// Before the first value.
    Start,
    /// Before a value.
    Values,
    /// In a list that is nested in `inside` objects; before an element or the end of the list.
    List {
        inside: usize,
        takes_value: bool,
    },
    /// After a list, in this number of objects.
    After {
        inside: usize,
        takes_value: bool,
    },
    /// In a value that is too large.
    Skipping {
        offset: u64,
        skipper: Skipper,
        back: Back,
    },
    /// In a line that is too large.
    SkippingLine {
        offset: u64,
    },
    /// In the rest of an object after a malformed list.
    Tail,
    /// In the rest of an object after a malformed list, which is too large.
    SkippingTail {
        offset: u64,
    },
    Ended,
}

/// Where reading continues after a value that is too large.
#[derive(Clone, Copy, Debug)]
enum Back {
    Values,
    List {
        inside: usize,
    },
    /// A member that is not a list of records.
    After {
        inside: usize,
    },
}

/// A result, as positions in the buffer.
enum Found {
    Record(usize, usize),
    LogEvent(usize, usize),
    TooLarge {
        offset: u64,
        bytes: u64,
    },
    Rest(usize, usize, BrokenPacking),
    Feed,
    End,
    UnknownFormat,
    /// Nothing yet: continue.
    Nothing,
}

impl Format {
    /// Reads a value of `FORMAT`.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        match value {
            "auto" => Some(Self::Auto),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

impl Records {
    /// Creates the records of an object; the first byte that is fed has this offset.
    pub(crate) fn new(format: Format, paths: &RecordsPaths, offset: u64) -> Self {
        Self {
            format,
            paths: paths.clone(),
            limit: MAX_PAYLOAD_BYTES,
            buffer: Vec::new(),
            at: 0,
            base: offset,
            wanted: 0,
            ended: None,
            // The first record may be an unreadable one.
            state: if offset == 0 { State::Start } else { State::Values },
            log: Vec::new(),
            log_event: Vec::new(),
            has_lists: false,
        }
    }

    /// Sets another limit for the size of a record.
    pub(crate) const fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The buffer to which the next bytes are to be appended.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer.drain(..self.at);
        self.base += self.at as u64;
        self.at = 0;
        &mut self.buffer
    }

    /// Notes that all bytes were fed, or all that could be decompressed.
    pub(crate) const fn end(&mut self, ended: Result<(), BrokenPacking>) {
        self.ended = Some(ended);
        self.wanted = 0;
    }

    /// The offset of the next unread byte.
    pub(crate) const fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// The offset of the next record, as far as it is known.
    pub(crate) fn next_offset(&mut self) -> u64 {
        if let State::Skipping { offset, .. }
        | State::SkippingLine { offset }
        | State::SkippingTail { offset } = self.state
        {
            return offset;
        }
        // Only between values is white space certain to be a separator: a line begins with its
        // indentation, and an unreadable record may begin with a comma.
        let is_between = self.format == Format::Auto && matches!(self.state, State::Values);
        let separator = |byte: &&u8| is_between && matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let length = self.rest().iter().take_while(separator).count();
        self.offset() + length as u64
    }

    /// Whether the first record is a standalone value; `None` if it is not complete yet.
    pub(crate) fn begins_plainly(&mut self) -> Option<bool> {
        let is_record = match self.next() {
            Next::Feed => return None,
            next => matches!(next, Next::Record { .. }),
        };
        Some(is_record && (self.format == Format::Text || matches!(self.state, State::Values)))
    }

    /// The next record.
    pub(crate) fn next(&mut self) -> Next<'_> {
        loop {
            let found = match self.format {
                Format::Auto => self.step(),
                Format::Text => self.line(),
            };
            let offset = |start: usize| self.base + start as u64;
            return match found {
                Found::Nothing => continue,
                Found::Record(start, end) => {
                    Next::Record { offset: offset(start), text: &self.buffer[start..end] }
                }
                Found::LogEvent(start, end) => {
                    let offset = offset(start);
                    self.log_event.clear();
                    for part in [&self.log, &self.buffer[start..end], b"]}"] {
                        self.log_event.extend_from_slice(part);
                    }
                    Next::Record { offset, text: &self.log_event }
                }
                Found::TooLarge { offset, bytes } => Next::TooLarge { offset, bytes },
                Found::Rest(start, end, packing) => {
                    let text = &self.buffer[start..end];
                    Next::Rest { offset: offset(start), text, packing }
                }
                Found::Feed => Next::Feed,
                Found::End => Next::End,
                Found::UnknownFormat => Next::UnknownFormat,
            };
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Skips `length` bytes and returns their span.
    fn pass(&mut self, length: usize) -> (usize, usize) {
        let start = self.at;
        self.at += length;
        self.wanted = 0;
        (start, self.at)
    }

    /// Skips a byte order mark, if there is one; `false` if there are too few bytes to know.
    fn skip_byte_order_mark(&mut self) -> bool {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        if MARK.starts_with(self.rest()) && self.rest() != MARK && self.ended.is_none() {
            return false;
        }
        if self.rest().starts_with(MARK) {
            self.pass(MARK.len());
        }
        true
    }

    fn skip_white_space(&mut self) {
        let white =
            self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += white.count();
    }

    /// There are no more bytes: it is the end, or more bytes are needed.
    fn exhausted(&mut self) -> Found {
        match self.ended {
            None => Found::Feed,
            Some(Ok(())) => {
                self.state = State::Ended;
                Found::End
            }
            Some(Err(packing)) => {
                self.state = State::Ended;
                let (start, end) = self.pass(self.rest().len());
                Found::Rest(start, end, packing)
            }
        }
    }

    fn step(&mut self) -> Found {
        if self.rest().len() < self.wanted && self.ended.is_none() {
            return Found::Feed;
        }
        match &mut self.state {
            State::Start => self.start(),
            State::Values => self.value(),
            State::List { inside, takes_value } => {
                let (inside, takes_value) = (*inside, *takes_value);
                self.list(inside, takes_value)
            }
            State::After { inside, takes_value } => {
                let (inside, takes_value) = (*inside, *takes_value);
                self.after(inside, takes_value)
            }
            State::Skipping { offset, skipper, back } => {
                let (offset, back) = (*offset, *back);
                let lists = Some(&self.paths).filter(|_| matches!(back, Back::Values));
                let passed = skipper.pass(&self.buffer[self.at..], lists);
                let line = skipper.next_line();
                if passed == Passed::Feed && self.ended.is_none() {
                    let length = skipper.forget();
                    self.pass(length);
                    return Found::Feed;
                }
                self.skipped(offset, passed, line, back)
            }
            State::SkippingLine { offset } => {
                let offset = *offset;
                let end = memchr(b'\n', self.rest());
                self.pass(end.unwrap_or(self.rest().len()));
                if end.is_none() && self.ended.is_none() {
                    return Found::Feed;
                }
                self.state = State::Values;
                self.too_large(offset)
            }
            State::Tail => self.tail(),
            State::SkippingTail { offset } => {
                let offset = *offset;
                self.pass(self.rest().len());
                if self.ended.is_none() {
                    return Found::Feed;
                }
                self.state = State::Values;
                self.too_large(offset)
            }
            State::Ended => Found::End,
        }
    }

    /// The value that began at this offset, and was skipped, is too large.
    const fn too_large(&self, offset: u64) -> Found {
        Found::TooLarge { offset, bytes: self.offset() - offset }
    }

    /// The next line that is not blank.
    fn line(&mut self) -> Found {
        if let State::SkippingLine { .. } = self.state {
            return self.step();
        }
        if let State::Start = self.state {
            if !self.skip_byte_order_mark() {
                return Found::Feed;
            }
            self.state = State::Values;
        }
        if self.rest().len() < self.wanted && self.ended.is_none() {
            return Found::Feed;
        }
        let end = memchr(b'\n', self.rest());
        // This includes the white space at its end, so that the result does not depend on how the
        // bytes arrive.
        if end.unwrap_or(self.rest().len()) > self.limit {
            self.state = State::SkippingLine { offset: self.offset() };
            return Found::Nothing;
        }
        if end.is_none() && (self.ended.is_none() || self.rest().is_empty()) {
            self.wanted = self.rest().len() + 1;
            return if matches!(self.state, State::Ended) { Found::End } else { self.exhausted() };
        }
        if end.is_none() && matches!(self.ended, Some(Err(_))) {
            return self.exhausted();
        }
        let (start, end) = self.pass(end.unwrap_or(self.rest().len()));
        // The line break belongs to its line.
        self.at = (self.at + 1).min(self.buffer.len());
        let line = &self.buffer[start..end];
        if line.trim_ascii().is_empty() {
            return Found::Nothing;
        }
        Found::Record(start, if line.ends_with(b"\r") { end - 1 } else { end })
    }
}

#[cfg(test)]
mod tests;
