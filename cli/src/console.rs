//! What the command says: results on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

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

/// Something that takes a while: a moving line on a terminal, a line now and then elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    /// The last multiple of [`QUARTER`] that was told, where there is no terminal.
    told: u64,
}

/// Percent.
const QUARTER: u64 = 25;

impl Progress {
    /// Shows `message` behind a spinner until [`Progress::end`]: how long it takes is unknown.
    pub(crate) fn spinner() -> Self {
        Self::new(ProgressBar::new_spinner(), "  {spinner} {wide_msg}")
    }

    /// Shows how many of the events so far are through.
    pub(crate) fn events() -> Self {
        let template = "  {bar:30} {human_pos} of {human_len} events, {per_sec:.0}";
        Self::new(ProgressBar::new(0), template)
    }

    fn new(bar: ProgressBar, template: &str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, told: 0 }
    }

    /// Replaces what stands behind the spinner. Elsewhere than on a terminal nothing is said.
    pub(crate) fn message(&self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.to_owned());
        }
    }

    /// `done` of `total` are through.
    pub(crate) fn advance(&mut self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            return;
        }
        let percent = (done * 100).checked_div(total).unwrap_or(0);
        if percent / QUARTER > self.told / QUARTER {
            self.told = percent;
            say(format!("  {done} of {total} events ({percent} %)"));
        }
    }

    /// Takes the moving line away.
    pub(crate) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
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
