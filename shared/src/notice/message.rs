//! The published forms of a notice.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Link, Notice, VERSION};
use crate::digest::digest;
use crate::text::beginning;

/// Maximum size of the JSON of a notice, in bytes: that of a message of Google Chat.
pub(super) const MAX_BYTES: usize = 32_000;
/// Maximum length of the subject of an e-mail, in characters (source: Amazon SNS API reference,
/// `Publish`).
const MAX_SUBJECT: usize = 99;
/// Maximum length of a title and of a label, in characters.
const MAX_TITLE: usize = 300;
/// Maximum length of a fact's value, in characters.
const MAX_VALUE: usize = 1_000;
/// Longer keys are hashed.
const MAX_THREAD_BYTES: usize = 1_000;
const MAX_LINKS: usize = 4;
const MAX_URL_BYTES: usize = 2_000;

/// A notice as it is published, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The subject of a mail: ASCII, 1 to 99 characters.
    pub(super) subject: String,
    /// For readers of e-mail.
    pub(super) text: String,
    /// For alert-notifier, at most [`MAX_BYTES`].
    pub(super) json: String,
}

#[derive(Serialize)]
struct Envelope<'a> {
    sluice: &'static str,
    version: u64,
    #[serde(flatten)]
    notice: &'a Notice,
}

impl Message {
    /// Masks secrets and cuts long texts.
    pub(super) fn of(notice: Notice) -> Self {
        let notice = fitting(limited(notice.masked(&[])));
        Self { subject: subject(&notice.title), text: text(&notice), json: json_of(&notice) }
    }

    /// The message for `MessageStructure` `json`: one text for each protocol.
    pub(super) fn structure(&self) -> Value {
        json!({ "default": self.text, "email": self.text, "lambda": self.json })
    }
}

fn json_of(notice: &Notice) -> String {
    let envelope = Envelope { sluice: "notice", version: VERSION, notice };
    // Strings and lists of strings can always be serialized.
    serde_json::to_string(&envelope).unwrap_or_default()
}

fn subject(title: &str) -> String {
    let shown = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    title.trim().chars().map(shown).take(MAX_SUBJECT).collect()
}

fn text(notice: &Notice) -> String {
    let Notice { title, text, facts, lines, links, .. } = notice;
    // Indented, so that no line of a value looks like a label.
    let indented = |text: &str| text.replace('\n', "\n    ");
    let facts = facts.iter().map(|fact| format!("{}: {}", fact.label, indented(&fact.value)));
    let quoted = lines.iter().map(|line| format!("    {}", indented(line)));
    let links = links.iter().map(|Link { text, url }| format!("{text}: {url}"));
    let joined = |lines: &mut dyn Iterator<Item = String>| lines.collect::<Vec<_>>().join("\n");
    let parts = [
        title.clone(),
        text.clone().unwrap_or_default(),
        joined(&mut facts.into_iter()),
        joined(&mut quoted.into_iter()),
        joined(&mut links.into_iter()),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// Limits the parts that `fitting` does not cut.
fn limited(mut notice: Notice) -> Notice {
    if notice.title.trim().is_empty() {
        notice.title = format!("{} {}", notice.source, notice.kind);
    }
    notice.title = cut(&notice.title, MAX_TITLE);
    if notice.thread.len() > MAX_THREAD_BYTES {
        notice.thread = digest([&*notice.thread]);
    }
    for fact in &mut notice.facts {
        fact.label = cut(&fact.label, MAX_TITLE);
        fact.value = cut(&fact.value, MAX_VALUE);
    }
    notice.links.retain(|link| link.url.len() <= MAX_URL_BYTES);
    notice.links.truncate(MAX_LINKS);
    for link in &mut notice.links {
        link.text = cut(&link.text, MAX_TITLE);
    }
    notice
}

fn cut(text: &str, characters: usize) -> String {
    let kept = beginning(text, characters);
    if kept.len() < text.len() { format!("{kept}…") } else { text.to_owned() }
}

/// Cuts a notice to [`MAX_BYTES`]: the first of its lines, then the end of its text, then the last
/// of its facts.
fn fitting(notice: Notice) -> Notice {
    let fits = |notice: &Notice| json_of(notice).len() <= MAX_BYTES;
    if fits(&notice) {
        return notice;
    }
    let with_lines = |kept: usize| {
        let missing = notice.lines.len() - kept;
        let note = (missing > 0).then(|| {
            let total = notice.lines.len();
            format!("{missing} of {total} lines are missing: a notice has at most 32,000 bytes")
        });
        let lines = note.into_iter().chain(notice.lines[missing..].iter().cloned()).collect();
        Notice { lines, ..notice.clone() }
    };
    let notice = with_lines(largest(notice.lines.len(), |kept| fits(&with_lines(kept))));
    let whole = notice.text.as_deref().unwrap_or_default();
    if fits(&notice) || whole.is_empty() {
        return with_fewer_facts(notice, fits);
    }
    let total = whole.chars().count();
    let with_text = |kept: usize| {
        let missing = total - kept;
        let text: String = whole.chars().take(kept).collect();
        let note = "characters are missing: a notice has at most 32,000 bytes";
        Notice { text: Some(format!("{text}…\n{missing} of {total} {note}")), ..notice.clone() }
    };
    let notice = with_text(largest(total, |kept| fits(&with_text(kept))));
    with_fewer_facts(notice, fits)
}

fn with_fewer_facts(mut notice: Notice, fits: impl Fn(&Notice) -> bool) -> Notice {
    while !fits(&notice) && notice.facts.pop().is_some() {}
    notice
}

/// The largest number up to `max` that fits, or 0.
fn largest(max: usize, fits: impl Fn(usize) -> bool) -> usize {
    if fits(max) {
        return max;
    }
    let (mut low, mut high) = (0, max);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if fits(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}
