//! Something that takes a while: a moving line on a terminal, a line now and then elsewhere.

use std::fmt::Display;
use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::console::say;

/// How many messages pass for each that is told where there is no terminal.
const TOLD_EVERY: u32 = 50;
/// How many percent pass until the next is told where there is no terminal.
const TOLD_PERCENT: u64 = 25;

/// A line that moves, where there is a terminal. It goes with this value.
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

    /// Something that stays to be read.
    fn say(&self, line: impl Display) {
        match &self.0 {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
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

/// Work of unknown length, and what it is at.
#[derive(Debug)]
pub(crate) struct Spinner {
    bar: Bar,
    messages: AtomicU32,
}

impl Spinner {
    pub(crate) fn new() -> Self {
        Self {
            bar: Bar::new(ProgressBar::new_spinner(), "  {spinner} {wide_msg}"),
            messages: AtomicU32::new(0),
        }
    }

    /// What the work is at.
    pub(crate) fn message(&self, message: &str) {
        let number = self.messages.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        match &self.bar.0 {
            Some(bar) => bar.set_message(message.to_owned()),
            None if number.is_multiple_of(TOLD_EVERY) => say(format_args!("  {message}")),
            None => {}
        }
    }

    /// Something that stays to be read.
    pub(crate) fn say(&self, line: impl Display) {
        self.bar.say(line);
    }
}

/// How many of the events or messages so far are through.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Bar,
    things: &'static str,
    told_percent: u64,
}

impl Progress {
    pub(crate) fn new(things: &'static str) -> Self {
        let template = format!("  {{bar:30}} {{human_pos}} of {{human_len}} {things}, {{per_sec}}");
        Self { bar: Bar::new(ProgressBar::new(0), &template), things, told_percent: 0 }
    }

    /// Something that stays to be read.
    pub(crate) fn say(&self, line: impl Display) {
        self.bar.say(line);
    }

    /// `done` of `total` are through.
    pub(crate) fn advance(&mut self, done: u64, total: u64) {
        if let Some(bar) = &self.bar.0 {
            bar.set_length(total);
            bar.set_position(done);
            return;
        }
        let percent = (done * 100).checked_div(total).unwrap_or(0);
        if percent / TOLD_PERCENT > self.told_percent / TOLD_PERCENT {
            self.told_percent = percent;
            say(format_args!("  {done} of {total} {} ({percent} %)", self.things));
        }
    }
}
