//! The queue that is consumed, and the quarantine.

use super::{LONGEST_RETENTION_SECONDS, function, not_found};
use crate::doctor::facts::{Consumed, Facts, Found, Queue};
use crate::doctor::finding::Finding;
use crate::doctor::report::time;

/// A message that fails once or twice by chance is no dead letter yet.
const FEW_RECEIVES: u64 = 3;

pub(super) fn check(consumed: &Consumed, facts: &Facts, findings: &mut Vec<Finding>) {
    findings.extend(not_found("queue", &consumed.queue));
    let Found::Queue(queue) = &consumed.queue else { return };
    check_visibility(queue, facts, findings);
    match &queue.redrive {
        None => findings.push(Finding::error(
            "no_redrive_policy",
            &queue.name,
            "The queue has no dead-letter queue: what always fails comes again and again, until \
             SQS deletes it.",
            "Set its RedrivePolicy: the ARN of a queue of its kind as deadLetterTargetArn, and 3 or \
             more as maxReceiveCount.",
        )),
        Some(policy) if policy.max_receive_count < FEW_RECEIVES => {
            findings.push(Finding::warning(
                "max_receive_count",
                &queue.name,
                format!(
                    "maxReceiveCount is {}: a short outage or a throttled call makes dead letters.",
                    policy.max_receive_count
                ),
                "Set maxReceiveCount in the RedrivePolicy to 3 or more; AWS recommends 5.",
            ));
        }
        Some(_) => {}
    }
    check_keeping(queue, findings);
}

/// Lambda wants six times the function's timeout, and the batching window: it tries throttled
/// calls again within that time.
fn check_visibility(queue: &Queue, facts: &Facts, findings: &mut Vec<Finding>) {
    let (Some(function), Some(visibility)) = (&facts.function, queue.visibility_seconds) else {
        return;
    };
    let mappings = facts.mappings.iter().filter(|mapping| mapping.queue_arn == queue.arn);
    let Some(window) = mappings.map(|mapping| mapping.window_seconds).max() else {
        if !facts.mappings.is_empty() {
            findings.push(Finding::error(
                "no_mapping",
                &queue.name,
                format!("{} does not consume this queue.", function.name),
                "Name another queue or function, or create an event source mapping.",
            ));
        }
        return;
    };
    let least = 6 * function.timeout_seconds + window;
    if visibility < least {
        findings.push(Finding::error(
            "visibility_timeout",
            &queue.name,
            format!(
                "The visibility timeout is {visibility} s, less than six times the function's \
                 timeout ({} s) and the batching window ({window} s): messages come again while \
                 they are worked on, and run out of receives.",
                function.timeout_seconds
            ),
            set(queue, "VisibilityTimeout", least),
        ));
    }
}

/// What holds for every queue.
pub(super) fn check_keeping(queue: &Queue, findings: &mut Vec<Finding>) {
    if let Some(seconds) = queue.retention_seconds.filter(|s| *s < LONGEST_RETENTION_SECONDS) {
        findings.push(Finding::warning(
            "retention",
            &queue.name,
            format!("The queue keeps messages for {} only.", time(seconds)),
            format!(
                "14 days cost no more: {}",
                set(queue, "MessageRetentionPeriod", LONGEST_RETENTION_SECONDS)
            ),
        ));
    }
    if queue.is_encrypted == Some(false) {
        findings.push(Finding::warning(
            "encryption",
            &queue.name,
            "Messages are not encrypted at rest.",
            set(queue, "SqsManagedSseEnabled", true),
        ));
    }
}

pub(super) fn check_quarantine(facts: &Facts, findings: &mut Vec<Finding>) {
    if let Some(found) = &facts.quarantine {
        findings.extend(not_found("quarantine queue", found));
        let Found::Queue(queue) = found else { return };
        let consumed = facts.queues.iter().any(|consumed| {
            matches!(&consumed.queue, Found::Queue(consumed) if consumed.arn == queue.arn)
        });
        if consumed {
            findings.push(Finding::error(
                "quarantine",
                &queue.name,
                "The quarantine is the queue that is consumed: what can never become a document \
                 goes round for ever.",
                "Set QUARANTINE_QUEUE_URL to another queue.",
            ));
            return;
        }
        return check_keeping(queue, findings);
    }
    let Some(function) = &facts.function else { return };
    let settings = function.environment.as_ref().map(function::settings);
    if let Some(Ok(settings)) = settings
        && settings.quarantine_url.is_none()
    {
        findings.push(Finding::warning(
            "quarantine",
            &function.name,
            "There is no quarantine: what can never become a document is tried again, and ends \
             among the dead letters.",
            "Set QUARANTINE_QUEUE_URL.",
        ));
    }
}

fn set(queue: &Queue, attribute: &str, value: impl std::fmt::Display) -> String {
    format!(
        "aws sqs set-queue-attributes --queue-url {} --attributes {attribute}={value}",
        queue.url
    )
}
