//! The failures and problems that this process reported recently.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::Entry;

/// Time after which an unchanged failure or problem is reported again.
const AGAIN_MS: u64 = 24 * 3_600_000;

/// When failures or problems were reported, by machine id and description.
#[derive(Debug, Default)]
pub(crate) struct Reported(BTreeMap<(String, String), u64>);

impl Reported {
    /// Returns and remembers the entries that are new or changed, or were reported a day ago.
    /// Forgets those that no longer exist, if all machines were read.
    pub(crate) fn take_new<'a>(
        &mut self,
        entries: &'a [Entry],
        all_read: bool,
        now_ms: u64,
    ) -> Vec<&'a Entry> {
        let key = |entry: &Entry| (entry.id.clone(), entry.note.clone());
        let current: BTreeSet<_> = entries.iter().map(key).collect();
        self.0.retain(|key, at_ms| {
            let may_exist = !all_read || current.contains(key);
            may_exist && now_ms.saturating_sub(*at_ms) < AGAIN_MS
        });
        let new: Vec<_> =
            entries.iter().filter(|entry| !self.0.contains_key(&key(entry))).collect();
        self.0.extend(new.iter().map(|entry| (key(entry), now_ms)));
        new
    }

    /// Forgets what was reported at this time, because it was not published.
    pub(crate) fn forget(&mut self, at_ms: u64) {
        self.0.retain(|_, reported_ms| *reported_ms != at_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_or_changed_is_reported_and_again_after_a_day() {
        let entry = |id: &str, note: &str| Entry {
            id: id.to_owned(),
            label: id.to_owned(),
            schedule: String::new(),
            note: note.to_owned(),
            message: String::new(),
        };
        let mut reported = Reported::default();
        let mut ids = |entries: &[Entry], now_ms| {
            reported
                .take_new(entries, true, now_ms)
                .into_iter()
                .map(|entry| entry.id.clone())
                .collect::<Vec<_>>()
        };
        let (a, b) = (entry("a", "one"), entry("b", "one"));
        assert_eq!(ids(std::slice::from_ref(&a), 0), ["a"]);
        assert_eq!(ids(&[a, b.clone()], 1_000), ["b"]);
        assert_eq!(ids(&[entry("a", "two"), b.clone()], 2_000), ["a"]);
        assert_eq!(ids(&[entry("a", "two"), b.clone()], AGAIN_MS + 999), [""; 0]);
        assert_eq!(ids(&[entry("a", "two"), b.clone()], AGAIN_MS + 1_000), ["b"]);
        assert_eq!(ids(&[], AGAIN_MS + 2_000), [""; 0]);
        assert_eq!(ids(std::slice::from_ref(&b), AGAIN_MS + 3_000), ["b"]);
        reported.forget(AGAIN_MS + 3_000);
        assert_eq!(reported.take_new(&[b], true, AGAIN_MS + 3_001).len(), 1);
    }
}
