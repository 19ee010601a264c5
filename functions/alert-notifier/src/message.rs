//! An alert as the body of a Google Chat message.
//!
//! Source: Google Chat API, "Message" and "Card v2".

mod alarm;
mod card;
mod notice;

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use shared::mask::mask;

use crate::chat::Posting;
use crate::context::Context;
use crate::event::{Alert, Content};
use crate::identity::{digest, thread_key};
use crate::text::{CUT, clean, cut, inert, line};

use self::card::Card;

/// Maximum size of a message, in bytes (source: Google Chat API, `spaces.messages.create`).
pub(crate) const MAX_BYTES: usize = 32_000;

/// Maximum size of the lines of a summary as JSON, in bytes; the rest is for the text around them.
const MAX_SUMMARY_BYTES: usize = 30_000;

/// Maximum size of one line of a summary, in bytes.
const MAX_SUMMARY_LINE_BYTES: usize = 300;

/// Maximum size of the text of a phone's notification, in bytes.
const MAX_FALLBACK_BYTES: usize = 500;

/// Writes messages.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    /// The team's time zone.
    pub(crate) zone: TimeZone,
    /// Texts that are replaced wherever they are.
    pub(crate) secrets: Vec<String>,
}

impl Writer {
    /// Returns the message for one alert, of at most [`MAX_BYTES`].
    pub(crate) fn posting(&self, alert: &Alert, context: &Context) -> Posting {
        let (body, has_thread) = match &alert.content {
            Content::Alarm(alarm) => {
                let card = Card::of_alarm(alarm, context, self);
                (carded(&card, "alarm", &alarm.place.arn), true)
            }
            Content::Notice(notice) => {
                let card = Card::of_notice(notice, self);
                (carded(&card, "notice", &notice.thread), true)
            }
            Content::Note { subject, text } => (self.note(subject.as_deref(), text), false),
        };
        Posting { id: alert.id.clone(), body, has_thread, alerts: vec![alert.id.clone()] }
    }

    /// Returns messages that name all alerts, one per line.
    pub(crate) fn summaries(&self, alerts: &[Alert]) -> Vec<Posting> {
        let mut summaries = Vec::new();
        let (mut lines, mut ids, mut bytes) = (String::new(), Vec::new(), 0);
        for alert in alerts {
            let shown = self.summary_line(alert);
            let line_bytes = json!(shown).to_string().len();
            if bytes + line_bytes > MAX_SUMMARY_BYTES {
                summaries.push(summary(&std::mem::take(&mut lines), std::mem::take(&mut ids)));
                bytes = 0;
            }
            bytes += line_bytes;
            lines.push('\n');
            lines.push_str(&shown);
            ids.push(alert.id.clone());
        }
        if !ids.is_empty() {
            summaries.push(summary(&lines, ids));
        }
        summaries
    }

    fn summary_line(&self, alert: &Alert) -> String {
        let shown = match &alert.content {
            Content::Alarm(alarm) => {
                format!("{} ({})", alarm::title(alarm), alarm::subtitle(alarm))
            }
            Content::Notice(notice) => notice::title(notice, self),
            Content::Note { subject, text } => {
                let parts = subject.iter().chain([text]).map(|part| self.text(part));
                parts.collect::<Vec<_>>().join(": ")
            }
        };
        inert(&line(&cut(&shown, MAX_SUMMARY_LINE_BYTES)))
    }

    /// Plain text. Google Chat would read `<users/all>` in it as a mention of everybody, and
    /// `<URL|name>` as a link.
    fn note(&self, subject: Option<&str>, text: &str) -> Vec<u8> {
        let subject = subject.map(|subject| inert(&self.text(subject)));
        let text = inert(&self.text(text));
        fitting(|max| {
            let parts = subject.iter().chain([&text]);
            let is_cut = parts.clone().any(|part| part.len() > max);
            let shown = parts.map(|part| cut(part, max)).chain(is_cut.then_some(CUT.into()));
            let shown: Vec<Cow<'_, str>> = shown.collect();
            json!({ "text": shown.join("\n") })
        })
    }

    /// Masks secrets and removes control characters.
    fn text(&self, text: &str) -> String {
        clean(&mask(text, &self.secrets))
    }
}

fn carded(card: &Card, id: &str, thread: &str) -> Vec<u8> {
    let thread = thread_key(thread);
    let fallback = cut(&card.title, MAX_FALLBACK_BYTES);
    fitting(|max| {
        json!({
            "thread": {"threadKey": thread},
            "fallbackText": fallback,
            "cardsV2": [{"cardId": id, "card": card.json(max)}],
        })
    })
}

fn summary(lines: &str, ids: Vec<String>) -> Posting {
    let count = ids.len();
    let text = format!("{count} more alerts at the same time (titles only):{lines}");
    Posting {
        id: digest(ids.iter().map(String::as_str)),
        body: json!({ "text": text }).to_string().into_bytes(),
        has_thread: false,
        alerts: ids,
    }
}

/// Returns the message with the longest texts that fit. `write` returns the message with texts of
/// at most the given size.
fn fitting(write: impl Fn(usize) -> Value) -> Vec<u8> {
    let written = |max| write(max).to_string().into_bytes();
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
