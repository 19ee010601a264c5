//! What was looked at, and what is wrong.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::facts::{Answer, Facts, Found};
use super::finding::{Finding, Severity};
use crate::console::printable;

/// Longest text shown, in characters.
const SHOWN: usize = 500;

/// Longest line of a problem, in characters.
const WIDTH: usize = 80;

/// The report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    looked_at: Vec<LookedAt>,
    findings: Vec<Finding>,
    errors: usize,
    warnings: usize,
}

#[derive(Debug, Serialize)]
struct LookedAt {
    what: &'static str,
    name: String,
    is: String,
}

impl Report {
    pub(super) fn new(facts: &Facts, findings: Vec<Finding>) -> Self {
        let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        Self { looked_at: looked_at(facts), findings, errors, warnings }
    }

    pub(super) const fn errors(&self) -> usize {
        self.errors
    }
}

fn looked_at(facts: &Facts) -> Vec<LookedAt> {
    let mut looked_at = Vec::new();
    if let Some(function) = &facts.function {
        let is = format!("timeout {} s", function.timeout_seconds);
        looked_at.push(LookedAt { what: "function", name: function.name.clone(), is });
    }
    for consumed in &facts.queues {
        looked_at.push(queue("queue", &consumed.queue));
        looked_at.extend(consumed.dead_letters.as_ref().map(|found| queue("dead letters", found)));
    }
    looked_at.extend(facts.quarantine.as_ref().map(|found| queue("quarantine", found)));
    if let Some(opensearch) = &facts.opensearch {
        let is = match &opensearch.answer {
            Answer::Up { version, health, .. } => format!("{version}, {health}"),
            Answer::Refused(status) => format!("answers {status}"),
            Answer::Other(_) => "no OpenSearch".to_owned(),
            Answer::Silent(_) => "no answer".to_owned(),
        };
        looked_at.push(LookedAt { what: "opensearch", name: opensearch.url.clone(), is });
    }
    looked_at
}

fn queue(what: &'static str, found: &Found) -> LookedAt {
    let (name, is) = match found {
        Found::Queue(queue) => {
            let receives = queue
                .redrive
                .as_ref()
                .map(|policy| format!("given up after {} receives", policy.max_receive_count));
            let told = [
                queue.visibility_seconds.map(|seconds| format!("visibility timeout {seconds} s")),
                queue.retention_seconds.map(|seconds| format!("kept {}", time(seconds))),
                receives,
            ];
            let told: Vec<_> = told.into_iter().flatten().collect();
            (&queue.name, told.join(", "))
        }
        Found::Missing(name) => (name, "does not exist".to_owned()),
        Found::Unknown { name, .. } => (name, "not known".to_owned()),
    };
    LookedAt { what, name: name.clone(), is }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for LookedAt { what, name, is } in &self.looked_at {
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
            (0, 0) => writeln!(out, "\nNothing is wrong as far as this can see."),
            (errors, warnings) => {
                writeln!(out, "\n{}, {}.", count(errors, "error"), count(warnings, "warning"))
            }
        }
    }
}

/// In days where it is a whole number of them.
pub(super) fn time(seconds: u64) -> String {
    match (seconds.is_multiple_of(86_400), seconds / 86_400) {
        (true, 1) => "1 day".to_owned(),
        (true, days) => format!("{days} days"),
        _ => format!("{seconds} s"),
    }
}

/// `1 error`, `2 errors`.
pub(super) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Lines of at most [`WIDTH`] characters, where words allow.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if last + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
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
    fn whole_days_are_told_as_days() {
        for (seconds, expected) in
            [(60, "60 s"), (86_400, "1 day"), (1_209_600, "14 days"), (86_401, "86401 s")]
        {
            assert_eq!(time(seconds), expected);
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(count(1, "error"), "1 error");
        assert_eq!(count(0, "warning"), "0 warnings");
    }
}
