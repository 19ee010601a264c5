//! Cleans, cuts and escapes external text.

use std::borrow::Cow;

pub(crate) use shared::text::{clean, line};

/// The note in a message with a cut text.
pub(crate) const CUT: &str = "Cut to fit into 32,000 bytes.";

/// The end of a cut text.
const ELLIPSIS: char = '…';

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
