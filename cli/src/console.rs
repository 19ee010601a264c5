//! Output: results on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde::Serialize;

use crate::error::CliError;

/// Writes results to standard output.
///
/// # Errors
/// [`CliError::OutputClosed`] if the reader has closed it, or the error of the operating system.
pub(crate) fn print(bytes: &[u8]) -> Result<(), CliError> {
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
    let text = if as_json {
        serde_json::to_string_pretty(report).map_err(CliError::failed)? + "\n"
    } else {
        report.to_string()
    };
    print(text.as_bytes())
}

/// Writes a line to standard error. A failed write does not stop the command.
pub(crate) fn log(line: impl Display) {
    let _closed = writeln!(io::stderr(), "{line}");
}

/// Returns the first `limit` characters of an external text. Characters that control a terminal or
/// change the writing direction are replaced.
pub(crate) fn printable(text: &str, limit: usize) -> String {
    let is_control = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut printable: String = text
        .chars()
        .take(limit)
        .map(|character| if is_control(character) { '\u{fffd}' } else { character })
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
    fn text_is_cut_between_characters_and_cannot_control_the_terminal() {
        let hostile = "a\u{1b}[31mb\r\n\u{202e}c";
        assert_eq!(printable(hostile, 20), "a\u{fffd}[31mb\u{fffd}\u{fffd}\u{fffd}c");
        assert_eq!(printable("달빛정원 🌊", 20), "달빛정원 🌊");
        assert_eq!(printable("달빛정원", 4), "달빛정원");
        assert_eq!(printable("달빛정원", 2), "달빛…");
    }
}
