//! The report: what was found and done, and the messages in Google Chat.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use serde_json::Value;
use shared::cost::usd;

use super::account::{CHANGES, KEPT, PLANTED};
use crate::demo::card::Card;
use crate::demo::notification::Notice;
use crate::layout::row;

#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// The answers of the functions, by name.
    pub(super) answers: BTreeMap<&'static str, Value>,
    /// The calls that change something, with the resources that they name.
    pub(super) changes: Vec<String>,
    /// The notices, in the order in which they were published.
    pub(super) notices: Vec<Notice>,
    /// The messages posted to Google Chat.
    pub(super) messages: Vec<Value>,
}

impl Report {
    /// Returns planted problems that are in no message, and unexpected or missing changes.
    pub(super) fn differences(&self) -> Vec<String> {
        let is_reported = |(function, said): &(&str, &str)| {
            let of_function = self.notices.iter().filter(|notice| notice.source == *function);
            let mut messages = of_function.filter_map(|notice| notice.posted(&self.messages));
            messages.any(|message| Card(message).to_string().contains(said))
        };
        let unreported = PLANTED.iter().filter(|planted| !is_reported(planted));
        let mut differences: Vec<_> = unreported
            .map(|(function, said)| format!("not reported by {function}: {said}"))
            .collect();
        if !self.ids("kept").contains(&KEPT) {
            differences.push(format!("not kept: {KEPT}"));
        }
        let changed = |call: &str| self.changes.iter().any(|change| change == call);
        let unchanged = CHANGES.iter().filter(|call| !changed(call));
        differences.extend(unchanged.map(|call| format!("not called: {call}")));
        let others = self.changes.iter().filter(|call| !CHANGES.contains(&&***call));
        differences.extend(others.map(|call| format!("called: {call}")));
        differences
    }

    /// The ids in a list of the answer of `parking`.
    fn ids(&self, list: &str) -> Vec<&str> {
        let items = self.answers.get("parking").and_then(|answer| answer[list].as_array());
        items
            .into_iter()
            .flatten()
            .filter_map(|item| item["id"].as_str().or(item.as_str()))
            .collect()
    }

    fn number(&self, function: &str, member: &str) -> f64 {
        let number = self.answers.get(function).and_then(|answer| answer[member].as_f64());
        number.unwrap_or_default()
    }

    fn findings(&self, function: &str) -> u64 {
        let findings = self.answers.get(function).and_then(|answer| answer["findings"].as_array());
        findings.map_or(0, |findings| count(findings))
    }
}

fn count<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let [idle, rightsizing] = ["idle-resources", "rightsizing"];
        let note = format!("resources, about {} a month", usd(self.number(idle, "usd")));
        row(out, "Idle", self.findings(idle), &note)?;
        let note =
            format!("of what is used, at most {} a month", usd(self.number(rightsizing, "usdMax")));
        row(out, "Savings", self.findings(rightsizing), &note)?;
        for (label, list) in [
            ("Started", "started"),
            ("Stopped", "stopped"),
            ("Kept", "kept"),
            ("Left alone", "problems"),
        ] {
            let ids = self.ids(list);
            row(out, label, count(&ids), &ids.join(", "))?;
        }
        writeln!(
            out,
            "\nCalls that change something, SendCommand for a document that only reads:"
        )?;
        for change in &self.changes {
            writeln!(out, "  {change}")?;
        }
        writeln!(out, "\nNotices     {}, in Google Chat:", self.notices.len())?;
        for message in &self.messages {
            write!(out, "\n{}", Card(message))?;
        }
        match &self.differences()[..] {
            [] => {
                writeln!(out, "\nAll that was planted was reported, and nothing else was changed.")
            }
            differences => writeln!(out, "\n{} differences.", differences.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    /// A report in which everything is as planted.
    fn report() -> Report {
        let sources: BTreeSet<_> = PLANTED.iter().map(|(source, _)| *source).collect();
        let notice = |source: &&str| Notice {
            source: (*source).to_owned(),
            title: format!("{source}: title"),
            ..Notice::default()
        };
        let message = |source: &&str| {
            let said = PLANTED.iter().filter(|(function, _)| function == source);
            let said: Vec<_> = said.map(|(_, said)| *said).collect();
            json!({"cardsV2": [{"card": {
                "header": {"title": format!("ALARM: {source}: title")},
                "sections": [{"widgets": [{"textParagraph": {"text": said.join("<br>")}}]}],
            }}]})
        };
        Report {
            answers: BTreeMap::from([("parking", json!({"kept": [{"id": KEPT}]}))]),
            changes: CHANGES.map(str::to_owned).to_vec(),
            notices: sources.iter().map(notice).collect(),
            messages: sources.iter().map(message).collect(),
        }
    }

    #[test]
    fn what_is_not_as_planted_is_a_difference() {
        assert_eq!(report().differences(), [""; 0]);
        let mut other = report();
        other.answers.clear();
        other.changes[0] = "StopInstances i-0late".to_owned();
        other.notices.retain(|notice| notice.source != "parking");
        assert_eq!(
            other.differences(),
            [
                "not reported by parking: stopped i-0web (web)",
                "not reported by parking: stopped orders",
                "not reported by parking: started i-0batch (batch)",
                "not reported by parking: left alone i-0worker",
                "not kept: i-0late",
                "not called: SendCommand i-0web",
                "called: StopInstances i-0late",
            ]
        );
    }
}
