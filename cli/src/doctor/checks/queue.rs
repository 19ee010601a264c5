//! The consumed queues, their dead-letter queues, and the quarantine.

use std::fmt::Display;

use crate::doctor::facts::{ConsumedQueue, Facts, Lookup, Queue, RedriveAllowPolicy};
use crate::doctor::finding::Findings;
use crate::doctor::report::time;
use crate::doctor::settings::Settings;

/// Maximum time that SQS keeps a message, in seconds.
const MAX_RETENTION_SECONDS: u64 = 1_209_600;

/// With fewer receives, a message that fails by chance becomes a dead letter.
const MIN_RECEIVES: u64 = 3;

pub(super) fn check(consumed: &ConsumedQueue, facts: &Facts, findings: &mut Findings) {
    let queue = found("queue", &consumed.queue, findings);
    if let Some(queue) = queue {
        check_visibility(queue, facts, findings);
        check_redrive(queue, findings);
        check_retention_and_encryption(queue, findings);
    }
    let Some(lookup) = &consumed.dead_letters else { return };
    let dead = found("dead-letter queue", lookup, findings);
    if let (Some(queue), Some(dead)) = (queue, dead) {
        check_dead_letters(queue, dead, findings);
    }
}

/// Returns the queue, or reports that it is missing or unknown.
fn found<'a>(what: &str, lookup: &'a Lookup, findings: &mut Findings) -> Option<&'a Queue> {
    match lookup {
        Lookup::Found(queue) => return Some(queue),
        Lookup::Missing(name) => findings.error(
            "queue_missing",
            name,
            format!("The {what} does not exist."),
            "Create it, or check the name, the account and the region.",
        ),
        Lookup::Unknown { name, reason } => findings.warning(
            "queue_unknown",
            name,
            format!("Failed to read the {what}: {reason}"),
            "Run doctor with credentials that have sqs:GetQueueAttributes on it.",
        ),
    }
    None
}

/// Lambda recommends six times the function's timeout plus the batching window, because it retries
/// throttled invocations within that time.
fn check_visibility(queue: &Queue, facts: &Facts, findings: &mut Findings) {
    let (Some(function), Some(visibility)) = (&facts.function, queue.visibility_seconds) else {
        return;
    };
    let mappings = facts.mappings.iter().filter(|mapping| mapping.queue_arn == queue.arn);
    let Some(window) = mappings.map(|mapping| mapping.window_seconds).max() else {
        if !facts.mappings.is_empty() {
            findings.error(
                "no_mapping",
                &queue.name,
                format!("{} does not consume this queue.", function.name),
                "Name another queue or function, or create an event source mapping.",
            );
        }
        return;
    };
    let min = 6 * function.timeout_seconds + window;
    if visibility < min {
        findings.error(
            "visibility_timeout",
            &queue.name,
            format!(
                "The visibility timeout is {visibility} s, less than six times the function's \
                 timeout ({} s) plus the batching window ({window} s): messages are redelivered \
                 while they are processed, and become dead letters.",
                function.timeout_seconds
            ),
            set(queue, "VisibilityTimeout", min),
        );
    }
}

fn check_redrive(queue: &Queue, findings: &mut Findings) {
    match &queue.redrive {
        None => findings.error(
            "no_redrive_policy",
            &queue.name,
            "The queue has no dead-letter queue: a message that always fails is redelivered until \
             SQS deletes it.",
            "Set its RedrivePolicy, with the ARN of a queue of the same type as \
             deadLetterTargetArn and a maxReceiveCount of 3 or more.",
        ),
        Some(policy) if policy.max_receive_count < MIN_RECEIVES => findings.warning(
            "max_receive_count",
            &queue.name,
            format!(
                "maxReceiveCount is {}: a short outage or a throttled invocation makes dead \
                 letters.",
                policy.max_receive_count
            ),
            "Set maxReceiveCount in the RedrivePolicy to 3 or more; AWS recommends 5.",
        ),
        Some(_) => {}
    }
}

pub(super) fn check_retention_and_encryption(queue: &Queue, findings: &mut Findings) {
    if let Some(seconds) = queue.retention_seconds.filter(|s| *s < MAX_RETENTION_SECONDS) {
        findings.warning(
            "retention",
            &queue.name,
            format!("The queue keeps messages for {} only.", time(seconds)),
            format!("14 days cost the same: {}", set_max_retention(queue)),
        );
    }
    check_encryption(queue, findings);
}

fn check_encryption(queue: &Queue, findings: &mut Findings) {
    if queue.is_encrypted == Some(false) {
        findings.warning(
            "encryption",
            &queue.name,
            "Messages are not encrypted at rest.",
            set(queue, "SqsManagedSseEnabled", true),
        );
    }
}

fn check_dead_letters(queue: &Queue, dead: &Queue, findings: &mut Findings) {
    if queue.is_fifo() != dead.is_fifo() {
        let kind = if queue.is_fifo() { "a FIFO queue" } else { "a standard queue" };
        findings.error(
            "dead_letter_type",
            &dead.name,
            format!("{} is {kind}, but its dead-letter queue is not.", queue.name),
            format!("Name {kind} in the RedrivePolicy of {}.", queue.name),
        );
    }
    let is_denied = match &dead.redrive_allow {
        None | Some(RedriveAllowPolicy::AllowAll) => false,
        Some(RedriveAllowPolicy::DenyAll) => true,
        Some(RedriveAllowPolicy::ByQueue { source_queue_arns }) => {
            !source_queue_arns.contains(&queue.arn)
        }
    };
    if is_denied {
        findings.error(
            "redrive_allow_policy",
            &dead.name,
            format!("Its RedriveAllowPolicy does not allow {} to use it.", queue.name),
            format!("Add {} to its sourceQueueArns.", queue.arn),
        );
    }
    if let (Some(own), Some(kept)) = (queue.retention_seconds, dead.retention_seconds)
        && kept < own
    {
        // In standard queues a dead letter keeps the time at which it was first sent.
        findings.error(
            "dead_letter_retention",
            &dead.name,
            format!(
                "It keeps messages for {}, {} for {}: the time counts from when a message was \
                 first sent, so a late dead letter is deleted at once.",
                time(kept),
                queue.name,
                time(own)
            ),
            set_max_retention(dead),
        );
        return check_encryption(dead, findings);
    }
    check_retention_and_encryption(dead, findings);
}

pub(super) fn check_quarantine(
    facts: &Facts,
    settings: Option<&Settings>,
    findings: &mut Findings,
) {
    let Some(lookup) = &facts.quarantine else {
        if let (Some(function), Some(settings)) = (&facts.function, settings)
            && settings.lacks_quarantine
        {
            findings.warning(
                "quarantine",
                &function.name,
                "There is no quarantine: a message that can never become a document is retried \
                 until it is a dead letter.",
                "Set QUARANTINE_QUEUE_URL.",
            );
        }
        return;
    };
    let Some(queue) = found("quarantine queue", lookup, findings) else { return };
    let is_consumed = facts.queues.iter().any(
        |consumed| matches!(&consumed.queue, Lookup::Found(consumed) if consumed.arn == queue.arn),
    );
    if is_consumed {
        return findings.error(
            "quarantine",
            &queue.name,
            "The quarantine is the consumed queue: the function receives quarantined messages \
             again and again.",
            "Set QUARANTINE_QUEUE_URL to another queue.",
        );
    }
    check_retention_and_encryption(queue, findings);
}

fn set_max_retention(queue: &Queue) -> String {
    set(queue, "MessageRetentionPeriod", MAX_RETENTION_SECONDS)
}

/// Returns the command that sets an attribute.
fn set(queue: &Queue, attribute: &str, value: impl Display) -> String {
    let url = &queue.url;
    format!("aws sqs set-queue-attributes --queue-url {url} --attributes {attribute}={value}")
}
