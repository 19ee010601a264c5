//! What is posted: an alert as the body of a Google Chat message.
//!
//! Source: Google Chat API, "Message" and "Card v2".

mod card;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::alarm::Alarm;
use crate::event::{Alert, Content};
use crate::logs::Line;
use crate::mask::mask;
use crate::text::{clean, cut, inert};
use crate::thread::thread_key;

/// The largest message, in bytes (source: Google Chat API, `spaces.messages.create`).
pub const MAX_BYTES: usize = 32_000;

/// Says that something is missing.
pub const CUT: &str = "Cut to fit into 32,000 bytes.";

/// What is known of an alarm beside what its message tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The last error lines of its function.
    pub lines: Vec<Line>,
    /// When it began, where it is over now, in milliseconds since 1970.
    pub began_ms: Option<u64>,
}

/// How texts are written.
#[derive(Clone, Debug)]
pub struct Writer {
    /// The team's time zone.
    pub zone: TimeZone,
    /// What is hidden wherever it is.
    pub secrets: Vec<String>,
}

impl Writer {
    /// The message's body, JSON of at most [`MAX_BYTES`].
    #[must_use]
    pub fn body(&self, alert: &Alert, context: &Context) -> Vec<u8> {
        match &alert.content {
            Content::Alarm(alarm) => self.alarm(alarm, context),
            Content::Note { subject, text } => self.note(subject.as_deref(), text),
        }
    }

    fn alarm(&self, alarm: &Alarm, context: &Context) -> Vec<u8> {
        let card = card::Card::of(alarm, context, self);
        let thread = thread_key(&alarm.place.arn);
        fitting(|max| {
            let (card, is_cut) = card.json(max);
            let message = json!({
                "thread": {"threadKey": thread},
                "fallbackText": fallback(alarm),
                "cardsV2": [{"cardId": "alarm", "card": card}],
            });
            (message, is_cut)
        })
    }

    /// Plain text. Chat would read `<users/all>` in it as a mention of everybody, and `<URL|name>`
    /// as a link.
    fn note(&self, subject: Option<&str>, text: &str) -> Vec<u8> {
        let subject = subject.map(|subject| inert(&self.text(subject)));
        let text = inert(&self.text(text));
        fitting(|max| {
            let cuts = subject.iter().chain([&text]).map(|part| cut(part, max));
            let mut shown = cuts.collect::<Vec<_>>().join("\n");
            let is_cut = text.len() > max || subject.as_ref().is_some_and(|all| all.len() > max);
            if is_cut {
                shown = format!("{shown}\n{CUT}");
            }
            (json!({ "text": shown }), is_cut)
        })
    }

    /// A text from outside, as it may be shown.
    fn text(&self, text: &str) -> String {
        clean(&mask(text, &self.secrets))
    }
}

/// What a notification on a phone shows.
fn fallback(alarm: &Alarm) -> String {
    cut(&card::title(alarm), 500).into_owned()
}

/// The message with the longest texts that fit. `write` makes one whose texts have at most so
/// many bytes, and tells whether any was cut.
fn fitting(write: impl Fn(usize) -> (Value, bool)) -> Vec<u8> {
    let written = |max| write(max).0.to_string().into_bytes();
    let whole = written(MAX_BYTES);
    if whole.len() <= MAX_BYTES {
        return whole;
    }
    let (mut fits, mut too_long) = (0, MAX_BYTES);
    while too_long - fits > 1 {
        let middle = fits.midpoint(too_long);
        if written(middle).len() <= MAX_BYTES {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    written(fits)
}

#[cfg(test)]
mod tests;
