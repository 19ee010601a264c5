//! Progress of long work: a moving line on a terminal, otherwise a line from time to time.

use std::fmt::Display;
use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::console::log;

/// Without a terminal, one of this many messages is logged.
const MESSAGES_PER_LINE: u32 = 50;
/// Without a terminal, progress is logged in steps of this many percent.
const PERCENT_PER_LINE: u64 = 25;

/// A moving line on a terminal. It is removed on drop.
#[derive(Debug)]
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new(bar: ProgressBar, template: &str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Some(bar))
    }

    fn log(&self, line: impl Display) {
        match &self.0 {
            Some(bar) => bar.suspend(|| log(line)),
            None => log(line),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Work of unknown length.
#[derive(Debug)]
pub(crate) struct Spinner {
    bar: Bar,
    messages: AtomicU32,
}

impl Spinner {
    pub(crate) fn new() -> Self {
        let bar = Bar::new(ProgressBar::new_spinner(), "  {spinner} {wide_msg}");
        Self { bar, messages: AtomicU32::new(0) }
    }

    /// Shows the current step.
    pub(crate) fn message(&self, message: &str) {
        let number = self.messages.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        match &self.bar.0 {
            Some(bar) => bar.set_message(message.to_owned()),
            None if number.is_multiple_of(MESSAGES_PER_LINE) => log(format_args!("  {message}")),
            None => {}
        }
    }

    /// Logs a line above the spinner.
    pub(crate) fn log(&self, line: impl Display) {
        self.bar.log(line);
    }
}

/// Number of events or messages that are done, out of those known so far.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Bar,
    unit: &'static str,
    logged_percent: u64,
}

impl Progress {
    pub(crate) fn new(unit: &'static str) -> Self {
        let template = format!("  {{bar:30}} {{human_pos}} of {{human_len}} {unit}, {{per_sec}}");
        Self { bar: Bar::new(ProgressBar::new(0), &template), unit, logged_percent: 0 }
    }

    /// Logs a line above the bar.
    pub(crate) fn log(&self, line: impl Display) {
        self.bar.log(line);
    }

    pub(crate) fn advance(&mut self, done: u64, total: u64) {
        if let Some(bar) = &self.bar.0 {
            bar.set_length(total);
            bar.set_position(done);
            return;
        }
        let percent = (done * 100).checked_div(total).unwrap_or(0);
        if percent / PERCENT_PER_LINE > self.logged_percent / PERCENT_PER_LINE {
            self.logged_percent = percent;
            log(format_args!("  {done} of {total} {} ({percent} %)", self.unit));
        }
    }
}
