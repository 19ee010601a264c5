//! The checks: facts in, findings out.
//!
//! Sources: AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source
//! mapping"; Amazon SQS Developer Guide, "Using dead-letter queues in Amazon SQS".

mod dead_letters;
mod function;
mod opensearch;
mod queue;

use super::facts::{Facts, Found};
use super::finding::Finding;

/// How long SQS keeps a message at most, in seconds; it costs nothing.
const LONGEST_RETENTION_SECONDS: u64 = 1_209_600;

/// All that is wrong, the worst first.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    function::check(facts, &mut findings);
    for consumed in &facts.queues {
        queue::check(consumed, facts, &mut findings);
        dead_letters::check(consumed, &mut findings);
    }
    queue::check_quarantine(facts, &mut findings);
    opensearch::check(facts, &mut findings);
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// What is wrong where a queue is not there, or nobody tells.
fn not_found(what: &str, found: &Found) -> Option<Finding> {
    match found {
        Found::Queue(_) => None,
        Found::Missing(name) => Some(Finding::error(
            "queue_missing",
            name,
            format!("The {what} does not exist."),
            "Create it, or name one that exists: the name, the account and the region must be \
             right.",
        )),
        Found::Unknown { name, why } => Some(Finding::warning(
            "queue_unknown",
            name,
            format!("The {what} could not be looked at: {why}"),
            "Run the doctor with credentials that have sqs:GetQueueAttributes on it.",
        )),
    }
}

#[cfg(test)]
mod tests;
