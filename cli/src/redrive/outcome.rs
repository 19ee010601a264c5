//! The outcome of a run: its report, and whether it is complete.

use dlq_redrive::Queue;
use dlq_redrive::request::Mode;
use dlq_redrive::summary::Answer;
use dlq_redrive::tally::Stopped;
use shared::sqs::Failure as SqsFailure;

use super::engine::Outcome;
use super::report::Report;
use crate::aws::explained;
use crate::console::{log, print_report, printable};
use crate::error::CliError;
use crate::layout::messages_were;

const TASK_CONTINUES: &str =
    "SQS continues the move task: --status shows its progress, --cancel ends it";

/// Prints the report, and logs what was not moved. `mode` is that of a run with --yes.
///
/// # Errors
/// [`CliError::Failed`] if the run is incomplete, [`CliError::Interrupted`] after Ctrl-C.
pub(super) fn print(
    source: &Queue,
    outcome: &Outcome,
    json: bool,
    mode: Mode,
) -> Result<(), CliError> {
    let tally = &outcome.summary.tally;
    // If no message could be received from the queue, the report would be empty.
    if json || tally.scanned > 0 || tally.stopped != Some(Stopped::ReceiveFailed) {
        print_report(&Report { source, answer: &outcome.answer }, json)?;
    }
    if let Answer::Redrive { dry_run, moved, parked, task_handle, complete, .. } = &outcome.answer {
        if *dry_run && moved + parked > 0 {
            let how = if mode == Mode::Native { " (SQS moves them itself)" } else { "" };
            log(format_args!("Dry run: nothing was moved. --yes moves them{how}."));
        } else if *dry_run {
            log("Dry run: there is nothing to move.");
        } else if task_handle.is_some() && !complete {
            log(format_args!("{TASK_CONTINUES}."));
        }
    }
    for ((step, code), (count, message, id)) in &tally.failures {
        let what = match *step {
            "send" => "not sent: still in the queue",
            _ => "sent but not deleted: in both queues",
        };
        let reason = explained(&SqsFailure::new(code.clone(), message.clone()));
        let (count, id) = (messages_were(*count), printable(id, 100));
        log(format_args!("{count} {what} (first: {id}): {reason}"));
    }
    // A run that stopped early has another reason.
    if outcome.not_received > 0 && tally.stopped.is_none() {
        log(format_args!(
            "{} in the file of --import, but not received: no longer in the queue, hidden by another \
             consumer, or beyond --max-messages",
            messages_were(outcome.not_received)
        ));
    }
    check(source, outcome)
}

fn check(source: &Queue, outcome: &Outcome) -> Result<(), CliError> {
    if outcome.is_interrupted {
        return Err(CliError::Interrupted(interrupted(&outcome.answer)));
    }
    let tally = &outcome.summary.tally;
    let reason = match tally.stopped {
        None | Some(Stopped::Interrupted) if tally.failed == 0 => return Ok(()),
        None | Some(Stopped::Interrupted) => {
            format!("{} not moved", messages_were(tally.failed))
        }
        Some(Stopped::Deadline) => {
            "the time limit was reached: run the command again to continue, or set a longer \
             --time-limit"
                .to_owned()
        }
        Some(Stopped::Canary) => {
            "a canary message is back in the queue: the cause of its failure persists; the other \
             messages were not moved"
                .to_owned()
        }
        Some(Stopped::ReceiveFailed) => {
            let reason = tally.receive_failure.as_ref().map(explained).unwrap_or_default();
            format!("failed to receive messages from {}: {reason}", source.url)
        }
        Some(Stopped::UnhealthyEndpoint) => {
            "OpenSearch is not green or yellow, or does not answer: nothing was moved".to_owned()
        }
        Some(Stopped::GroupBlocked) => {
            "SQS returns no messages behind ten messages of a group that stay in the queue, nor \
             those of --canary that may be back there: --max-messages moves them in parts"
                .to_owned()
        }
    };
    Err(CliError::Failed(reason))
}

fn interrupted(answer: &Answer) -> String {
    match answer {
        Answer::Redrive { task_handle: Some(_), complete: false, .. } => TASK_CONTINUES.to_owned(),
        Answer::Redrive { moved, dry_run: false, .. } => {
            format!("{} moved; the others stay in the queue", messages_were(*moved))
        }
        _ => "nothing was moved".to_owned(),
    }
}
