//! The checks: facts in, findings out.
//!
//! Sources: AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source
//! mapping"; Amazon SQS Developer Guide, "Using dead-letter queues in Amazon SQS".

mod function;
mod opensearch;
mod queue;

use super::facts::Facts;
use super::finding::{Finding, Findings};
use super::settings::Settings;

/// Returns all problems, errors first.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Findings::default();
    let environment = facts.function.as_ref().and_then(|function| function.environment.as_ref());
    let settings = environment.map(Settings::parse);
    let valid = settings.as_ref().and_then(|settings| settings.as_ref().ok());
    function::check(facts, settings.as_ref(), &mut findings);
    for consumed in &facts.queues {
        queue::check(consumed, facts, &mut findings);
    }
    queue::check_quarantine(facts, valid, &mut findings);
    opensearch::check(facts, valid, &mut findings);
    findings.sorted()
}

#[cfg(test)]
mod tests;
