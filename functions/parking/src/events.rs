//! Determines who started a database, from its events.
//!
//! Source: "Amazon RDS event categories and event messages", Amazon RDS User Guide.

use jiff::Timestamp;

const STARTED: [&str; 2] = ["db instance started", "db cluster started"];
const STOPPED: [&str; 2] = ["db instance stopped", "db cluster stopped"];
const STARTED_BY_RDS: &str = "exceeding the maximum allowed time being stopped";

/// When a person or this function last started a database: the latest start, unless RDS itself
/// started it after seven days.
pub(crate) fn last_start(mut events: Vec<(Timestamp, String)>) -> Option<Timestamp> {
    events.sort_by_key(|(at, _)| *at);
    let mut by_rds = false;
    let mut last = None;
    for (at, message) in events {
        let message = message.trim().trim_end_matches('.').to_lowercase();
        if message.contains(STARTED_BY_RDS) {
            (by_rds, last) = (true, None);
        } else if STARTED.contains(&&*message) {
            // The start after an announcement of RDS is RDS's own; the next one is not.
            last = Some(at).filter(|_| !by_rds);
            by_rds = false;
        } else if STOPPED.contains(&&*message) {
            (by_rds, last) = (false, None);
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_start_is_a_persons_unless_rds_announced_it() {
        let week = "DB instance is being started due to it exceeding the maximum allowed time being \
                    stopped.";
        let cluster = "DB cluster is being started due to it exceeding the maximum allowed time being \
                       stopped.";
        for (messages, expected) in [
            (&[][..], None),
            (&["DB instance started"], Some(0)),
            (&["DB cluster started."], Some(0)),
            (&["DB instance restarted"], None),
            (
                &["Finished DB Instance backup", "DB instance started", "Backing up DB instance"],
                Some(1),
            ),
            (&[week, "DB instance started"], None),
            (&[cluster, "DB cluster started"], None),
            (&[week], None),
            // Started by RDS, stopped, and started by a person.
            (&[week, "DB instance started", "DB instance stopped", "DB instance started"], Some(3)),
            (&["DB instance started", "DB instance stopped", week, "DB instance started"], None),
            (&["DB instance started", "DB instance stopped"], None),
        ] {
            let at = |number: i64| Timestamp::from_second(number).unwrap();
            let events = (0..).zip(messages).map(|(number, text)| (at(number), (*text).to_owned()));
            // In any order.
            let mut events: Vec<_> = events.collect();
            events.reverse();
            assert_eq!(last_start(events), expected.map(at), "{messages:?}");
        }
    }
}
