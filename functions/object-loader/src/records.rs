//! The records of an object, found while its bytes arrive, in bounded memory.
//!
//! Nothing is validated here that the event model validates: a record is found by where it starts
//! and ends. What cannot be read does not take its neighbours with it: it ends at the next line
//! break, or, within a list, with the object.

mod list;
mod skip;

use memchr::memchr;
use shared::event::MAX_PAYLOAD_BYTES;
use shared::json::Extent;

use crate::unpack::BrokenPacking;
use list::ListAt;
pub use list::RecordsPaths;
use skip::Skipper;

/// How records stand in an object: `FORMAT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON values, and the elements of lists.
    Auto,
    /// Lines.
    Text,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// A record, at this offset of the unpacked object.
    Record { offset: u64, text: &'a [u8] },
    /// A record of this size that is too large to be kept.
    TooLarge { offset: u64, bytes: u64 },
    /// What is left where the packing is broken.
    Rest { offset: u64, text: &'a [u8], packing: BrokenPacking },
    /// More bytes are needed first.
    Feed,
    /// There are no more records.
    End,
    /// The object holds no records of the format.
    UnknownFormat,
}

/// Finds the records of one object. Fed with [`Records::buffer`] and [`Records::end`].
#[derive(Debug)]
pub(crate) struct Records {
    format: Format,
    paths: RecordsPaths,
    /// The largest record, in bytes.
    limit: usize,
    buffer: Vec<u8>,
    /// Where in `buffer` the next byte is.
    at: usize,
    /// The offset of the first byte of `buffer` in the unpacked object.
    base: u64,
    /// Where nothing is worth a look before this many bytes are there.
    wanted: usize,
    ended: Option<Result<(), BrokenPacking>>,
    state: State,
    /// Of a message of CloudWatch Logs that is too large to be one record, what stands before its log
    /// events; empty otherwise.
    log: Vec<u8>,
    /// A message of one log event.
    log_event: Vec<u8>,
}

#[derive(Debug)]
enum State {
    /// Before the first value.
    Start,
    /// Before a value.
    Values,
    /// In a list, which ends `inside` so many objects; before an element or its end.
    List {
        inside: usize,
        takes_value: bool,
    },
    /// After a list, in so many objects.
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
    /// In what a broken list leaves.
    Tail,
    /// The same, too large.
    SkippingTail {
        offset: u64,
    },
    Ended,
}

/// Where to go after a value that is too large.
#[derive(Clone, Copy, Debug)]
enum Back {
    Values,
    List {
        inside: usize,
    },
    /// A member that is not asked for.
    After {
        inside: usize,
    },
}

/// What was found, as places in the buffer.
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
    /// Nothing yet: go on.
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
    /// The records of an object whose first byte that is fed has this offset.
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
            state: State::Start,
            log: Vec::new(),
            log_event: Vec::new(),
        }
    }

    /// The same with another limit for the size of a record.
    pub(crate) const fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Where the next bytes are to be appended.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer.drain(..self.at);
        self.base += self.at as u64;
        self.at = 0;
        &mut self.buffer
    }

    /// All bytes are there, or all that come out of a broken packing.
    pub(crate) const fn end(&mut self, ended: Result<(), BrokenPacking>) {
        self.ended = Some(ended);
        self.wanted = 0;
    }

    /// The offset of the next byte that is not passed.
    pub(crate) const fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// The offset of the next record, as far as it is there.
    pub(crate) fn next_offset(&mut self) -> u64 {
        let separator = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',');
        let length = self.rest().iter().take_while(separator).count();
        self.offset() + length as u64
    }

    /// Whether the first record stands by itself; `None` where it is not all there yet.
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

    /// Passes `length` bytes, which are returned as a span.
    fn pass(&mut self, length: usize) -> (usize, usize) {
        let start = self.at;
        self.at += length;
        self.wanted = 0;
        (start, self.at)
    }

    fn skip_white_space(&mut self) {
        let white =
            self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += white.count();
    }

    /// No byte is left: the end, or more bytes are needed.
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
                let end = skipper.pass(&self.buffer[self.at..]);
                self.pass(end.unwrap_or(self.rest().len()));
                if end.is_none() && self.ended.is_none() {
                    return Found::Feed;
                }
                let (state, is_record) = match back {
                    Back::Values => (State::Values, true),
                    Back::List { inside } => (State::List { inside, takes_value: false }, true),
                    Back::After { inside } => (State::After { inside, takes_value: false }, false),
                };
                self.state = state;
                if is_record { self.too_large(offset) } else { Found::Nothing }
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

    /// What began at this offset and is passed is too large.
    const fn too_large(&self, offset: u64) -> Found {
        Found::TooLarge { offset, bytes: self.offset() - offset }
    }

    fn start(&mut self) -> Found {
        const BOM: &[u8] = b"\xEF\xBB\xBF";
        if BOM.starts_with(self.rest()) && self.ended.is_none() {
            return Found::Feed;
        }
        if self.rest().starts_with(BOM) {
            self.pass(BOM.len());
        }
        self.skip_white_space();
        match self.rest().first() {
            None => self.exhausted(),
            Some(b'{' | b'[' | b'"') => {
                self.state = State::Values;
                Found::Nothing
            }
            Some(_) => Found::UnknownFormat,
        }
    }

    fn value(&mut self) -> Found {
        self.skip_white_space();
        match self.rest().first() {
            None => return self.exhausted(),
            Some(b'[') => {
                self.pass(1);
                self.log.clear();
                self.state = State::List { inside: 0, takes_value: true };
                return Found::Nothing;
            }
            Some(_) => {}
        }
        let extent = self.extent();
        if extent == Extent::CutOff && self.may_grow() {
            return Found::Feed;
        }
        let list = self.paths.find(self.rest(), extent);
        let is_message = |list: &ListAt| {
            list.is_of_log && extent.whole().is_some_and(|length| length <= self.limit)
        };
        if let Some(ListAt { start, inside, is_of_log }) = list.filter(|list| !is_message(list)) {
            self.log.clear();
            let (start, end) = self.pass(start);
            if is_of_log {
                self.log.extend_from_slice(&self.buffer[start..end]);
            }
            self.state = State::List { inside, takes_value: true };
            return Found::Nothing;
        }
        match extent {
            Extent::Whole(length) => {
                let offset = self.offset();
                let (start, end) = self.pass(length);
                if length > self.limit {
                    return self.too_large(offset);
                }
                Found::Record(start, end)
            }
            Extent::CutOff if self.ended.is_none() => self.skip_value(Back::Values),
            Extent::CutOff | Extent::Broken => self.broken_line(),
        }
    }

    /// The extent of the value that comes next. A number or a word may go on after the last byte.
    fn extent(&self) -> Extent {
        let rest = self.rest();
        let is_open = |length| {
            length == rest.len() && self.ended.is_none() && !matches!(rest[0], b'{' | b'[' | b'"')
        };
        match Extent::of(rest) {
            Extent::Whole(length) if is_open(length) => Extent::CutOff,
            extent => extent,
        }
    }

    /// Whether a value that is cut off may still be whole: then it is looked at again when there is
    /// twice as much of it.
    fn may_grow(&mut self) -> bool {
        let length = self.rest().len();
        let may_grow = self.ended.is_none() && length <= self.limit;
        if may_grow {
            self.wanted = (2 * length).min(self.limit + 1);
        }
        may_grow
    }

    fn skip_value(&mut self, back: Back) -> Found {
        let offset = self.offset();
        self.state = State::Skipping { offset, skipper: Skipper::default(), back };
        self.wanted = 0;
        Found::Nothing
    }

    /// What cannot be read ends at the next line break.
    fn broken_line(&mut self) -> Found {
        let end = memchr(b'\n', self.rest());
        let length = end.unwrap_or(self.rest().len());
        if end.is_none() && self.ended.is_none() && length <= self.limit {
            self.wanted = length + 1;
            return Found::Feed;
        }
        if let (None, Some(Err(packing))) = (end, self.ended) {
            self.state = State::Ended;
            let (start, end) = self.pass(length);
            return Found::Rest(start, end, packing);
        }
        if length > self.limit {
            self.state = State::SkippingLine { offset: self.offset() };
            return Found::Nothing;
        }
        let (start, end) = self.pass(length);
        Found::Record(start, end)
    }

    fn list(&mut self, inside: usize, takes_value: bool) -> Found {
        self.skip_white_space();
        match self.rest().first() {
            None => return self.exhausted(),
            Some(b']') => {
                self.pass(1);
                self.state = if inside == 0 {
                    State::Values
                } else {
                    State::After { inside, takes_value: false }
                };
                return Found::Nothing;
            }
            Some(b',') if !takes_value => {
                self.pass(1);
                self.state = State::List { inside, takes_value: true };
                return Found::Nothing;
            }
            Some(_) if !takes_value => {
                self.state = State::Tail;
                return Found::Nothing;
            }
            Some(_) => {}
        }
        match self.extent() {
            Extent::CutOff if self.may_grow() => Found::Feed,
            Extent::CutOff if self.ended.is_none() => self.skip_value(Back::List { inside }),
            Extent::CutOff | Extent::Broken => {
                self.state = State::Tail;
                Found::Nothing
            }
            Extent::Whole(length) => {
                self.state = State::List { inside, takes_value: false };
                let offset = self.offset();
                let (start, end) = self.pass(length);
                if length > self.limit {
                    return self.too_large(offset);
                }
                if self.log.is_empty() {
                    Found::Record(start, end)
                } else {
                    Found::LogEvent(start, end)
                }
            }
        }
    }

    /// After a list, members of the objects around it follow, which are not asked for. Whatever else
    /// follows is taken as values again.
    fn after(&mut self, inside: usize, takes_value: bool) -> Found {
        self.skip_white_space();
        let Some(&byte) = self.rest().first() else { return self.exhausted() };
        match (byte, takes_value) {
            (b'}', false) => {
                self.pass(1);
                self.state = match inside {
                    1 => State::Values,
                    _ => State::After { inside: inside - 1, takes_value: false },
                };
            }
            (b',', false) => {
                self.pass(1);
            }
            (b':', false) => {
                self.pass(1);
                self.state = State::After { inside, takes_value: true };
            }
            (byte, takes_value) if takes_value || byte == b'"' => match self.extent() {
                Extent::Whole(length) => {
                    self.pass(length);
                    self.state = State::After { inside, takes_value: false };
                }
                Extent::CutOff if self.may_grow() => return Found::Feed,
                Extent::CutOff if self.ended.is_none() => {
                    return self.skip_value(Back::After { inside });
                }
                Extent::CutOff | Extent::Broken => self.state = State::Values,
            },
            _ => self.state = State::Values,
        }
        Found::Nothing
    }

    /// The rest of an object with a broken list is one record.
    fn tail(&mut self) -> Found {
        let length = self.rest().len();
        if length > self.limit {
            self.state = State::SkippingTail { offset: self.offset() };
            return Found::Nothing;
        }
        match self.ended {
            None => {
                self.wanted = length + 1;
                Found::Feed
            }
            Some(Err(_)) => self.exhausted(),
            Some(Ok(())) => {
                self.state = State::Ended;
                let (start, end) = self.pass(length);
                Found::Record(start, end)
            }
        }
    }

    /// The next line that is not blank.
    fn line(&mut self) -> Found {
        if let State::SkippingLine { .. } = self.state {
            return self.step();
        }
        if self.rest().len() < self.wanted && self.ended.is_none() {
            return Found::Feed;
        }
        let end = memchr(b'\n', self.rest());
        if end.is_none() && (self.ended.is_none() || self.rest().is_empty()) {
            if self.rest().len() > self.limit {
                self.state = State::SkippingLine { offset: self.offset() };
                return Found::Nothing;
            }
            self.wanted = self.rest().len() + 1;
            return if matches!(self.state, State::Ended) { Found::End } else { self.exhausted() };
        }
        if end.is_none() && matches!(self.ended, Some(Err(_))) {
            return self.exhausted();
        }
        let (start, end) = self.pass(end.unwrap_or(self.rest().len()));
        // The line break goes with its line.
        self.at = (self.at + 1).min(self.buffer.len());
        let line = self.buffer[start..end].trim_ascii_end();
        let end = start + line.len();
        match line.len() {
            0 => Found::Nothing,
            length if length > self.limit => {
                Found::TooLarge { offset: self.base + start as u64, bytes: length as u64 }
            }
            _ => Found::Record(start, end),
        }
    }
}

#[cfg(test)]
mod tests;
