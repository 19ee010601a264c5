//! What is found wrong while documents are written, by kind, for the log.

use std::collections::BTreeMap;

use super::retry::Trouble;

/// Maximum number of different troubles in the log.
const MAX_TROUBLES: usize = 8;

/// Maximum number of different reasons of refusal; the rest are counted as `other`.
const MAX_CODES: usize = 32;

/// What is found wrong; `First` names where a kind was met first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings<First> {
    /// Events refused by the model or by OpenSearch, by code.
    pub refused: BTreeMap<String, Refusals<First>>,
    /// What is wrong with OpenSearch.
    pub troubles: Vec<Trouble>,
}

/// Events refused for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusals<First> {
    /// How many.
    pub count: u64,
    /// Where the first was met.
    pub first: First,
    /// What to do, for the log; empty where there is nothing to say.
    pub advice: &'static str,
}

impl<First> Default for Findings<First> {
    fn default() -> Self {
        Self { refused: BTreeMap::new(), troubles: Vec::new() }
    }
}

impl<First> Findings<First> {
    /// Counts a refused event by its code. OpenSearch chooses its error types, but cannot fill the
    /// log with them.
    pub fn count_refused(
        &mut self,
        code: &str,
        first: impl FnOnce() -> First,
        advice: &'static str,
    ) {
        let codes = &mut self.refused;
        let code = if codes.len() < MAX_CODES || codes.contains_key(code) { code } else { "other" };
        match codes.get_mut(code) {
            Some(refusals) => refusals.count += 1,
            None => {
                let refusals = Refusals { count: 1, first: first(), advice };
                codes.insert(code.to_owned(), refusals);
            }
        }
    }

    /// The number of refused events.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.refused.values().map(|refusals| refusals.count).sum()
    }

    /// Notes what is wrong with OpenSearch, once.
    pub fn note(&mut self, trouble: Trouble) {
        if self.troubles.len() < MAX_TROUBLES && !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }
}
