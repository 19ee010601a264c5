//! A reader of JSON text (RFC 8259) in pieces, over a window of fixed size: the text is validated,
//! and only short strings are returned.

use std::ops::Range;

use shared::json::{MAX_DEPTH, MAX_NUMBER_LENGTH, Scanner, plain_prefix, quoted_prefix};

use crate::error::Damage;
use crate::payload::Source;

/// Maximum length of a string that is returned, as written; longer ones are skipped.
pub(crate) const MAX_STRING_BYTES: usize = 64 << 10;

/// Size of the window, which fits in the processor's cache.
const WINDOW_BYTES: usize = 256 << 10;

/// Reads JSON text.
#[derive(Debug)]
pub(crate) struct Reader<S> {
    source: S,
    window: Box<[u8]>,
    position: usize,
    /// The end of the complete characters in the window.
    end: usize,
    /// The end of all bytes in the window: those after `end` begin a character.
    filled: usize,
    ended: bool,
}

/// The content of a string between the quotes, as written.
type Content = Range<usize>;

impl<S: Source> Reader<S> {
    /// A reader of the text of `source`.
    pub(crate) fn new(source: S) -> Self {
        let window = vec![0; WINDOW_BYTES].into_boxed_slice();
        Self { source, window, position: 0, end: 0, filled: 0, ended: false }
    }

    /// The bytes of a span, valid until the next read.
    pub(crate) fn bytes(&self, content: Content) -> &[u8] {
        &self.window[content]
    }

    /// Reads an object and calls `member` with each key, before the value, which `member` must read.
    /// A key that is not one of `keys` is an empty string.
    pub(crate) fn object(
        &mut self,
        keys: &[&'static str],
        mut member: impl FnMut(&mut Self, &'static str) -> Result<(), Damage>,
    ) -> Result<(), Damage> {
        self.expect(b'{')?;
        if self.take(b'}')? {
            return Ok(());
        }
        let key = self.key(keys)?;
        member(self, key)?;
        self.rest_of_object(keys, member)
    }

    /// Reads the rest of an object after a value, as [`Reader::object`] does.
    pub(crate) fn rest_of_object(
        &mut self,
        keys: &[&'static str],
        mut member: impl FnMut(&mut Self, &'static str) -> Result<(), Damage>,
    ) -> Result<(), Damage> {
        while self.take(b',')? {
            let key = self.key(keys)?;
            member(self, key)?;
        }
        self.expect(b'}')
    }

    /// Reads an array and calls `element` before each value, which `element` must read.
    pub(crate) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Damage>,
    ) -> Result<(), Damage> {
        self.expect(b'[')?;
        if self.take(b']')? {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.take(b',')? {
                return self.expect(b']');
            }
        }
    }

    /// The next byte that is not white space.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<u8, Damage> {
        match self.window[..self.end].get(self.position) {
            Some(byte) if *byte > b' ' => Ok(*byte),
            _ => self.peek_behind_blanks(),
        }
    }

    #[inline(never)]
    fn peek_behind_blanks(&mut self) -> Result<u8, Damage> {
        loop {
            let rest = &self.window[self.position..self.end];
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            if let Some(count) = rest.iter().position(|byte| !blank(byte)) {
                self.position += count;
                return Ok(self.window[self.position]);
            }
            self.position = self.end;
            self.more()?.then_some(()).ok_or(Damage::NotJson)?;
        }
    }

    /// The next `count` bytes, or all remaining ones.
    pub(crate) fn ahead(&mut self, count: usize) -> Result<&[u8], Damage> {
        while self.end - self.position < count && self.more()? {}
        Ok(&self.window[self.position..self.end.min(self.position + count)])
    }

    /// Skips this number of the bytes that [`Reader::ahead`] returned.
    pub(crate) fn pass(&mut self, count: usize) {
        self.position = self.end.min(self.position + count);
    }

    /// Reads a string and returns its content, unless it is longer than [`MAX_STRING_BYTES`].
    pub(crate) fn string(&mut self) -> Result<Option<Content>, Damage> {
        self.expect(b'"')?;
        let mut length = 0;
        loop {
            let (passed, closed) = pass(&self.window[self.position + length..self.end])?;
            length += passed;
            if closed {
                let start = self.position;
                self.position += length + 1;
                return Ok((length <= MAX_STRING_BYTES).then(|| start..start + length));
            }
            if length > MAX_STRING_BYTES {
                self.position += length;
                return self.rest_of_string().map(|()| None);
            }
            self.more()?.then_some(()).ok_or(Damage::NotJson)?;
        }
    }

    /// Skips a string.
    pub(crate) fn skip_string(&mut self) -> Result<(), Damage> {
        self.expect(b'"')?;
        self.rest_of_string()
    }

    fn rest_of_string(&mut self) -> Result<(), Damage> {
        loop {
            let (passed, closed) = pass(&self.window[self.position..self.end])?;
            self.position += passed;
            if closed {
                self.position += 1;
                return Ok(());
            }
            self.more()?.then_some(()).ok_or(Damage::NotJson)?;
        }
    }

    /// Skips a value.
    pub(crate) fn skip_value(&mut self) -> Result<(), Damage> {
        self.skip_nested(MAX_DEPTH)
    }

    fn skip_nested(&mut self, levels: usize) -> Result<(), Damage> {
        let inside = levels.checked_sub(1).ok_or(Damage::NotJson);
        match self.peek()? {
            b'"' => self.skip_string(),
            b'{' => inside.and_then(|levels| self.object(&[], |it, _| it.skip_nested(levels))),
            b'[' => inside.and_then(|levels| self.array(|it| it.skip_nested(levels))),
            _ => self.scalar().map(drop),
        }
    }

    /// A number without sign, fraction and exponent.
    pub(crate) fn integer(&mut self) -> Result<Option<u64>, Damage> {
        if !self.peek()?.is_ascii_digit() {
            return self.skip_value().map(|()| None);
        }
        let number = self.scalar()?;
        let text = str::from_utf8(self.bytes(number)).ok();
        Ok(text.and_then(|digits| digits.parse().ok()))
    }

    /// Reads white space up to the end of the text.
    pub(crate) fn finish(&mut self) -> Result<(), Damage> {
        loop {
            let rest = &self.window[self.position..self.end];
            if !rest.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
                return Err(Damage::NotJson);
            }
            self.position = self.end;
            if !self.more()? {
                return Ok(());
            }
        }
    }

    /// Reads a key and its colon.
    fn key(&mut self, keys: &[&'static str]) -> Result<&'static str, Damage> {
        let content = self.string()?;
        let key = content.map(|content| self.known(content, keys)).unwrap_or_default();
        self.expect(b':')?;
        Ok(key)
    }

    fn known(&self, content: Content, keys: &[&'static str]) -> &'static str {
        let content = self.bytes(content);
        let mut spare = Vec::new();
        let content = shared::json::meaning(content, &mut spare);
        keys.iter().find(|key| key.as_bytes() == content).copied().unwrap_or_default()
    }

    /// Reads a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Result<Content, Damage> {
        let of_scalar =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        loop {
            let rest = &self.window[self.position..self.end];
            let length = rest.iter().position(|byte| !of_scalar(byte)).unwrap_or(rest.len());
            if length > MAX_NUMBER_LENGTH {
                return Err(Damage::NotJson);
            }
            if length < rest.len() || !self.more()? {
                let scalar = self.position..self.position + length;
                let mut scanner = Scanner::new(self.bytes(scalar.clone()));
                let whole = scanner.scalar().is_ok() && scanner.peek().is_none();
                self.position += length;
                return whole.then_some(scalar).ok_or(Damage::NotJson);
            }
        }
    }

    fn take(&mut self, byte: u8) -> Result<bool, Damage> {
        let there = self.peek()? == byte;
        self.position += usize::from(there);
        Ok(there)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Damage> {
        if self.take(byte)? { Ok(()) } else { Err(Damage::NotJson) }
    }

    /// Fills the window, keeping the unread bytes; returns `false` at the end.
    fn more(&mut self) -> Result<bool, Damage> {
        if self.ended {
            return Ok(false);
        }
        self.window.copy_within(self.position..self.filled, 0);
        self.end -= self.position;
        self.filled -= self.position;
        self.position = 0;
        let before = self.end;
        while self.end == before {
            let count = self.source.read(&mut self.window[self.filled..])?;
            if count == 0 {
                self.ended = true;
                return if self.filled == self.end { Ok(false) } else { Err(Damage::NotJson) };
            }
            self.filled += count;
            self.end += whole_characters(&self.window[self.end..self.filled])?;
        }
        Ok(true)
    }
}

/// The number of bytes at the start that are complete characters of UTF-8; the rest must begin one.
fn whole_characters(bytes: &[u8]) -> Result<usize, Damage> {
    match simdutf8::compat::from_utf8(bytes) {
        Ok(_) => Ok(bytes.len()),
        Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
        Err(_) => Err(Damage::NotJson),
    }
}

/// The number of bytes of a string's content, and whether its closing quote follows them. If not,
/// they are all bytes except a truncated escape.
fn pass(bytes: &[u8]) -> Result<(usize, bool), Damage> {
    let mut position = 0;
    loop {
        let rest = &bytes[position..];
        let plain = plain_prefix(rest);
        position += plain;
        match rest[plain..] {
            [b'"', ..] => return Ok((position, true)),
            // JSON within JSON has many of them.
            [b'\\', b'"', ..] => position += 2 + quoted_prefix(&rest[plain + 2..]),
            [b'\\', b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => position += 2,
            [b'\\', b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(u8::is_ascii_hexdigit) => {
                position += 6;
            }
            [] | [b'\\'] => return Ok((position, false)),
            [b'\\', b'u', ref digits @ ..] if digits.len() < 4 => return Ok((position, false)),
            _ => return Err(Damage::NotJson),
        }
    }
}
