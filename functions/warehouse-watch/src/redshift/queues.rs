//! The queues of a cluster's workload management.
//!
//! Source: Amazon Redshift Database Developer Guide, `STV_WLM_QUERY_STATE`.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::redshift::Cell;

use super::queries::text;

/// A row of `sql/queues.sql`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InState {
    service_class: i64,
    state: String,
    queries: u64,
    longest: Duration,
}

impl InState {
    /// `None` if the row is invalid.
    pub(crate) fn read(row: &[Cell]) -> Option<Self> {
        let [service_class, state, queries, queue_time] = row else { return None };
        let micros = queue_time.long().and_then(|micros| u64::try_from(micros).ok());
        Some(Self {
            service_class: service_class.long()?,
            state: text(state)?,
            queries: u64::try_from(queries.long()?).ok()?,
            longest: Duration::from_micros(micros.unwrap_or_default()),
        })
    }
}

/// A queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) running: u64,
    pub(crate) queued: u64,
    /// The wait of the first queued query.
    pub(crate) wait: Duration,
}

/// The queues by service class.
pub(crate) fn queues(rows: &[InState]) -> BTreeMap<i64, Queue> {
    let mut queues = BTreeMap::<i64, Queue>::new();
    for row in rows {
        let queue = queues.entry(row.service_class).or_default();
        if row.state.starts_with("Queued") {
            queue.queued += row.queries;
            queue.wait = queue.wait.max(row.longest);
        } else if ["Running", "Returning"].contains(&&*row.state) {
            queue.running += row.queries;
        }
    }
    queues
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_summed_by_queue() {
        let row = |class, state: &str, queries, micros| {
            let state = Cell::Text(format!("{state} "));
            InState::read(&[Cell::Long(class), state, Cell::Long(queries), Cell::Long(micros)])
                .unwrap()
        };
        let rows = [
            row(6, "Running", 2, 9_000_000),
            row(6, "Returning", 1, 0),
            row(6, "Queued", 1, 4_500_000),
            row(6, "QueuedWaiting", 3, 2_000_000),
            row(6, "Completed", 5, 0),
            row(100, "Classified", 1, 0),
        ];
        let busy = Queue { running: 3, queued: 4, wait: Duration::from_millis(4_500) };
        assert_eq!(queues(&rows), BTreeMap::from([(6, busy), (100, Queue::default())]));
    }

    #[test]
    fn other_rows_are_not_read() {
        let text = || Cell::Text("Running".to_owned());
        assert!(InState::read(&[Cell::Long(6), text(), Cell::Long(1), Cell::Null]).is_some());
        for row in [
            vec![],
            vec![Cell::Null, text(), Cell::Long(1), Cell::Null],
            vec![Cell::Long(6), Cell::Null, Cell::Long(1), Cell::Null],
            vec![Cell::Long(6), text(), Cell::Long(-1), Cell::Null],
        ] {
            assert_eq!(InState::read(&row), None, "{row:?}");
        }
    }
}
