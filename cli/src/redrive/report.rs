//! The function's answer, for people.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use dlq_redrive::queues::{MoveTask, Queue};
use dlq_redrive::summary::Answer;
use dlq_redrive::tally::{Ages, Names};

use crate::console::printable;
use crate::layout::{details, most_first, row, thousands};

/// Longest text shown, in characters.
const SHOWN: usize = 200;

/// What became of a queue's messages.
pub(super) struct Report<'a> {
    pub(super) source: &'a Queue,
    pub(super) answer: &'a Answer,
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}\n", printable(&self.source.url, SHOWN))?;
        match self.answer {
            Answer::Redrive { task_handle: Some(handle), moved, complete, .. } => {
                let note = if *complete { "by SQS, all" } else { "by SQS, up to now" };
                row(out, "Moved", *moved, note)?;
                writeln!(out, "Task        {}", printable(handle, SHOWN))
            }
            Answer::Redrive { .. } => redrive(out, self.answer),
            Answer::Inspect { .. } => inspect(out, self.answer),
            Answer::Status { tasks } => status(out, tasks),
            Answer::Cancel { moved, .. } => {
                row(out, "Moved", *moved, "by SQS, until the task was cancelled")
            }
        }
    }
}

fn redrive(out: &mut Formatter<'_>, answer: &Answer) -> fmt::Result {
    let Answer::Redrive { scanned, matched, moved, parked, failed, dry_run, reasons, .. } = answer
    else {
        return Ok(());
    };
    row(out, "Looked at", *scanned, "messages")?;
    counts(out, reasons)?;
    let (moving, parking) = if *dry_run { ("To move", "To park") } else { ("Moved", "Parked") };
    let note = if *dry_run { "nothing was moved" } else { "in their destination" };
    row(out, moving, *moved, note)?;
    if *parked > 0 {
        row(out, parking, *parked, "redriven too often")?;
    }
    let unmatched = scanned.saturating_sub(*matched);
    if unmatched > 0 {
        row(out, "Not meant", unmatched, "by the conditions given")?;
    }
    let left = matched.saturating_sub(moved + parked + failed);
    if left > 0 {
        let note = "redriven too often, or nobody knows where to (--destination)";
        row(out, "Left", left, note)?;
    }
    if *failed > 0 {
        row(out, "Failed", *failed, "not lost: see below")?;
    }
    Ok(())
}

fn inspect(out: &mut Formatter<'_>, answer: &Answer) -> fmt::Result {
    let Answer::Inspect { scanned, reasons, sources, ages, samples, .. } = answer else {
        return Ok(());
    };
    row(out, "Looked at", *scanned, "messages")?;
    let by_reason = counted(reasons);
    row(out, "Meant", by_reason.values().sum(), "by their reason")?;
    details(out, most_first(&by_reason))?;
    if by_reason.is_empty() {
        return Ok(());
    }
    writeln!(out, "Came from")?;
    let sources = counted(sources);
    for (count, arn) in most_first(&sources) {
        // Two ARNs may differ in their last letter: they are shown whole.
        writeln!(out, "{:12}{:>9}    {}", "", thousands(count), printable(arn, SHOWN))?;
    }
    show_ages(out, ages)?;
    writeln!(out, "Samples")?;
    for id in samples {
        writeln!(out, "{:25}{}", "", printable(id, SHOWN))?;
    }
    Ok(())
}

fn show_ages(out: &mut Formatter<'_>, ages: &Ages) -> fmt::Result {
    let Ages { oldest_seconds, youngest_seconds, hour, day, week, older } = ages;
    let (Some(oldest), Some(youngest)) = (oldest_seconds, youngest_seconds) else { return Ok(()) };
    let (youngest, oldest) = (age(*youngest), age(*oldest));
    let range = if youngest == oldest { oldest } else { format!("{youngest} to {oldest}") };
    writeln!(out, "First sent {:12}  {range} ago", "")?;
    let ranges = [
        (*hour, "up to an hour ago"),
        (*day, "up to a day"),
        (*week, "up to a week"),
        (*older, "longer"),
    ];
    for (count, range) in ranges.into_iter().filter(|(count, _)| *count > 0) {
        details(out, std::iter::once((count, &range.to_owned())))?;
    }
    Ok(())
}

fn status(out: &mut Formatter<'_>, tasks: &[MoveTask]) -> fmt::Result {
    if tasks.is_empty() {
        return writeln!(out, "SQS knows of no move task of this queue.");
    }
    for task in tasks {
        let moved = task.approximate_number_of_messages_moved;
        let of = task.approximate_number_of_messages_to_move;
        let of = of.filter(|of| *of > 0);
        let of = of.map(|of| format!(" of {}", thousands(of))).unwrap_or_default();
        let to = task.destination_arn.as_deref().unwrap_or("where they came from");
        let why = task.failure_reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let note = format!("moved{of}, to {to}{why}");
        row(out, &printable(&task.status, 11), moved, &printable(&note, SHOWN))?;
    }
    Ok(())
}

fn counts(out: &mut Formatter<'_>, names: &Names) -> fmt::Result {
    details(out, most_first(&counted(names)))
}

fn counted(names: &Names) -> BTreeMap<String, u64> {
    names.iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

/// In the largest unit that it is at least one of.
fn age(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let unit = units.iter().find(|(length, _)| seconds >= *length);
    unit.map_or(format!("{seconds} s"), |(length, unit)| format!("{} {unit}", seconds / length))
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_are_told_in_one_unit() {
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
