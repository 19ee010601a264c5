//! Splits more alerts than Google Chat accepts before the deadline.

use tokio::time::Instant;

use crate::delivery::PACE;
use crate::event::Alert;

/// Number of alerts that are posted one by one if there is a second for each.
const FEW: usize = 10;

/// Splits alerts into those that are posted one by one and those that a summary names.
///
/// Half of the time is for the messages of many alerts; lookups and replies take the rest. The split
/// depends on the timeout alone, so that a retry splits the same event in the same way.
pub(crate) fn split(alerts: &[Alert], until: Instant) -> (&[Alert], &[Alert]) {
    let time = until.saturating_duration_since(Instant::now());
    let possible = usize::try_from(time.as_secs() / PACE.as_secs()).unwrap_or(usize::MAX);
    let messages = possible.min(FEW).max(possible / 2).max(1);
    // The last message is the summary.
    let single = if alerts.len() <= messages { alerts.len() } else { messages - 1 };
    alerts.split_at(single)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::Content;

    #[test]
    fn a_summary_has_the_alerts_that_the_time_is_too_short_for() {
        for (alerts, seconds, expected) in [
            (1, 0, (1, 0)),
            (2, 0, (0, 2)),
            (2, 2, (2, 0)),
            (3, 2, (1, 2)),
            (10, 10, (10, 0)),
            (12, 9, (8, 4)),
            (12, 60, (12, 0)),
            (30, 60, (30, 0)),
            (31, 60, (29, 2)),
            (100, 59, (28, 72)),
        ] {
            let note = Content::Note { subject: None, text: "text".to_owned() };
            let alert = Alert { id: "id".to_owned(), content: note };
            let many = vec![alert; alerts];
            // Tolerates a slow test.
            let until = Instant::now() + Duration::from_secs(seconds) + Duration::from_millis(900);
            let (single, rest) = split(&many, until);
            assert_eq!((single.len(), rest.len()), expected, "{alerts} in {seconds} s");
        }
    }
}
