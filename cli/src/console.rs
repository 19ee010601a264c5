//! Output: results on standard output, everything else on standard error. Texts from outside cannot
//! control the terminal, because names and messages are written by others.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde::Serialize;
use shared::text::{escaped_json, is_directional};

use crate::error::CliError;

/// Writes results to standard output.
///
/// # Errors
/// [`CliError::OutputClosed`] if the reader has closed it, or the error of the operating system.
fn print(bytes: &[u8]) -> Result<(), CliError> {
    let mut output = io::stdout().lock();
    output.write_all(bytes).and_then(|()| output.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => CliError::OutputClosed,
        _ => CliError::failed(format!("failed to write standard output: {error}")),
    })
}

/// Prints a report as text or as JSON.
///
/// # Errors
/// Those of [`print`].
pub(crate) fn print_report(
    report: &(impl Display + Serialize),
    as_json: bool,
) -> Result<(), CliError> {
    if as_json {
        print_json(&serde_json::to_string_pretty(report).map_err(CliError::failed)?)
    } else {
        print(harmless(&report.to_string()).as_bytes())
    }
}

/// Prints JSON, and a line break.
///
/// # Errors
/// Those of [`print`].
pub(crate) fn print_json(json: &str) -> Result<(), CliError> {
    print(format!("{}\n", escaped_json(json)).as_bytes())
}

/// Writes a line to standard error. A failed write does not stop the command.
pub(crate) fn log(line: impl Display) {
    let _closed = writeln!(io::stderr(), "{}", harmless(&line.to_string()));
}

/// Returns the first `limit` characters of an external text. Characters that control a terminal or
/// change the writing direction are replaced, including line breaks.
pub(crate) fn printable(text: &str, limit: usize) -> String {
    let shown = text.chars().take(limit);
    let mut printable: String = shown.map(|character| replaced(character, "")).collect();
    if text.chars().nth(limit).is_some() {
        printable.push('…');
    }
    printable
}

/// As [`printable`], for a text of several lines and any length.
fn harmless(text: &str) -> String {
    text.chars().map(|character| replaced(character, "\n\t")).collect()
}

fn replaced(character: char, kept: &str) -> char {
    let controls = character.is_control()
        || is_directional(character)
        || matches!(character, '\u{2028}' | '\u{2029}');
    if controls && !kept.contains(character) { '\u{fffd}' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters_and_cannot_control_the_terminal() {
        let hostile = "a\u{1b}[31mb\r\n\u{202e}c";
        assert_eq!(printable(hostile, 20), "a\u{fffd}[31mb\u{fffd}\u{fffd}\u{fffd}c");
        assert_eq!(printable("달빛정원 🌊", 20), "달빛정원 🌊");
        assert_eq!(printable("달빛정원", 4), "달빛정원");
        assert_eq!(printable("달빛정원", 2), "달빛…");
        for character in ['\u{7}', '\u{8}', '\u{9b}', '\u{2028}', '\u{200f}', '\u{61c}', '\u{2067}']
        {
            assert_eq!(printable(&format!("a{character}b"), 20), "a\u{fffd}b", "{character:?}");
            assert_eq!(harmless(&format!("a\n\tb{character}")), "a\n\tb\u{fffd}", "{character:?}");
        }
    }
}
