//! Text from outside on its way into a message: cleaned, cut, escaped.

use std::borrow::Cow;

/// Stands at the end of what was cut.
const ELLIPSIS: char = '…';

/// Without what is no text: control characters but line breaks, and the characters that turn the
/// writing direction of what follows.
#[must_use]
pub fn clean(text: &str) -> String {
    let kept = |c: char| match c {
        '\n' => Some('\n'),
        // A carriage return stands before a line break, or is none of our business.
        '\r' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_control() => Some(' '),
        c => Some(c),
    };
    text.trim().chars().filter_map(kept).collect()
}

/// [`clean`] in one line.
#[must_use]
pub fn line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

/// The beginning of a text, at most `max` bytes of it, and an ellipsis where that is not all.
#[must_use]
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let mut cut = text[..text.floor_char_boundary(max)].to_owned();
    cut.push(ELLIPSIS);
    Cow::Owned(cut)
}

/// As a card's text shows it: cards take a subset of HTML (source: Google Chat API, "Format
/// messages").
#[must_use]
pub fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' => escaped.push_str("<br>"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// For a place that reads Chat's own markup, such as `<users/all>`, or of which nobody tells
/// whether it reads HTML: without what begins a tag in either.
#[must_use]
pub fn inert(text: &str) -> String {
    let mut inert = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek();
        let tag = next.is_some_and(|next| next.is_alphabetic() || matches!(next, '/' | '!' | '?'));
        inert.push(if c == '<' && tag { '‹' } else { c });
    }
    inert
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_turned_directions_are_no_text() {
        assert_eq!(clean(" a\0b\u{1b}[31mc\r\nd\u{202e}e\t "), "a b [31mc\nde");
        assert_eq!(line("a\nb\r\nc"), "a b c");
        // A joined emoji stays joined.
        assert_eq!(clean("👩\u{200d}🚒 재생"), "👩\u{200d}🚒 재생");
    }

    #[test]
    fn is_cut_between_characters() {
        assert_eq!(cut("재생", 6), "재생");
        assert_eq!(cut("재생", 5), "재…");
        assert_eq!(cut("재생", 2), "…");
        assert_eq!(cut("🔥", 0), "…");
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(html("<a href=\"x\">&'\nb"), "&lt;a href=\"x\"&gt;&amp;'<br>b");
        assert_eq!(inert("<users/all> </b> <!-- 1 < 2 <3>"), "‹users/all> ‹/b> ‹!-- 1 < 2 <3>");
    }
}
