//! Whether a run did all that was asked for, and if not, why, in words for the person.

use dlq_redrive::queues::Queue;
use dlq_redrive::request::Mode;
use dlq_redrive::summary::Answer;
use dlq_redrive::tally::Stopped;

use super::engine::Outcome;
use super::output;
use crate::aws::explained;
use crate::console::{printable, say};
use crate::failure::Failure;
use crate::layout::thousands;
use shared::sqs;

/// Longest text of the service shown, in characters.
const SHOWN: usize = 300;

/// Prints the answer and says what is missing; after a dry run, that nothing was moved, and who
/// `would_be` moving.
///
/// # Errors
/// [`Failure::Failed`] where not all was done, [`Failure::Stopped`] after Ctrl-C.
pub(super) fn tell(
    source: &Queue,
    outcome: &Outcome,
    json: bool,
    would_be: Option<Mode>,
) -> Result<(), Failure> {
    let tally = &outcome.summary.tally;
    // Nothing to report of a queue that is none, or that lets nobody in.
    if json || tally.scanned > 0 || tally.stopped != Some(Stopped::ReceiveFailed) {
        output(source, &outcome.answer, json)?;
    }
    if let Answer::Redrive { dry_run, moved, parked, task_handle, complete, .. } = &outcome.answer {
        if *dry_run && moved + parked > 0 {
            let how = match would_be {
                Some(Mode::Native) => " (SQS moves them itself)",
                _ => "",
            };
            say(format_args!("Dry run: nothing was moved. --yes moves them{how}."));
        } else if *dry_run {
            say("Dry run: there is nothing to move.");
        } else if task_handle.is_some() && !complete {
            say("SQS goes on by itself: --status shows how far it is, --cancel ends it.");
        }
    }
    for line in failures(outcome) {
        say(line);
    }
    ended(outcome)
}

/// One line for each way in which messages failed.
fn failures(outcome: &Outcome) -> Vec<String> {
    let failures = &outcome.summary.tally.failures;
    let line = |((step, code), (count, message, id)): (&(&str, String), &(u64, String, String))| {
        let what = match *step {
            "send" => "could not be sent, and stay",
            _ => "were sent and could not be deleted: they are in both queues",
        };
        let failure = sqs::Failure::new(code.clone(), printable(message, SHOWN));
        let count = thousands(*count);
        let id = printable(id, SHOWN);
        format!("{count} messages {what} (the first is {id}): {}", explained(&failure))
    };
    failures.iter().map(line).collect()
}

fn ended(outcome: &Outcome) -> Result<(), Failure> {
    let Outcome { summary, receive_failure, is_interrupted, .. } = outcome;
    let tally = &summary.tally;
    let why = match tally.stopped {
        _ if *is_interrupted => {
            return Err(Failure::Stopped(interrupted(outcome)));
        }
        None | Some(Stopped::Interrupted) if tally.failed == 0 => return Ok(()),
        None | Some(Stopped::Interrupted) => {
            format!("{} messages could not be moved", thousands(tally.failed))
        }
        Some(Stopped::Deadline) => {
            "the time is up: run it again to go on, or with a longer --time-limit".to_owned()
        }
        Some(Stopped::Canary) => {
            "a canary is back in the queue: what made it fail is still there; the others stay"
                .to_owned()
        }
        Some(Stopped::ReceiveFailed) => {
            let why = receive_failure.as_ref().map(explained).unwrap_or_default();
            format!("messages could not be received: {why}")
        }
        Some(Stopped::UnhealthyEndpoint) => {
            "OpenSearch is not green or yellow, or does not tell: nothing was moved".to_owned()
        }
        Some(Stopped::GroupBlocked) => {
            "behind ten messages of a group that stay, SQS shows no others".to_owned()
        }
    };
    Err(Failure::Failed(why))
}

fn interrupted(outcome: &Outcome) -> String {
    match &outcome.answer {
        Answer::Redrive { task_handle: Some(_), complete: false, .. } => {
            "SQS goes on by itself: --status shows how far it is, --cancel ends it".to_owned()
        }
        Answer::Redrive { moved, dry_run: false, .. } => {
            format!("{} messages were moved; all others are where they were", thousands(*moved))
        }
        _ => "nothing was moved".to_owned(),
    }
}
