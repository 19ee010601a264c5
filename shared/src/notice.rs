//! Notices, with which the functions inform people.
//!
//! A function that detects something publishes a notice to the SNS topic of the alerts.
//! alert-notifier posts it as a card; subscribers by e-mail receive it as text.

#[cfg(any(feature = "sns", test))]
mod message;
#[cfg(feature = "sns")]
mod publisher;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::digest::digest;
use crate::mask::mask;
use crate::text::{clean, line};

#[cfg(feature = "sns")]
pub use publisher::{Publisher, SNS, VARIABLES};

/// The version of notices that this crate reads and writes.
const VERSION: u64 = 1;

/// A notice of version 1.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Notice {
    /// The name of the function that published it.
    pub source: String,
    /// The problem that it detects, such as `prefect-failure`.
    pub kind: String,
    /// The state of the subject.
    pub state: State,
    /// One line.
    pub title: String,
    /// Stable key of the subject: notices with the same key are in one thread.
    pub thread: String,
    /// A time of the subject, such as when it failed, RFC 3339; never the time of publishing.
    pub at: String,
    /// Since when, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Labels and values.
    #[serde(default, deserialize_with = "or_default")]
    pub facts: Vec<Fact>,
    /// Lines of a log or of a query.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// Links for further analysis.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// The state of a notice's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Something is wrong.
    Alarm,
    /// It recovered.
    Ok,
    /// Neither.
    Info,
}

/// A label and its value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Fact {
    /// Such as `Flow`.
    pub label: String,
    /// Any text.
    pub value: String,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Link {
    /// Its name.
    pub text: String,
    /// http or https.
    pub url: String,
}

/// `null` counts as missing.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl State {
    /// `ALARM`, `OK` or `INFO`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alarm => "ALARM",
            Self::Ok => "OK",
            Self::Info => "INFO",
        }
    }
}

impl Fact {
    /// A fact.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into() }
    }
}

impl Notice {
    /// Parses a notice. `None` if the value is not a notice of this version: members of another
    /// type, an unknown state, or times that are not RFC 3339. Members that it does not know are
    /// ignored.
    #[must_use]
    pub fn parse(value: &Value) -> Option<Self> {
        if value.get("sluice")? != "notice" || value.get("version")?.as_u64() != Some(VERSION) {
            return None;
        }
        let notice = Self::deserialize(value).ok()?;
        let is_time = |text: &String| text.parse::<Timestamp>().is_ok();
        let is_valid = is_time(&notice.at)
            && notice.since.iter().all(is_time)
            && ![&notice.title, &notice.thread].iter().any(|text| text.trim().is_empty());
        is_valid.then_some(notice)
    }

    /// The id under which the notice is posted. Two notices of the same source, kind, thread, state
    /// and time are one notice.
    #[must_use]
    pub fn id(&self) -> String {
        digest([&self.source, &self.kind, &self.thread, self.state.name(), &self.at])
    }

    /// Removes control characters and secrets: values after the names that [`mask`](crate::mask)
    /// knows, and `literals`. A link that contains a secret is left out.
    #[must_use]
    pub fn masked(self, literals: &[String]) -> Self {
        let shown = |text: &str| clean(&mask(text, literals));
        let fact = |Fact { label, value }: Fact| {
            // A value is also masked by its label.
            let label = line(&mask(&label, literals));
            let prefix = format!("{label}: ");
            let masked = shown(&format!("{prefix}{value}"));
            let value = masked.strip_prefix(&prefix).unwrap_or_default().to_owned();
            Fact { label, value }
        };
        let is_harmless = |link: &Link| shown(&link.url) == link.url;
        let link = |Link { text, url }| Link { text: line(&mask(&text, literals)), url };
        Self {
            title: line(&mask(&self.title, literals)),
            thread: line(&mask(&self.thread, literals)),
            text: self.text.map(|text| shown(&text)),
            facts: self.facts.into_iter().map(fact).collect(),
            lines: self.lines.iter().map(|text| shown(text)).collect(),
            links: self.links.into_iter().filter(is_harmless).map(link).collect(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
