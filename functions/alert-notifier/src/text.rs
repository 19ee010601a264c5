//! Cleans, cuts and escapes external text.

use std::borrow::Cow;

/// The note in a message with a cut text.
pub(crate) const CUT: &str = "Cut to fit into 32,000 bytes.";

/// The end of a cut text.
const ELLIPSIS: char = '…';

/// Removes control characters except line breaks, and characters that change the writing direction.
pub(crate) fn clean(text: &str) -> String {
    let kept = |c: char| match c {
        '\n' => Some('\n'),
        '\r' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_control() => Some(' '),
        c => Some(c),
    };
    text.trim().chars().filter_map(kept).collect()
}

/// Cleans a text and joins its lines.
pub(crate) fn line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

/// Returns at most `max` bytes of a text, followed by an ellipsis if it is cut.
pub(crate) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let mut cut = text[..text.floor_char_boundary(max)].to_owned();
    cut.push(ELLIPSIS);
    Cow::Owned(cut)
}

/// Escapes a text for a card, which reads a subset of HTML (source: Google Chat API, "Format
/// messages").
pub(crate) fn html(text: &str) -> String {
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

/// Replaces the beginnings of tags, for a place that reads Chat's own markup, such as `<users/all>`,
/// or for which it is not documented whether it reads HTML.
pub(crate) fn inert(text: &str) -> String {
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
    fn control_characters_are_removed() {
        assert_eq!(clean(" a\0b\u{1b}[31mc\r\nd\u{202e}e\t "), "a b [31mc\nde");
        assert_eq!(line("a\nb\r\nc"), "a b c");
        // A joined emoji stays joined.
        assert_eq!(clean("👩\u{200d}🚒 재생"), "👩\u{200d}🚒 재생");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("재생", 6), "재생");
        assert_eq!(cut("재생", 5), "재…");
        assert_eq!(cut("재생", 2), "…");
        assert_eq!(cut("🔥", 0), "…");
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(html("<a href=\"x\">&'\nb"), "&lt;a href=\"x\"&gt;&amp;'<br>b");
        assert_eq!(inert("<users/all> </b> <!-- 1 < 2 <3>"), "‹users/all> ‹/b> ‹!-- 1 < 2 <3>");
    }
}
