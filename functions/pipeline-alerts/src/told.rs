//! The events that this process published recently.

use std::collections::VecDeque;

use shared::digest::hex_digest;

/// How long an event with the same id is a duplicate.
const REMEMBERED_MS: u64 = 600_000;

/// Maximum number of events that are remembered.
const MAX_EVENTS: usize = 10_000;

/// The ids of events, and when they were published.
#[derive(Debug, Default)]
pub(crate) struct Told(VecDeque<(String, u64)>);

impl Told {
    /// Whether an event was published in the last ten minutes.
    pub(crate) fn has(&mut self, id: &str, now_ms: u64) -> bool {
        self.0.retain(|(_, at_ms)| now_ms.abs_diff(*at_ms) < REMEMBERED_MS);
        let id = hex_digest(id);
        self.0.iter().any(|(other, _)| *other == id)
    }

    pub(crate) fn add(&mut self, id: &str, now_ms: u64) {
        if self.0.len() == MAX_EVENTS {
            self.0.pop_front();
        }
        self.0.push_back((hex_digest(id), now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_remembered_for_ten_minutes() {
        let mut told = Told::default();
        told.add("a", 1_000);
        assert!(told.has("a", 600_999) && !told.has("b", 1_000));
        assert!(!told.has("a", 601_000));
        for number in 0..=MAX_EVENTS {
            told.add(&number.to_string(), 1_000);
        }
        assert!(!told.has("0", 1_000) && told.has("1", 1_000) && told.has("10000", 1_000));
    }
}
