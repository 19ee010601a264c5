//! Steps through JSON values, arrays and the lists of objects.

use memchr::memchr;
use shared::envelope::LogMessage;
use shared::json::{Extent, MAX_DEPTH};

use super::list::ListAt;
use super::skip::{Passed, Skipper};
use super::{Back, Found, Records, State};

/// Maximum levels of a value over the end of a line, outside of lists: each line is tried as a
/// record after a value that does not end.
const MAX_LEVELS_OVER_LINES: usize = 2 * MAX_DEPTH;

impl Records {
    pub(super) fn start(&mut self) -> Found {
        if !self.skip_byte_order_mark() {
            return Found::Feed;
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

    pub(super) fn value(&mut self) -> Found {
        self.skip_white_space();
        match self.rest().first() {
            None => return self.exhausted(),
            Some(b'[') => {
                self.pass(1);
                self.log.clear();
                self.enter_list(0);
                return Found::Nothing;
            }
            Some(_) => {}
        }
        let extent = self.extent(MAX_LEVELS_OVER_LINES);
        if extent == Extent::CutOff && self.may_grow() {
            return Found::Feed;
        }
        let list = self.paths.find(self.head(), extent);
        let is_message = || {
            let whole = extent.whole().filter(|length| *length <= self.limit);
            let value = whole.map(|length| &self.rest()[..length]);
            value.is_some_and(|value| {
                LogMessage::may_be_in(value) && LogMessage::of(value).is_some()
            })
        };
        if let Some(ListAt { start, inside, is_of_log }) = list.filter(|_| !is_message()) {
            self.log.clear();
            let (start, end) = self.pass(start);
            if is_of_log {
                self.log.extend_from_slice(&self.buffer[start..end]);
            }
            self.enter_list(inside);
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
            Extent::CutOff if self.is_beyond_limit() => self.skip_value(Back::Values),
            Extent::CutOff | Extent::Broken => self.broken_line(),
        }
    }

    /// The part of the text that is examined: always the same amount, however much is available, so
    /// that the result does not depend on how the bytes arrive.
    fn head(&self) -> &[u8] {
        let rest = self.rest();
        &rest[..rest.len().min(self.limit + 1)]
    }

    const fn is_beyond_limit(&self) -> bool {
        self.buffer.len() - self.at > self.limit
    }

    /// The extent of the next value, with at most this number of levels over the end of a line. A
    /// number or a word may continue after the last byte.
    fn extent(&self, levels: usize) -> Extent {
        let head = self.head();
        let may_go_on = self.ended.is_none() || head.len() < self.rest().len();
        let is_open =
            |length| length == head.len() && may_go_on && !matches!(head[0], b'{' | b'[' | b'"');
        match Extent::over_lines(head, levels) {
            Extent::Whole(length) if is_open(length) => Extent::CutOff,
            extent => extent,
        }
    }

    fn enter_list(&mut self, inside: usize) {
        self.has_lists = true;
        self.state = State::List { inside, takes_value: true };
    }

    /// Whether a truncated value may still become complete: then it is examined again when there is
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
        let (offset, skipper) = (self.offset(), Skipper::new(self.limit));
        self.state = State::Skipping { offset, skipper, back };
        self.wanted = 0;
        Found::Nothing
    }

    /// Continues after a value that began at this offset and is too large. `line` is where the next
    /// record begins, if the value is malformed and the line break before that record was skipped.
    pub(super) fn skipped(
        &mut self,
        offset: u64,
        passed: Passed,
        line: Option<usize>,
        back: Back,
    ) -> Found {
        let broken_at = match passed {
            Passed::Whole(end) => {
                self.pass(end);
                let (state, is_record) = match back {
                    Back::Values => (State::Values, true),
                    Back::List { inside } => (State::List { inside, takes_value: false }, true),
                    Back::After { inside } => (State::After { inside, takes_value: false }, false),
                };
                self.state = state;
                return if is_record { self.too_large(offset) } else { Found::Nothing };
            }
            Passed::List(start, inside) => {
                self.pass(start);
                self.log.clear();
                self.enter_list(inside);
                return Found::Nothing;
            }
            Passed::Broken(at) => at,
            Passed::Feed => self.rest().len(),
        };
        if let Back::List { .. } = back {
            self.pass(broken_at);
            self.state = State::SkippingTail { offset };
            return Found::Nothing;
        }
        if let Some(line) = line {
            self.pass(line);
            self.state = State::Values;
            return self.too_large(offset);
        }
        self.pass(broken_at);
        self.state = State::SkippingLine { offset };
        Found::Nothing
    }

    /// An unreadable record ends at the next line break.
    fn broken_line(&mut self) -> Found {
        let end = memchr(b'\n', self.rest());
        let length = end.unwrap_or(self.rest().len());
        if end.is_none() && self.ended.is_none() && length <= self.limit {
            self.wanted = length + 1;
            return Found::Feed;
        }
        if length > self.limit {
            self.state = State::SkippingLine { offset: self.offset() };
            return Found::Nothing;
        }
        if let (None, Some(Err(packing))) = (end, self.ended) {
            self.state = State::Ended;
            let (start, end) = self.pass(length);
            return Found::Rest(start, end, packing);
        }
        let (start, end) = self.pass(length);
        Found::Record(start, end)
    }

    pub(super) fn list(&mut self, inside: usize, takes_value: bool) -> Found {
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
        match self.extent(usize::MAX) {
            Extent::CutOff if self.may_grow() => Found::Feed,
            Extent::CutOff if self.is_beyond_limit() => self.skip_value(Back::List { inside }),
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

    /// After a list, the remaining members of the objects around it follow, which are not records.
    /// Anything else is read as values again.
    pub(super) fn after(&mut self, inside: usize, takes_value: bool) -> Found {
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
            (byte, takes_value) if takes_value || byte == b'"' => match self.extent(usize::MAX) {
                Extent::Whole(length) => {
                    self.pass(length);
                    self.state = State::After { inside, takes_value: false };
                }
                Extent::CutOff if self.may_grow() => return Found::Feed,
                Extent::CutOff if self.is_beyond_limit() => {
                    return self.skip_value(Back::After { inside });
                }
                Extent::CutOff | Extent::Broken => self.state = State::Values,
            },
            _ => self.state = State::Values,
        }
        Found::Nothing
    }

    /// The rest of an object with a malformed list is one record.
    pub(super) fn tail(&mut self) -> Found {
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
}
