//! Problems found while documents are written, by kind, for the log.

use std::collections::BTreeMap;

use super::retry::Trouble;

/// Maximum number of different troubles in the log.
const MAX_TROUBLES: usize = 8;

/// Maximum number of different reasons of refusal; the rest are counted as `other`.
const MAX_CODES: usize = 32;

/// The problems found; `First` identifies the first occurrence of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings<First> {
    /// Events refused by the model or by OpenSearch, by code.
    pub refused: BTreeMap<String, Refusals<First>>,
    /// The problems of OpenSearch.
    pub troubles: Vec<Trouble>,
}

/// Events refused for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusals<First> {
    /// Their number.
    pub count: u64,
    /// The first occurrence.
    pub first: First,
    /// Advice for the log; empty if there is none.
    pub advice: &'static str,
}

impl<First> Default for Findings<First> {
    fn default() -> Self {
        Self { refused: BTreeMap::new(), troubles: Vec::new() }
    }
}

impl<First> Findings<First> {
    /// Counts a refused event by its code. The number of codes is limited, because OpenSearch
    /// chooses its error types.
    pub fn count_refused(
        &mut self,
        code: &str,
        first: impl FnOnce() -> First,
        advice: &'static str,
    ) {
        let codes = &mut self.refused;
        let code = if codes.len() < MAX_CODES || codes.contains_key(code) { code } else { "other" };
        if let Some(refusals) = codes.get_mut(code) {
            refusals.count += 1;
        } else {
            let refusals = Refusals { count: 1, first: first(), advice };
            codes.insert(code.to_owned(), refusals);
        }
    }

    /// The number of refused events.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.refused.values().map(|refusals| refusals.count).sum()
    }

    /// Notes a problem of OpenSearch, once.
    pub fn note(&mut self, trouble: Trouble) {
        if self.troubles.len() < MAX_TROUBLES && !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }
}
