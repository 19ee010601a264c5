//! Skips a value that is too large, in pieces and in constant memory.
//!
//! Only punctuation, strings and the extent of numbers and words are examined. This is enough to
//! detect a truncated value, so that it does not affect the records after it.

use shared::json::{self, MAX_DEPTH};

use super::list::RecordsPaths;

/// Maximum length of a member's name that is compared with the segments of a path.
const MAX_NAME_BYTES: usize = 4_096;

/// The progress of skipping a value. Positions are those in the text for [`Skipper::pass`].
#[derive(Debug)]
pub(super) struct Skipper {
    /// Maximum distance of an earlier line break that is considered.
    limit: usize,
    /// The position of the next byte.
    seen: usize,
    expects: Expects,
    depth: usize,
    /// The levels that are objects, the outermost in the lowest bit.
    objects: u128,
    /// The line break before the current value, and its depth in arrays and objects. If the text
    /// after that value does not belong there, the line was a record, and the value before it was
    /// truncated.
    line: Option<(usize, usize)>,
    /// The names of the current members in the first two levels.
    names: [Vec<u8>; 2],
}

/// The tokens that may come next, except white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    Value,
    /// A value or the end of the array.
    Element,
    Name,
    /// A name or the end of the object.
    FirstName,
    Colon,
    /// A comma, or the end of the array or object around the value.
    Next,
    /// The rest of a string.
    Text {
        is_name: bool,
    },
    /// The rest of an escape.
    Escape {
        is_name: bool,
    },
    /// The rest of a number or a word.
    Word,
    /// Anything: below the deepest level of an event, objects and arrays are not distinguished.
    Any,
}

/// The result of skipping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// The value continues.
    Feed,
    /// The value ends here.
    Whole(usize),
    /// The value is malformed here.
    Broken(usize),
    /// A list begins: the position after its bracket, and the number of objects around it.
    List(usize, usize),
}

impl Skipper {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: 0,
            expects: Expects::Value,
            depth: 0,
            objects: 0,
            line: None,
            names: [Vec::new(), Vec::new()],
        }
    }

    /// Skips the available part of the value, up to a list at one of the paths.
    pub(super) fn pass(&mut self, text: &[u8], lists: Option<&RecordsPaths>) -> Passed {
        while let Some(rest @ [byte, ..]) = text.get(self.seen..) {
            let is_list = *byte == b'[' && lists.is_some_and(|paths| self.is_at_list(paths));
            let Some(length) = self.step(rest) else { return Passed::Broken(self.seen) };
            self.seen += length;
            if is_list {
                return Passed::List(self.seen, self.depth - 1);
            }
            if self.depth == 0 && self.expects == Expects::Next {
                return Passed::Whole(self.seen);
            }
        }
        Passed::Feed
    }

    /// Where the next record begins after a value that was malformed or did not end; `None` if it
    /// can only begin at the next line break.
    pub(super) fn next_line(&self) -> Option<usize> {
        self.line.map(|(at, _)| at).filter(|at| self.seen - at <= self.limit)
    }

    /// Drops the bytes that are no longer needed, and returns their number.
    pub(super) fn forget(&mut self) -> usize {
        let length = self.next_line().unwrap_or(self.seen);
        self.line = self.line.filter(|(at, _)| *at == length).map(|(_, depth)| (0, depth));
        self.seen -= length;
        length
    }

    /// Skips the next bytes; `None` if they do not belong to the value.
    fn step(&mut self, rest: &[u8]) -> Option<usize> {
        let (length, expects) = match (self.expects, rest[0]) {
            (Expects::Text { .. } | Expects::Escape { .. }, ..b' ') => return None,
            (Expects::Text { is_name }, b'"') => {
                (1, if is_name { Expects::Colon } else { self.after_value() })
            }
            (Expects::Text { is_name }, b'\\') => (1, Expects::Escape { is_name }),
            (Expects::Text { is_name }, _) => (json::plain_prefix(rest), Expects::Text { is_name }),
            (Expects::Escape { is_name }, _) => (1, Expects::Text { is_name }),
            (Expects::Word, _) => match rest.iter().position(|byte| !is_of_word(*byte)) {
                Some(length) => (length, self.after_value()),
                None => (rest.len(), Expects::Word),
            },
            (expects, b' ' | b'\t' | b'\r') => (1, expects),
            (expects, b'\n') => {
                if self.next_line().is_none() {
                    self.line = Some((self.seen, self.depth));
                }
                (1, expects)
            }
            (Expects::Value | Expects::Element | Expects::Any, b'"') => {
                (1, Expects::Text { is_name: false })
            }
            (Expects::Value | Expects::Element | Expects::Any, byte @ (b'{' | b'[')) => {
                (1, self.open(byte == b'{'))
            }
            (Expects::Any, b'}' | b']') | (Expects::Element, b']') | (Expects::FirstName, b'}') => {
                (1, self.close())
            }
            (Expects::Next, byte @ (b'}' | b']')) if self.is_in_object() == (byte == b'}') => {
                (1, self.close())
            }
            (Expects::Any, _) => (1, Expects::Any),
            (Expects::Name | Expects::FirstName, b'"') => {
                self.leave_line();
                if let Some(name) = self.name() {
                    name.clear();
                }
                (1, Expects::Text { is_name: true })
            }
            (Expects::Colon, b':') => (1, Expects::Value),
            (Expects::Next, b',') => {
                self.leave_line();
                (1, if self.is_in_object() { Expects::Name } else { Expects::Value })
            }
            (Expects::Value | Expects::Element, b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                (1, Expects::Word)
            }
            _ => return None,
        };
        if let Expects::Text { is_name: true } | Expects::Escape { is_name: true } = self.expects
            && expects != Expects::Colon
            && let Some(name) = self.name()
        {
            let room = MAX_NAME_BYTES.saturating_sub(name.len());
            name.extend_from_slice(&rest[..length.min(room)]);
        }
        self.expects = expects;
        Some(length)
    }

    const fn after_value(&self) -> Expects {
        if self.depth > MAX_DEPTH { Expects::Any } else { Expects::Next }
    }

    const fn is_in_object(&self) -> bool {
        self.depth > 0 && self.objects >> (self.depth - 1) & 1 == 1
    }

    const fn open(&mut self, is_object: bool) -> Expects {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Expects::Any;
        }
        let level = 1 << (self.depth - 1);
        if is_object {
            self.objects |= level;
            Expects::FirstName
        } else {
            self.objects &= !level;
            Expects::Element
        }
    }

    fn close(&mut self) -> Expects {
        self.leave_line();
        self.depth -= 1;
        self.after_value()
    }

    /// Notes that the value at the start of the line has ended inside its array or object.
    fn leave_line(&mut self) {
        self.line = self.line.filter(|(_, depth)| *depth < self.depth);
    }

    fn name(&mut self) -> Option<&mut Vec<u8>> {
        self.names.get_mut(self.depth.checked_sub(1)?)
    }

    /// Whether a member at one of the paths comes next.
    fn is_at_list(&self, paths: &RecordsPaths) -> bool {
        let levels = (1_u128 << self.depth.min(self.names.len())) - 1;
        self.expects == Expects::Value
            && self.objects & levels == levels
            && self.names.get(..self.depth).is_some_and(|names| paths.contain(names))
    }
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}
