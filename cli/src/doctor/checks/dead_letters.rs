//! The dead-letter queue, as what its queue needs.

use super::not_found;
use super::queue::check_keeping;
use crate::doctor::facts::{Consumed, Found, Queue, TakesFrom};
use crate::doctor::finding::Finding;
use crate::doctor::report::time;

pub(super) fn check(consumed: &Consumed, findings: &mut Vec<Finding>) {
    let Some(found) = &consumed.dead_letters else { return };
    findings.extend(not_found("dead-letter queue", found));
    let (Found::Queue(queue), Found::Queue(dead)) = (&consumed.queue, found) else { return };
    if queue.is_fifo() != dead.is_fifo() {
        let kind = if queue.is_fifo() { "a FIFO queue" } else { "a standard queue" };
        findings.push(Finding::error(
            "dead_letter_type",
            &dead.name,
            format!("{} is {kind}, and its dead-letter queue is not: it takes none.", queue.name),
            format!("Name {kind} in the RedrivePolicy of {}.", queue.name),
        ));
    }
    let is_forbidden = match &dead.takes_from {
        None | Some(TakesFrom::All) => false,
        Some(TakesFrom::Nobody) => true,
        Some(TakesFrom::These(arns)) => !arns.contains(&queue.arn),
    };
    if is_forbidden {
        findings.push(Finding::error(
            "redrive_allow_policy",
            &dead.name,
            format!("Its RedriveAllowPolicy does not let {} use it.", queue.name),
            format!("Add {} to its sourceQueueArns.", queue.arn),
        ));
    }
    check_retention(queue, dead, findings);
}

/// A dead letter's time counts from when it was first sent, not from when it failed (standard
/// queues).
fn check_retention(queue: &Queue, dead: &Queue, findings: &mut Vec<Finding>) {
    if let (Some(own), Some(kept)) = (queue.retention_seconds, dead.retention_seconds)
        && kept < own
    {
        findings.push(Finding::error(
            "dead_letter_retention",
            &dead.name,
            format!(
                "It keeps messages for {}, {} for {}: the time counts from when a message was \
                 first sent, so a late dead letter is deleted at once.",
                time(kept),
                queue.name,
                time(own)
            ),
            format!(
                "aws sqs set-queue-attributes --queue-url {} --attributes \
                 MessageRetentionPeriod={}",
                dead.url,
                super::LONGEST_RETENTION_SECONDS
            ),
        ));
        let encryption_only = Queue { retention_seconds: None, ..dead.clone() };
        return check_keeping(&encryption_only, findings);
    }
    check_keeping(dead, findings);
}
