//! Finds when an alarm began, if its recovery does not contain the time.

use serde_json::Value;
use shared::aws::CallFailure;

use crate::alarm::ALARM;
use crate::fields::text;

/// Selects the changes of an alarm's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The alarm's name.
    pub alarm: String,
    /// The alarm's region; `None` for the function's own.
    pub region: Option<String>,
    /// The time series, if the alarm has many.
    pub contributor: Option<String>,
    /// When it recovered, in milliseconds since 1970.
    pub recovered_ms: u64,
}

/// An entry of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryItem {
    /// In milliseconds since 1970.
    pub at_ms: u64,
    /// `HistoryData`: JSON.
    pub data: String,
    /// `HistorySummary`: `Alarm updated from OK to ALARM`.
    pub summary: String,
}

/// The histories of alarms.
pub trait Histories {
    /// Returns the latest changes of state before an alarm recovered.
    fn changes(
        &self,
        query: &HistoryQuery,
    ) -> impl Future<Output = Result<Vec<HistoryItem>, CallFailure>>;
}

/// Returns the time of the last change to `ALARM` before `recovered_ms`.
pub(crate) fn began_ms(items: &[HistoryItem], recovered_ms: u64) -> Option<u64> {
    let before = items.iter().filter(|item| item.at_ms <= recovered_ms);
    before.filter(|item| item.begins()).map(|item| item.at_ms).max()
}

impl HistoryItem {
    fn begins(&self) -> bool {
        let data = serde_json::from_str::<Value>(&self.data).unwrap_or_default();
        let state = |name: &str| text(data.get(name)?, &["stateValue"]);
        match state("newState") {
            Some(new) => new == ALARM && state("oldState").is_none_or(|old| old != ALARM),
            None => self.summary.trim_end().ends_with("to ALARM"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(at_ms: u64, old: &str, new: &str) -> HistoryItem {
        let data = format!(
            r#"{{"version":"1.0","oldState":{{"stateValue":"{old}"}},"newState":{{"stateValue":"{new}"}}}}"#
        );
        HistoryItem { at_ms, data, summary: format!("Alarm updated from {old} to {new}") }
    }

    #[test]
    fn the_alarm_began_with_the_last_change_before_its_recovery() {
        let items = [
            item(90, "OK", "ALARM"),
            item(50, "ALARM", "OK"),
            item(40, "ALARM", "ALARM"),
            item(30, "OK", "ALARM"),
            item(10, "OK", "ALARM"),
        ];
        assert_eq!(began_ms(&items, 50), Some(30));
        assert_eq!(began_ms(&items, 9), None);
        assert_eq!(began_ms(&[], 50), None);
    }

    #[test]
    fn without_valid_data_the_summary_is_used() {
        let items = [
            HistoryItem { data: "{".to_owned(), ..item(30, "OK", "ALARM") },
            HistoryItem { data: "{".to_owned(), ..item(40, "ALARM", "OK") },
        ];
        assert_eq!(began_ms(&items, 50), Some(30));
    }
}
