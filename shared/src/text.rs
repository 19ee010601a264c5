//! Text from outside, as a person reads it.

/// Removes control characters except line breaks, and characters that change the writing direction.
#[must_use]
pub fn clean(text: &str) -> String {
    let kept = |c: char| match c {
        '\n' => Some('\n'),
        '\r' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_control() => Some(' '),
        c => Some(c),
    };
    text.trim().chars().filter_map(kept).collect()
}

/// Cleans a text and joins its lines.
#[must_use]
pub fn line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

/// Maximum characters of a text of a service that is shown: some messages hold an encoded policy.
const SHOWN_CHARACTERS: usize = 300;

/// A text of a service as one line of at most 300 characters.
#[must_use]
pub fn shown(text: &str) -> String {
    beginning(&line(text), SHOWN_CHARACTERS).to_owned()
}

/// The first `characters` of a text: what a log shows of an identifier from outside.
#[must_use]
pub fn beginning(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_removed() {
        assert_eq!(clean(" a\0b\u{1b}[31mc\r\nd\u{202e}e\t "), "a b [31mc\nde");
        assert_eq!(line("a\nb\r\nc"), "a b c");
        assert_eq!(shown(&format!("a\n{}", "é".repeat(400))), format!("a {}", "é".repeat(298)));
        assert_eq!(
            [beginning("añbc", 2), beginning("añ", 2), beginning("añ", 0)],
            ["añ", "añ", ""]
        );
        // A joined emoji stays joined.
        assert_eq!(clean("👩\u{200d}🚒 재생"), "👩\u{200d}🚒 재생");
    }
}
