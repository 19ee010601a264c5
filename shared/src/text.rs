//! Prepares text from outside for people.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character changes the writing direction, which can make a text look like another one
/// (Unicode Standard Annex #9, explicit formatting characters).
#[must_use]
pub const fn is_directional(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Removes control characters except line breaks, and characters that change the writing direction.
#[must_use]
pub fn clean(text: &str) -> String {
    let kept = |c: char| match c {
        // The line and paragraph separators also break lines.
        '\n' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\r' => None,
        c if is_directional(c) => None,
        c if c.is_control() => Some(' '),
        c => Some(c),
    };
    text.trim().chars().filter_map(kept).collect()
}

/// Escapes the characters of a JSON text that control a terminal or change the writing direction.
/// JSON has these in strings only, except for line breaks and tabs between values, which stay.
#[must_use]
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    let is_escaped =
        |c: char| c == '\u{7f}' || !c.is_ascii() && (c.is_control() || is_directional(c));
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_escaped(c) {
            // All of them are below U+10000.
            let _never_fails = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Cleans a text and joins its lines.
#[must_use]
pub fn line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

/// Maximum length of a service's text that is shown, in characters: some messages contain an
/// encoded policy.
const SHOWN_CHARACTERS: usize = 300;

/// Headers with secrets. Some services repeat the headers of a request whose signature they reject.
const SECRET_HEADERS: [&str; 2] = ["x-amz-security-token", "authorization:"];

/// Makes one line of a service's text, with at most 300 characters, cut before it repeats a header
/// with a secret.
#[must_use]
pub fn shown(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let end = SECRET_HEADERS.iter().filter_map(|header| lower.find(header)).min();
    beginning(&line(&text[..end.unwrap_or(text.len())]), SHOWN_CHARACTERS).to_owned()
}

/// The first `characters` of a text, for identifiers from outside in logs.
#[must_use]
pub fn beginning(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_removed() {
        assert_eq!(clean(" a\0b\u{1b}[31mc\r\nd\u{202e}e\u{9b}1m\t "), "a b [31mc\nde 1m");
        assert_eq!(clean("a\u{2028}b\u{2029}c\u{200f}\u{61c}d\u{2066}e"), "a\nb\ncde");
        assert_eq!(line("a\nb\r\nc"), "a b c");
        assert_eq!(shown(&format!("a\n{}", "é".repeat(400))), format!("a {}", "é".repeat(298)));
        assert_eq!(
            [beginning("añbc", 2), beginning("añ", 2), beginning("añ", 0)],
            ["añ", "añ", ""]
        );
        // Joined emoji stay joined.
        assert_eq!(clean("👩\u{200d}🚒 재생"), "👩\u{200d}🚒 재생");
    }

    #[test]
    fn what_a_service_says_ends_where_it_repeats_a_secret() {
        let said = "refused; should have been\nhost:a\nX-Amz-Security-Token:hush\n";
        assert_eq!(shown(said), "refused; should have been host:a");
        assert_eq!(shown("재생 Authorization: AWS4-HMAC-SHA256 hush"), "재생");
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let json = "{\n\t\"재생\u{1f525}\": \"a\u{9b}b\u{7f}\u{202e}\u{200f}\u{61c}\"\n}";
        let escaped = escaped_json(json);
        let expected = r#""a\u009bb\u007f\u202e\u200f\u061c""#;
        assert_eq!(escaped, format!("{{\n\t\"재생\u{1f525}\": {expected}\n}}"));
        let parse = |json: &str| json.parse::<serde_json::Value>().unwrap();
        assert_eq!(parse(&escaped), parse(json));
        assert!(matches!(escaped_json("[\"é\"]"), Cow::Borrowed(_)));
    }
}
