//! Compares expected and actual results, event by event.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::backup::Failed;
use crate::events::{Document, document, id};
use crate::stored::Stored;

/// Number of differences that a failure shows.
const SHOWN: usize = 5;

/// Asserts that both contain the same items, each the same number of times. Shows only the
/// differences.
pub(crate) fn assert_same<T: Ord + Debug>(
    found: impl IntoIterator<Item = T>,
    expected: impl IntoIterator<Item = T>,
) {
    let mut balance: BTreeMap<T, i64> = BTreeMap::new();
    for thing in found {
        *balance.entry(thing).or_default() += 1;
    }
    for thing in expected {
        *balance.entry(thing).or_default() -= 1;
    }
    balance.retain(|_, times| *times != 0);
    let differences: Vec<_> = balance.iter().take(SHOWN).collect();
    let number = balance.len();
    assert!(balance.is_empty(), "{number} differences (found less expected): {differences:?}");
}

/// `event.id` and text of every document in OpenSearch.
pub(crate) fn found(documents: &[Stored]) -> Vec<(String, String)> {
    documents.iter().map(|stored| (id(&stored.text), stored.text.clone())).collect()
}

/// `event.id` and text of every document in the backup.
pub(crate) fn undelivered(failed: &[Failed]) -> Vec<(String, String)> {
    let text = |failed: &Failed| document(std::str::from_utf8(&failed.data).unwrap());
    pairs(&failed.iter().map(text).collect::<Vec<_>>())
}

/// `event.id` and text.
pub(crate) fn pairs(documents: &[Document]) -> Vec<(String, String)> {
    documents.iter().map(|document| (document.id.clone(), document.text.clone())).collect()
}

/// The payloads of records in the backup.
pub(crate) fn data(failed: &[Failed]) -> Vec<Vec<u8>> {
    failed.iter().map(|failed| failed.data.clone()).collect()
}
