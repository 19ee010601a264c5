//! The report: what was checked, and the findings.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::facts::{Facts, Lookup, OpenSearchReply};
use super::finding::{Finding, Severity};
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
        let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        Self { looked_at: subjects(facts), findings, errors, warnings }
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
    if let Some(opensearch) = &facts.opensearch {
        let is = match &opensearch.reply {
            OpenSearchReply::Up { version, health, .. } => format!("{version}, {health}"),
            OpenSearchReply::Rejected(status) => format!("rejects requests: {status}"),
            OpenSearchReply::Other(_) => "not an OpenSearch".to_owned(),
            OpenSearchReply::Unreachable(_) => "no answer".to_owned(),
        };
        subjects.push(Subject { what: "opensearch", name: opensearch.url.clone(), is });
    }
    subjects
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
