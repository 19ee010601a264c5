//! The report of a run.

use std::fmt::{self, Display, Formatter};

use dlq_redrive::Queue;
use dlq_redrive::queues::MoveTask;
use dlq_redrive::summary::Answer;
use dlq_redrive::tally::{Ages, Names};
use serde::Serialize;

use crate::console::printable;
use crate::layout::{details, most_first, row, thousands};

/// Maximum length of a text, in characters.
const SHOWN: usize = 200;

/// The function's answer, as JSON or as text.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Report<'a> {
    #[serde(skip)]
    pub(super) source: &'a Queue,
    pub(super) answer: &'a Answer,
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}\n", printable(&self.source.url, SHOWN))?;
        match self.answer {
            Answer::Redrive { task_handle: Some(handle), moved, complete, .. } => {
                row(out, "Moved", *moved, if *complete { "by SQS" } else { "by SQS so far" })?;
                writeln!(out, "Task        {}", printable(handle, SHOWN))
            }
            Answer::Redrive {
                scanned, matched, moved, parked, failed, dry_run, reasons, ..
            } => {
                row(out, "Scanned", *scanned, "messages")?;
                details(out, most_first(reasons.iter()))?;
                let [move_label, park_label, note] = if *dry_run {
                    ["To move", "To park", "nothing was moved"]
                } else {
                    ["Moved", "Parked", "to their destination"]
                };
                row(out, move_label, *moved, note)?;
                let unmatched = scanned.saturating_sub(*matched);
                let skipped = matched.saturating_sub(moved + parked + failed);
                let skipped_note = "redriven too often, or without a source (--destination)";
                for (label, count, note) in [
                    (park_label, *parked, "redriven too often"),
                    ("Not matched", unmatched, "by the conditions"),
                    ("Skipped", skipped, skipped_note),
                    ("Failed", *failed, "not lost: see below"),
                ] {
                    if count > 0 {
                        row(out, label, count, note)?;
                    }
                }
                Ok(())
            }
            Answer::Inspect { scanned, reasons, sources, ages, samples, .. } => {
                row(out, "Scanned", *scanned, "messages")?;
                inspect(out, reasons, sources, ages, samples)
            }
            Answer::Status { tasks } if tasks.is_empty() => {
                writeln!(out, "The queue has no move tasks.")
            }
            Answer::Status { tasks } => tasks.iter().try_for_each(|task| status(out, task)),
            Answer::Cancel { moved, .. } => {
                row(out, "Moved", *moved, "by SQS before the task was cancelled")
            }
        }
    }
}

fn inspect(
    out: &mut Formatter<'_>,
    reasons: &Names,
    sources: &Names,
    ages: &Ages,
    samples: &[String],
) -> fmt::Result {
    let matched = reasons.iter().map(|(_, count)| count).sum();
    row(out, "Matched", matched, "by reason")?;
    details(out, most_first(reasons.iter()))?;
    if matched == 0 {
        return Ok(());
    }
    writeln!(out, "Sources")?;
    for (count, arn) in most_first(sources.iter()) {
        // ARNs may differ only at their end.
        writeln!(out, "{:12}{:>9}    {}", "", thousands(count), printable(arn, SHOWN))?;
    }
    show_ages(out, ages)?;
    writeln!(out, "Samples")?;
    samples.iter().try_for_each(|id| writeln!(out, "{:25}{}", "", printable(id, SHOWN)))
}

fn show_ages(out: &mut Formatter<'_>, ages: &Ages) -> fmt::Result {
    let Ages { oldest_seconds, youngest_seconds, hour, day, week, older } = ages;
    let (Some(oldest), Some(youngest)) = (oldest_seconds, youngest_seconds) else { return Ok(()) };
    let (youngest, oldest) = (age(*youngest), age(*oldest));
    let range = if youngest == oldest { oldest } else { format!("{youngest} to {oldest}") };
    writeln!(out, "First sent {:12}  {range} ago", "")?;
    let ranges = [
        (*hour, "up to an hour ago"),
        (*day, "up to a day ago"),
        (*week, "up to a week ago"),
        (*older, "longer ago"),
    ];
    details(out, ranges.into_iter().filter(|(count, _)| *count > 0))
}

fn status(out: &mut Formatter<'_>, task: &MoveTask) -> fmt::Result {
    let total = task.approximate_number_of_messages_to_move.filter(|total| *total > 0);
    let total = total.map(|total| format!(" of {}", thousands(total))).unwrap_or_default();
    let to = task.destination_arn.as_deref().unwrap_or("the source queues");
    let reason = task.failure_reason.as_deref().map(|reason| format!(": {reason}"));
    let note = format!("moved{total}, to {to}{}", reason.unwrap_or_default());
    let moved = task.approximate_number_of_messages_moved;
    row(out, &printable(&task.status, 11), moved, &printable(&note, SHOWN))
}

/// Returns an age in its largest unit.
fn age(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let unit = units.iter().find(|(length, _)| seconds >= *length);
    unit.map_or(format!("{seconds} s"), |(length, unit)| format!("{} {unit}", seconds / length))
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn an_age_has_one_unit() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (7_199, "1 h"),
            (86_400, "1 d"),
            (900_000, "10 d"),
        ] {
            assert_eq!(age(seconds), expected);
        }
    }
}
