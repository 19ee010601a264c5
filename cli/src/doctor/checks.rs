//! The checks: facts in, findings out.
//!
//! Sources: AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source
//! mapping"; Amazon SQS Developer Guide, "Using dead-letter queues in Amazon SQS".

mod function;
mod opensearch;
mod queue;
pub(super) mod stack;

use super::facts::Facts;
use super::finding::{Finding, Findings};
use super::settings::Settings;

/// Returns all problems, errors first.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Findings::default();
    check_consumer(facts, &mut findings);
    findings.sorted()
}

/// The checks of a function that consumes queues, and of its OpenSearch.
fn check_consumer(facts: &Facts, findings: &mut Findings) {
    let environment = facts.function.as_ref().and_then(|function| function.environment.as_ref());
    let settings = environment.map(Settings::parse);
    let valid = settings.as_ref().and_then(|settings| settings.as_ref().ok());
    function::check(facts, settings.as_ref(), findings);
    for consumed in &facts.queues {
        queue::check(consumed, facts, findings);
    }
    queue::check_quarantine(facts, valid, findings);
    opensearch::check(facts, valid, findings);
}

#[cfg(test)]
mod tests;
