//! Messages of AWS about costs, from an SNS topic or EventBridge.

use jiff::Timestamp;
use serde_json::Value;
use shared::notice::{Fact, Link, Notice, State};
use shared::text::beginning;

use crate::anomaly::{Anomaly, Cause};
use crate::notices::{SOURCE, money};

/// Maximum number of causes of an anomaly in a notice.
const MAX_CAUSES: usize = 3;
/// Maximum number of facts of a budget, whose messages have six.
const MAX_FACTS: usize = 20;
/// Maximum length of the name in a line `Name: value`, in characters.
const MAX_NAME: usize = 40;
/// Maximum length of a title that is the first line of a text, in characters.
const MAX_TITLE: usize = 100;
/// Maximum length of the text of a record that is not from SNS, in characters.
const MAX_RECORD: usize = 1_000;

/// The purpose of an invocation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// A report, by a schedule or manually.
    Report,
    Messages(Vec<Message>),
}

/// A message to publish.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    subject: Option<String>,
    text: String,
    /// When it was sent.
    at: Option<Timestamp>,
}

impl Event {
    /// Reads an event; `None` if it is not an object, or has records but not one from SNS. Records
    /// from other services do not affect the others.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let event: Value = serde_json::from_slice(body).ok()?;
        event.as_object()?;
        if let Some(records) = event.get("Records") {
            let records = records.as_array()?;
            if !records.is_empty() && !records.iter().any(|record| record["Sns"].is_object()) {
                return None;
            }
            return Some(Self::Messages(records.iter().map(Message::of_record).collect()));
        }
        if event["source"] == "aws.ce" && event["detail-type"] == "Anomaly Detected" {
            let (detail, time) = (&event["detail"], &event["time"]);
            let subject = Some("Cost anomaly detected".to_owned());
            let message = Message { subject, text: detail.to_string(), at: timestamp(time) };
            return Some(Self::Messages(vec![message]));
        }
        Some(Self::Report)
    }
}

impl Message {
    fn of_record(record: &Value) -> Self {
        let sns = &record["Sns"];
        if !sns.is_object() {
            let text = beginning(&record.to_string(), MAX_RECORD).to_owned();
            let subject = Some("A record that is not of SNS".to_owned());
            return Self { subject, text, at: None };
        }
        let text = |name: &str| sns[name].as_str().map(str::trim).filter(|text| !text.is_empty());
        Self {
            subject: text("Subject").map(str::to_owned),
            text: text("Message").unwrap_or_default().to_owned(),
            at: timestamp(&sns["Timestamp"]),
        }
    }

    /// The notice for a message in this account. `now` is for a message without a time.
    pub(crate) fn notice(&self, account: &str, now: Timestamp) -> Notice {
        // EventBridge may send its event through the topic.
        let anomaly = |message: &Value| {
            Anomaly::parse(message).or_else(|| Anomaly::parse(message.get("detail")?))
        };
        let anomaly = serde_json::from_str(&self.text).ok().as_ref().and_then(anomaly);
        let at = self.at.unwrap_or(now);
        match (anomaly, self.budget()) {
            (Some(anomaly), _) => of_anomaly(&anomaly, at),
            (None, Some(budget)) => self.of_budget(budget, account, at),
            (None, None) => self.of_text(account, at),
        }
    }

    fn budget(&self) -> Option<&str> {
        let names = self.text.lines().filter_map(|line| line.trim().strip_prefix("Budget Name:"));
        names.map(str::trim).find(|name| !name.is_empty())
    }

    fn of_budget(&self, budget: &str, account: &str, at: Timestamp) -> Notice {
        let facts = self.text.lines().filter_map(fact).take(MAX_FACTS);
        Notice {
            state: State::Alarm,
            title: self.subject.clone().unwrap_or_else(|| format!("Budget {budget}")),
            text: Some(self.text.clone()),
            facts: facts.collect(),
            ..notice("budget", format!("budget/{account}/{budget}"), at)
        }
    }

    fn of_text(&self, account: &str, at: Timestamp) -> Notice {
        let line = self.text.lines().map(str::trim).find(|line| !line.is_empty());
        let first = || line.map(|line| line.chars().take(MAX_TITLE).collect());
        let title = self.subject.clone().or_else(first);
        let title: String = title.unwrap_or_else(|| "A cost message without text".to_owned());
        // Two different messages with the same time are two notices.
        let thread = format!("cost-message/{account}/{title}");
        let text = Some(self.text.clone()).filter(|text| !text.is_empty());
        Notice { title, text, ..notice("cost-message", thread, at) }
    }
}

/// An empty notice of this kind.
fn notice(kind: &str, thread: String, at: Timestamp) -> Notice {
    Notice {
        source: SOURCE.to_owned(),
        kind: kind.to_owned(),
        state: State::Info,
        title: String::new(),
        thread,
        at: at.to_string(),
        since: None,
        text: None,
        facts: Vec::new(),
        lines: Vec::new(),
        links: Vec::new(),
    }
}

fn of_anomaly(anomaly: &Anomaly, at: Timestamp) -> Notice {
    let usd = |amount: f64| money(amount, "USD");
    let Anomaly { id, subject, impact, .. } = anomaly;
    let causes = anomaly.causes.iter().take(MAX_CAUSES).map(|Cause { parts, contribution }| {
        let contribution = contribution.map(|amount| format!(": {}", usd(amount)));
        format!("{}{}", parts.join(", "), contribution.unwrap_or_default())
    });
    let causes: Vec<_> = causes.collect();
    let facts = [
        ("Impact", impact.map(usd)),
        ("Expected", anomaly.expected.map(usd)),
        ("Actual", anomaly.actual.map(usd)),
        ("Since", anomaly.since.map(|day| day.to_string())),
        ("Where", Some(causes.join("; ")).filter(|causes| !causes.is_empty())),
    ];
    let facts = facts.into_iter().filter_map(|(label, value)| Some(Fact::new(label, value?)));
    let more = impact.map(|impact| format!(", {} more than expected", usd(impact)));
    let link = |url: &String| Link { text: "Details".to_owned(), url: url.clone() };
    Notice {
        state: State::Alarm,
        title: format!("Cost anomaly: {subject}{}", more.unwrap_or_default()),
        facts: facts.collect(),
        links: anomaly.link.iter().map(link).collect(),
        ..notice("cost-anomaly", format!("cost-anomaly/{id}"), at)
    }
}

/// A line `Name: value` whose name consists of a few words.
fn fact(line: &str) -> Option<Fact> {
    let (name, value) = line.trim().split_once(": ")?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == ' ';
    let is_name = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_word);
    is_name.then(|| Fact::new(name, value.trim()))
}

fn timestamp(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}
