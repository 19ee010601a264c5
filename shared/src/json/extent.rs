//! Finds the end of a value in a text that continues after it or is still incomplete.

use super::strings::plain_prefix;
use super::{Error, Scanner};

/// The extent of the value at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A value of this many bytes. A value beyond the limits of depth and of numbers also counts:
    /// the event model then refuses only that value.
    Whole(usize),
    /// The beginning of a value: the text ends within it.
    CutOff,
    /// Something else.
    Broken,
}

impl Extent {
    /// Finds the value at the start of `text`.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        Self::over_lines(text, usize::MAX)
    }

    /// As [`Extent::of`], but a value in which a line ends at more than `levels` levels is broken:
    /// otherwise, a reader that tries each line reads each level to the end of the text.
    #[must_use]
    pub fn over_lines(text: &[u8], levels: usize) -> Self {
        let mut scanner = Scanner::new(text);
        match scanner.value(0) {
            Ok(_) => Self::Whole(scanner.position()),
            Err(Error::Invalid) if is_cut_off(&text[scanner.position()..]) => Self::CutOff,
            Err(Error::Invalid) => Self::Broken,
            Err(Error::TooDeep | Error::NumberTooLong) => balanced(text, levels),
        }
    }

    /// The length of a complete value.
    #[must_use]
    pub const fn whole(self) -> Option<usize> {
        match self {
            Self::Whole(length) => Some(length),
            Self::CutOff | Self::Broken => None,
        }
    }
}

/// Whether an unreadable token is only the beginning of one.
fn is_cut_off(token: &[u8]) -> bool {
    match token {
        [] => true,
        [b'"', content @ ..] => string_end(content).is_none(),
        _ => ["true", "false", "null"].iter().any(|word| word.as_bytes().starts_with(token)),
    }
}

/// The end of a string's content: its quote, or the first invalid character; `None` if the text
/// ends before.
fn string_end(content: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += plain_prefix(content.get(at..)?);
        match content.get(at)? {
            b'\\' => at += 2,
            _ => return Some(at),
        }
    }
}

/// Finds the value at the start of `text` by its brackets alone, with at most `levels` levels over
/// the end of a line.
fn balanced(text: &[u8], levels: usize) -> Extent {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match text.get(at) {
            None => return Extent::CutOff,
            Some(b'"') => {
                let mut scanner = Scanner::new(&text[at..]);
                match scanner.string() {
                    Ok(_) => at += scanner.position(),
                    Err(_) if is_cut_off(&text[at..]) => return Extent::CutOff,
                    Err(_) => return Extent::Broken,
                }
            }
            Some(b'[' | b'{') => {
                depth += 1;
                at += 1;
            }
            Some(b']' | b'}') if depth == 0 => return Extent::Broken,
            Some(b'\n') if depth > levels => return Extent::Broken,
            Some(b']' | b'}') => {
                depth -= 1;
                at += 1;
            }
            Some(_) => {
                let rest = &text[at..];
                let token = |byte: &u8| !b"[]{}\",".contains(byte) && !byte.is_ascii_whitespace();
                at += rest.iter().position(|byte| !token(byte)).unwrap_or(rest.len()).max(1);
            }
        }
        if depth == 0 {
            return Extent::Whole(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_value_ends_where_it_ends() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let long = format!("{{\"a\":{}}}", "1".repeat(2_000));
        for text in ["{\"a\":[1,\"}\"]}", "\"a\\\"b\"", "true", "[]", &*deep, &*long] {
            for after in [" {\"b\":", ",", "\n\u{1}"] {
                let text = format!("{text}{after}");
                let length = text.len() - after.len();
                assert_eq!(Extent::of(text.as_bytes()), Extent::Whole(length), "{text}");
            }
        }
    }

    #[test]
    fn the_beginning_of_a_value_is_cut_off_wherever_it_ends() {
        let deep = format!("{}\"a\"{}", "[".repeat(200), "]".repeat(200));
        let text = r#"{"a":[1.5e3,true,"b\n\u00e9\ud83d\ude00",{}],"c":null}"#;
        for text in [text, &*deep] {
            for end in 0..text.len() {
                assert_eq!(Extent::of(&text.as_bytes()[..end]), Extent::CutOff, "{}", &text[..end]);
            }
        }
    }

    #[test]
    fn anything_else_is_broken() {
        for text in
            ["}", "oops", "{\"a\":1,}", "[1 2]", "\"a\nb\"", "{\"a\":\"b\nc\"", "nil", "01x"]
        {
            let expected = if text == "01x" { Extent::Whole(1) } else { Extent::Broken };
            assert_eq!(Extent::of(text.as_bytes()), expected, "{text}");
        }
    }
}
