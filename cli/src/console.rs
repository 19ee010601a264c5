//! What the command says: results on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{self, Write as _};

use crate::failure::Failure;

/// Writes results, bytes as they are, to standard output.
///
/// # Errors
/// [`Failure::OutputClosed`] when nobody reads any more, else what the operating system says.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(bytes).and_then(|()| output.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::failed(format!("standard output cannot be written: {error}")),
    })
}

/// Tells the person what goes on. A standard error that cannot be written is no reason to stop.
pub(crate) fn say(line: impl Display) {
    let _closed = writeln!(io::stderr(), "{line}");
}

/// The first `limit` characters of a text from outside, without any that a terminal obeys: those
/// that control it, and those that turn the direction of writing.
pub(crate) fn printable(text: &str, limit: usize) -> String {
    let obeyed = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut printable: String = text
        .chars()
        .take(limit)
        .map(|character| if obeyed(character) { '\u{fffd}' } else { character })
        .collect();
    if text.chars().nth(limit).is_some() {
        printable.push('…');
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_terminal_is_not_controlled() {
        assert_eq!(
            printable("a\u{1b}[31mb\r\n\u{202e}c", 20),
            "a\u{fffd}[31mb\u{fffd}\u{fffd}\u{fffd}c"
        );
        assert_eq!(printable("달빛정원 🌊", 20), "달빛정원 🌊");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(printable("달빛정원", 4), "달빛정원");
        assert_eq!(printable("달빛정원", 2), "달빛…");
    }
}
