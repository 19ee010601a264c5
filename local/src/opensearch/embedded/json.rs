//! JSON as `OpenSearch` reads it: numbers keep their text, whatever their size; a key that comes
//! twice is an error, and so is a number of more than 1,000 characters.

/// The most levels of a document; the real server has no limit of its own, but runs out of stack
/// somewhere above.
const MAX_DEPTH: usize = 1_000;

/// The most characters of a number (Jackson's `StreamReadConstraints`).
const MAX_NUMBER_CHARS: usize = 1_000;

/// A value, with members in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    /// Unescaped; a lone surrogate is U+FFFD.
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one value, and nothing after it.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let (value, rest) = Self::parse_prefix(text)?;
        if rest.is_empty() { Ok(value) } else { Err(Malformed("data after the value")) }
    }

    /// Reads one value, and returns what follows it.
    pub(super) fn parse_prefix(text: &str) -> Result<(Self, &str), Malformed> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.blanks();
        Ok((value, &text[reader.at..]))
    }

    /// The text of a scalar, as a keyword field takes it.
    pub(super) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Number(text) | Self::Text(text) => Some(text),
            Self::Null | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

/// What is wrong with a text that is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Skips blanks, and `byte` if it comes then.
    fn takes(&mut self, byte: u8) -> bool {
        self.blanks();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn value(&mut self, depth: usize) -> Result<Json, Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed("nested too deeply"));
        }
        self.blanks();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, Malformed> {
        self.at += 1;
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut keys = std::collections::HashSet::new();
        if self.takes(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(Malformed("expected a key"));
            }
            let key = self.string()?;
            if !keys.insert(key.clone()) {
                return Err(Malformed("duplicate field"));
            }
            if !self.takes(b':') {
                return Err(Malformed("expected a colon"));
            }
            members.push((key, self.value(depth + 1)?));
            if self.takes(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.takes(b',') {
                return Err(Malformed("expected a comma"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, Malformed> {
        self.at += 1;
        let mut items = Vec::new();
        if self.takes(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.takes(b']') {
                return Ok(Json::Array(items));
            }
            if !self.takes(b',') {
                return Err(Malformed("expected a comma"));
            }
        }
    }

    fn word(&mut self) -> Result<Json, Malformed> {
        let words =
            [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
        for (word, value) in words {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(Malformed("expected a value"))
    }

    fn number(&mut self) -> Result<Json, Malformed> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits();
        if digits == 0 || (leading_zero && digits > 1) {
            return Err(Malformed("not a number"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(Malformed("not a number"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return Err(Malformed("not a number"));
            }
        }
        if self.at - start > MAX_NUMBER_CHARS {
            return Err(Malformed("number of more than 1,000 characters"));
        }
        Ok(Json::Number(self.text[start..self.at].to_owned()))
    }

    fn digits(&mut self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        digits
    }

    fn string(&mut self) -> Result<String, Malformed> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ');
            let plain = plain.ok_or(Malformed("unterminated string"))?;
            string.push_str(&rest[..plain]);
            self.at += plain + 1;
            match rest.as_bytes()[plain] {
                b'"' => return Ok(string),
                b'\\' => string.push(self.escape()?),
                _ => return Err(Malformed("control character in a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        let escape = self.peek().ok_or(Malformed("unterminated string"))?;
        self.at += 1;
        Ok(match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.code_unit()?;
                let low = self.text[self.at..].strip_prefix("\\u").and_then(unit_of);
                let pair = low.map_or_else(Vec::new, |low| vec![unit, low]);
                match char::decode_utf16(pair).next() {
                    Some(Ok(character)) if u32::from(character) > 0xffff => {
                        self.at += 6;
                        character
                    }
                    _ => char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            _ => return Err(Malformed("unknown escape")),
        })
    }

    fn code_unit(&mut self) -> Result<u16, Malformed> {
        let unit = unit_of(&self.text[self.at..]).ok_or(Malformed("unknown escape"))?;
        self.at += 4;
        Ok(unit)
    }
}

/// The number of the first four characters, if they are hexadecimal digits.
fn unit_of(text: &str) -> Option<u16> {
    let digits = text.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_numbers_as_they_are_written() {
        for number in ["1e400", "-0", "1.50", "123456789012345678901234567890", &"9".repeat(1_000)]
        {
            assert_eq!(Json::parse(number), Ok(Json::Number(number.to_owned())));
        }
        for number in ["01", "1.", ".5", "1e", "-", "+1", &"9".repeat(1_001)] {
            assert!(Json::parse(number).is_err(), "{number}");
        }
    }

    #[test]
    fn unescapes_strings() {
        let text = r#""a\n\"\\\/\u00e9\ud83d\ude00\ud800x\ud800\u0041""#;
        let read = "a\n\"\\/é😀\u{fffd}x\u{fffd}A";
        assert_eq!(Json::parse(text), Ok(Json::Text(read.to_owned())));
        for text in ["\"\u{1}\"", "\"a", r#""\x""#, r#""\u00g0""#, r#""\u00"#] {
            assert!(Json::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn refuses_keys_that_come_twice_at_any_depth() {
        let twice = Malformed("duplicate field");
        assert_eq!(Json::parse(r#"{"a":1,"a":2}"#), Err(twice));
        assert_eq!(Json::parse(r#"[{"a":{"b":1,"\u0062":2}}]"#), Err(twice));
        assert!(Json::parse(r#"{"a":{"a":1},"b":[{},{"a":null}]}"#).is_ok());
    }

    #[test]
    fn bounds_the_depth() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Json::parse(&nested(1_000)).is_ok());
        assert_eq!(Json::parse(&nested(1_002)), Err(Malformed("nested too deeply")));
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in ["", "nope", "{", "[1,]", "{\"a\"}", "{} {}", "{a:1}", "{\"a\":1,}", "nul"] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }
}
