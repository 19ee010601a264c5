//! The checks of a whole stack: one file for each area.

mod access;
mod alarms;
mod delivery;
mod functions;
mod logs;
mod network;
mod search;
mod template;

use super::queue;
use crate::doctor::facts::{Facts, Lookup, Queue};
use crate::doctor::finding::{Finding, Findings};
use crate::doctor::stack::facts::StackFacts;

/// The remedy for manual changes: deploying the same template again does not undo them.
const RESTORE: &str = "Restore what the template says: docs/operations.md, \"Undo what was changed \
                       by hand\"";

/// Returns all problems, errors first.
pub(in crate::doctor) fn check(facts: &StackFacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    template::check(facts, &mut findings);
    for consumer in &facts.consumers {
        super::check_consumer(consumer, &mut findings);
    }
    functions::check(facts, &mut findings);
    check_queues(facts, &mut findings);
    delivery::check(facts, &mut findings);
    alarms::check(facts, &mut findings);
    logs::check(facts, &mut findings);
    access::check(facts, &mut findings);
    network::check(facts, &mut findings);
    if let Some(search) = &facts.search {
        search::check(search, &mut findings);
    }
    findings.sorted()
}

/// The queues without a consumer, such as those of alerts and of parked messages, and the event
/// source mappings of dead-letter queues.
fn check_queues(facts: &StackFacts, findings: &mut Findings) {
    let of_consumers = facts.consumers.iter().flat_map(lookups).filter_map(|lookup| match lookup {
        Lookup::Found(queue) => Some(&*queue.arn),
        _ => None,
    });
    let of_consumers: Vec<_> = of_consumers.collect();
    for own in &facts.queues {
        let Queue { name, arn, .. } = &own.queue;
        if !of_consumers.contains(&&**arn) {
            queue::check_retention_and_encryption(&own.queue, findings);
        }
        access::check_tls("queue", name, Some(&own.queue.policy), findings);
        if !is_dead_letter_queue(facts, arn) {
            continue;
        }
        for mapping in own.mappings.iter().filter(|mapping| mapping.has_filter) {
            findings.error(
                "dead_letter_filter",
                name,
                "An event source mapping of the dead-letter queue has filters: Lambda deletes the \
                 dead letters that do not match. They are lost.",
                format!(
                    "aws lambda update-event-source-mapping --uuid {} --filter-criteria '{{}}'",
                    mapping.id
                ),
            );
        }
    }
}

/// The queues of a consumer.
fn lookups(consumer: &Facts) -> impl Iterator<Item = &Lookup> {
    let queues = consumer.queues.iter();
    let queues = queues.flat_map(|it| Some(&it.queue).into_iter().chain(&it.dead_letters));
    queues.chain(&consumer.quarantine)
}

/// Whether this is the dead-letter queue of another queue.
fn is_dead_letter_queue(facts: &StackFacts, arn: &str) -> bool {
    let policies = facts.queues.iter().filter_map(|it| it.queue.redrive.as_ref());
    policies.map(|policy| &policy.dead_letter_target_arn).any(|target| target == arn)
}
