//! The notices that this process has published: a window that is not completed is read again.

use std::collections::VecDeque;

/// Maximum number of notices that are remembered: more than those of a day.
const MAX_NOTICES: usize = 10_000;

/// The ids of notices, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Told(VecDeque<String>);

impl Told {
    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|other| other == id)
    }

    pub(crate) fn add(&mut self, id: String) {
        if self.0.len() == MAX_NOTICES {
            self.0.pop_front();
        }
        self.0.push_back(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let mut told = Told::default();
        for number in 0..=MAX_NOTICES {
            told.add(number.to_string());
        }
        assert!(!told.has("0") && told.has("1") && told.has("10000") && !told.has("10001"));
    }
}
