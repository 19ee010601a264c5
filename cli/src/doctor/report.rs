//! The report: what was checked, and the findings.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::facts::{Facts, Lookup, OpenSearch, OpenSearchReply};
use super::finding::{Finding, Severity};
use super::stack::facts::{ChatState, StackFacts};
use crate::console::printable;

/// Maximum length of a text, in characters.
const SHOWN: usize = 500;

/// Maximum length of a line of a problem, in characters.
const WIDTH: usize = 80;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    looked_at: Vec<Subject>,
    findings: Vec<Finding>,
    pub(super) errors: usize,
    warnings: usize,
}

#[derive(Debug, Serialize)]
struct Subject {
    what: &'static str,
    name: String,
    is: String,
}

impl Report {
    pub(super) fn new(facts: &Facts, findings: Vec<Finding>) -> Self {
        Self::of(subjects(facts), findings)
    }

    pub(super) fn of_stack(facts: &StackFacts, findings: Vec<Finding>) -> Self {
        Self::of(stack_subjects(facts), findings)
    }

    fn of(looked_at: Vec<Subject>, findings: Vec<Finding>) -> Self {
        let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        Self { looked_at, findings, errors, warnings }
    }
}

fn subjects(facts: &Facts) -> Vec<Subject> {
    let mut subjects = Vec::new();
    if let Some(function) = &facts.function {
        let is = format!("timeout {} s", function.timeout_seconds);
        subjects.push(Subject { what: "function", name: function.name.clone(), is });
    }
    for consumed in &facts.queues {
        subjects.push(queue("queue", &consumed.queue));
        subjects.extend(consumed.dead_letters.as_ref().map(|found| queue("dead letters", found)));
    }
    subjects.extend(facts.quarantine.as_ref().map(|found| queue("quarantine", found)));
    subjects.extend(facts.opensearch.as_ref().map(opensearch));
    subjects
}

/// Returns the stack, and how much of each kind was read in it.
fn stack_subjects(facts: &StackFacts) -> Vec<Subject> {
    let mut subjects = Vec::new();
    if let Some(root) = facts.stacks.first() {
        let resources: usize = facts.stacks.iter().map(|stack| stack.resources.len()).sum();
        let nested = count(facts.stacks.len() - 1, "nested stack");
        let is = format!("{}, {}, {nested}", root.status, count(resources, "resource"));
        subjects.push(Subject { what: "stack", name: root.name.clone(), is });
    }
    for deployed in &facts.functions {
        let function = &deployed.function;
        let is = format!("timeout {} s", function.timeout_seconds);
        subjects.push(Subject { what: "function", name: function.name.clone(), is });
    }
    for own in &facts.queues {
        subjects.push(queue("queue", &Lookup::Found(own.queue.clone())));
    }
    for delivery in &facts.deliveries {
        let is = delivery.status.clone();
        subjects.push(Subject { what: "delivery", name: delivery.name.clone(), is });
    }
    for topic in &facts.topics {
        let confirmed = topic.subscriptions.iter().flatten().filter(|it| it.is_confirmed).count();
        let name = topic.arn.rsplit(':').next().unwrap_or_default().to_owned();
        let is = count(confirmed, "confirmed subscription");
        subjects.push(Subject { what: "topic", name, is });
    }
    if let Some(alarms) = &facts.alarms {
        let (name, is) = ("CloudWatch".to_owned(), count(alarms.len(), "alarm"));
        subjects.push(Subject { what: "alarms", name, is });
    }
    if let Some(chat) = &facts.chat {
        let is = match &chat.state {
            ChatState::Posted => "a greeting was posted",
            ChatState::Valid => "is a webhook",
            _ => "cannot be used",
        };
        subjects.push(Subject { what: "chat", name: chat.name.clone(), is: is.to_owned() });
    }
    subjects.extend(facts.consumers.iter().filter_map(|it| it.opensearch.as_ref()).map(opensearch));
    subjects
}

fn opensearch(opensearch: &OpenSearch) -> Subject {
    let is = match &opensearch.reply {
        OpenSearchReply::Up { version, health, .. } => format!("{version}, {health}"),
        OpenSearchReply::Rejected(status) => format!("rejects requests: {status}"),
        OpenSearchReply::Other(_) => "not an OpenSearch".to_owned(),
        OpenSearchReply::Unreachable(_) => "no answer".to_owned(),
    };
    Subject { what: "opensearch", name: opensearch.url.clone(), is }
}

fn queue(what: &'static str, lookup: &Lookup) -> Subject {
    let (name, is) = match lookup {
        Lookup::Found(queue) => {
            let receives = queue.redrive.as_ref().map(|policy| policy.max_receive_count);
            let attributes = [
                queue.visibility_seconds.map(|seconds| format!("visibility timeout {seconds} s")),
                queue.retention_seconds.map(|seconds| format!("retention {}", time(seconds))),
                receives.map(|receives| format!("maximum receives {receives}")),
            ];
            (&queue.name, attributes.into_iter().flatten().collect::<Vec<_>>().join(", "))
        }
        Lookup::Missing(name) => (name, "does not exist".to_owned()),
        Lookup::Unknown { name, .. } => (name, "unknown".to_owned()),
    };
    Subject { what, name: name.clone(), is }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for Subject { what, name, is } in &self.looked_at {
            writeln!(out, "{what:<14}{}  {is}", printable(name, SHOWN))?;
        }
        for Finding { severity, check, subject, problem, remedy } in &self.findings {
            let subject = printable(subject, SHOWN);
            writeln!(out, "\n{:<9}{check}: {subject}", severity.name())?;
            for line in wrapped(&printable(problem, SHOWN)) {
                writeln!(out, "         {line}")?;
            }
            writeln!(out, "         -> {}", printable(remedy, SHOWN))?;
        }
        match (self.errors, self.warnings) {
            (0, 0) => writeln!(out, "\nNo problems found."),
            (errors, warnings) => {
                writeln!(out, "\n{}, {}.", count(errors, "error"), count(warnings, "warning"))
            }
        }
    }
}

/// `90 s`, or `14 days` for whole days.
pub(super) fn time(seconds: u64) -> String {
    match (seconds.is_multiple_of(86_400), seconds / 86_400) {
        (true, 1) => "1 day".to_owned(),
        (true, days) => format!("{days} days"),
        _ => format!("{seconds} s"),
    }
}

/// `1 error`, `2 errors`
pub(super) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Splits a text at spaces into lines of at most [`WIDTH`] characters. A longer word is one line.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_between_words() {
        assert_eq!(wrapped(""), [""]);
        assert_eq!(wrapped("a b"), ["a b"]);
        let long = "x".repeat(WIDTH + 1);
        assert_eq!(wrapped(&format!("a {long} b")), ["a", long.as_str(), "b"]);
        let fits = format!("{} b", "x".repeat(WIDTH - 2));
        assert_eq!(wrapped(&format!("{fits} c")), [fits.as_str(), "c"]);
    }

    #[test]
    fn times_and_counts() {
        for (seconds, expected) in
            [(60, "60 s"), (86_400, "1 day"), (1_209_600, "14 days"), (86_401, "86401 s")]
        {
            assert_eq!(time(seconds), expected);
        }
        assert_eq!((&*count(1, "error"), &*count(0, "warning")), ("1 error", "0 warnings"));
    }
}
