//! A validating scanner of JSON text (RFC 8259) that copies nothing.
//!
//! It reads the bytes once and returns [`Span`]s: it builds no tree, converts no numbers and
//! unescapes no strings (see [`unescape`]). It assumes valid UTF-8; callers check foreign bytes
//! first, with a faster tool.

mod entries;
mod extent;
mod paths;
mod strings;
mod word;

use std::ops::ControlFlow;

use strings::{escape_length, specials, word_at};

pub use entries::Entries;
pub use extent::Extent;
pub(crate) use paths::{Found, Paths};
pub use strings::{meaning, plain_prefix, quoted_prefix, unescape, unescaped};
pub(crate) use word::Word;

/// Maximum length of a number, in characters: that of OpenSearch's JSON parser.
pub const MAX_NUMBER_LENGTH: usize = 1_000;

/// Maximum nesting of arrays and objects; the outermost is level 1.
pub const MAX_DEPTH: usize = 128;

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not JSON, or truncated.
    #[error("not valid JSON")]
    Invalid,
    /// More than [`MAX_DEPTH`] levels.
    #[error("nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// A number of more than [`MAX_NUMBER_LENGTH`] characters.
    #[error("a number of more than {MAX_NUMBER_LENGTH} characters")]
    NumberTooLong,
}

/// A range of the text: bytes `start..end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The bytes of `text` in this span.
    #[must_use]
    pub fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start..self.end]
    }

    /// For a string, the content between the quotes.
    #[must_use]
    pub const fn inside(self) -> Self {
        Self { start: self.start + 1, end: self.end - 1 }
    }

    /// The number of bytes.
    #[must_use]
    pub const fn length(self) -> usize {
        self.end - self.start
    }
}

/// A string's content as written, between the quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The content, without the quotes.
    pub span: Span,
    /// Whether it contains a backslash, so that [`unescape`] is needed to read it.
    pub escaped: bool,
}

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `"…"`
    String,
    /// `-1.5e3`
    Number,
    /// `true`, `false`
    Bool,
    /// `null`
    Null,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

/// Scans a JSON text.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a [u8],
    position: usize,
    /// The parts that a one-line copy of the text leaves out: white space with line breaks between
    /// tokens, in order, and spans that the caller adds.
    pub cuts: Vec<Span>,
}

impl<'a> Scanner<'a> {
    /// Creates a scanner at the start of `text`.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self { text, position: 0, cuts: Vec::new() }
    }

    /// The position of the next byte.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The whole text.
    #[must_use]
    pub const fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The next byte, if there is one.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    /// Skips white space.
    #[inline]
    pub fn skip_white_space(&mut self) {
        // Usually there is none, or one space.
        if self.peek().is_some_and(|byte| byte <= b' ') {
            let start = self.position;
            self.take(b' ');
            if self.peek().is_some_and(|byte| byte <= b' ') {
                self.skip_white_space_run(start);
            }
        }
    }

    fn skip_white_space_run(&mut self, start: usize) {
        let mut line_break = false;
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek() {
            line_break |= matches!(byte, b'\n' | b'\r');
            self.position += 1;
        }
        if line_break {
            self.cuts.push(Span { start, end: self.position });
        }
    }

    /// Scans an object. Calls `member` with each key, at the position of its value, which `member`
    /// must scan.
    ///
    /// # Errors
    /// Errors of `member`, or [`Error::Invalid`] if this is not an object.
    #[inline]
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Text) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.expect(b'{')?;
        self.skip_white_space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.skip_white_space();
            self.expect(b':')?;
            self.skip_white_space();
            member(self, key)?;
            if self.next_or_close(b'}')?.is_break() {
                return Ok(());
            }
        }
    }

    /// Scans a text that is one object, like [`Self::object`].
    ///
    /// # Errors
    /// The error, as the end of a sentence.
    pub fn only_object(
        mut self,
        member: impl FnMut(&mut Self, Text) -> Result<(), Error>,
    ) -> Result<(), String> {
        self.skip_white_space();
        let is_object = self.peek() == Some(b'{');
        let passed = if is_object { self.object(member) } else { self.value(0).map(drop) };
        passed.map_err(|error| error.to_string())?;
        self.skip_white_space();
        match self.peek() {
            Some(_) => Err("it continues after its end".to_owned()),
            None if is_object => Ok(()),
            None => Err("it is not an object".to_owned()),
        }
    }

    /// Scans an array, and returns what `element` reads from each value. The inner error is that of
    /// `element` for the first invalid value, after its index: `[3] has no id`.
    ///
    /// # Errors
    /// As [`Self::array`].
    pub fn elements<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<Result<T, &'static str>, Error>,
    ) -> Result<Result<Vec<T>, String>, Error> {
        let mut elements = Vec::new();
        let mut unusable = None;
        let mut index = 0;
        self.array(|scanner| {
            match element(scanner)? {
                Ok(element) => elements.push(element),
                Err(problem) => {
                    unusable.get_or_insert_with(|| format!("[{index}] {problem}"));
                }
            }
            index += 1;
            Ok(())
        })?;
        Ok(unusable.map_or(Ok(elements), Err))
    }

    /// Scans an array. Calls `element` at each value, which `element` must scan.
    ///
    /// # Errors
    /// Errors of `element`, or [`Error::Invalid`] if this is not an array.
    #[inline]
    pub fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.expect(b'[')?;
        self.skip_white_space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if self.next_or_close(b']')?.is_break() {
                return Ok(());
            }
        }
    }

    #[inline]
    fn next_or_close(&mut self, close: u8) -> Result<ControlFlow<()>, Error> {
        if self.peek() != Some(b',') {
            self.skip_white_space();
        }
        if self.take(b',') {
            self.skip_white_space();
            Ok(ControlFlow::Continue(()))
        } else {
            self.expect(close)?;
            Ok(ControlFlow::Break(()))
        }
    }

    /// Returns the kind of the next value, and scans it unless it is an array or object.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no value here, [`Error::NumberTooLong`].
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than most values do")]
    pub fn scalar(&mut self) -> Result<Kind, Error> {
        if self.peek() == Some(b'"') {
            self.string().map(|_| Kind::String)
        } else {
            self.no_string()
        }
    }

    #[inline(never)]
    fn no_string(&mut self) -> Result<Kind, Error> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| Kind::Number),
            Some(b't') => self.literal(b"true").map(|()| Kind::Bool),
            Some(b'f') => self.literal(b"false").map(|()| Kind::Bool),
            Some(b'n') => self.literal(b"null").map(|()| Kind::Null),
            Some(b'[') => Ok(Kind::Array),
            Some(b'{') => Ok(Kind::Object),
            _ => Err(Error::Invalid),
        }
    }

    /// Scans a whole value that is nested `depth` levels deep.
    ///
    /// # Errors
    /// All of [`Error`].
    pub fn value(&mut self, depth: usize) -> Result<Kind, Error> {
        let kind = self.scalar()?;
        match kind {
            Kind::Array | Kind::Object if depth >= MAX_DEPTH => return Err(Error::TooDeep),
            Kind::Array => self.array(|scanner| scanner.value(depth + 1).map(drop))?,
            Kind::Object => self.object(|scanner, _| scanner.value(depth + 1).map(drop))?,
            _ => {}
        }
        Ok(kind)
    }

    /// Scans a string.
    ///
    /// # Errors
    /// [`Error::Invalid`]: not a string, not closed, an unescaped control character, an unknown
    /// escape or an unpaired surrogate.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than most values do")]
    pub fn string(&mut self) -> Result<Text, Error> {
        if self.peek() != Some(b'"') {
            return Err(Error::Invalid);
        }
        let start = self.position + 1;
        let mut at = start;
        // Most strings have no escapes and end within two words.
        for _ in 0..2 {
            let Some(word) = word_at(self.text, at) else { break };
            let found = specials(word);
            if found != 0 {
                at += (found.trailing_zeros() / 8) as usize;
                if self.text[at] == b'"' {
                    self.position = at + 1;
                    return Ok(Text { span: Span { start, end: at }, escaped: false });
                }
                break;
            }
            at += 8;
        }
        self.rest_of_string(start, at)
    }

    /// Skips short strings without escapes in an array, with the comma after each, which is faster
    /// than one by one. Stops before the last element.
    #[inline]
    pub fn skip_short_strings(&mut self) {
        let mut at = self.position;
        while let (Some(b'"'), Some(word)) = (self.text.get(at), word_at(self.text, at + 1)) {
            let mut end = at + 1;
            let mut found = specials(word);
            if found == 0 {
                end += 8;
                let Some(word) = word_at(self.text, end) else { break };
                found = specials(word);
            }
            end += (found.trailing_zeros() / 8) as usize;
            if self.text.get(end..end + 3) != Some(b"\",\"") {
                break;
            }
            at = end + 2;
        }
        self.position = at;
    }

    #[inline(never)]
    fn rest_of_string(&mut self, start: usize, mut at: usize) -> Result<Text, Error> {
        let mut escaped = false;
        loop {
            at += plain_prefix(&self.text[at..]);
            match self.text.get(at) {
                Some(b'"') => {
                    self.position = at + 1;
                    return Ok(Text { span: Span { start, end: at }, escaped });
                }
                Some(b'\\') => {}
                _ => return Err(Error::Invalid),
            }
            escaped = true;
            at += escape_length(&self.text[at..]).ok_or(Error::Invalid)?;
            at += quoted_prefix(&self.text[at..]);
        }
    }

    fn number(&mut self) -> Result<(), Error> {
        let start = self.position;
        self.take(b'-');
        // Leading zeros are not allowed.
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        if self.position - start > MAX_NUMBER_LENGTH {
            return Err(Error::NumberTooLong);
        }
        Ok(())
    }

    /// Skips one or more digits.
    #[inline]
    fn digits(&mut self) -> Result<(), Error> {
        let start = self.position;
        let mut at = start;
        while self.text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        self.position = at;
        if at == start { Err(Error::Invalid) } else { Ok(()) }
    }

    fn literal(&mut self, literal: &[u8]) -> Result<(), Error> {
        if self.text[self.position..].starts_with(literal) {
            self.position += literal.len();
            Ok(())
        } else {
            Err(Error::Invalid)
        }
    }

    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.position += usize::from(there);
        there
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.take(byte) { Ok(()) } else { Err(Error::Invalid) }
    }
}

#[cfg(test)]
mod tests;
