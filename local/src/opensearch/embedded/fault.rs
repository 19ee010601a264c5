//! Faults on demand.

use std::time::Duration;

/// What is to go wrong with a bulk request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The whole request is refused with this status: 400, 403, 413, 429, 503 and so on. Nothing
    /// is written.
    Status(u16),
    /// Operations fail with this status (400, 429, 503), as items of an answer of status 200; the
    /// others are done.
    Items {
        /// The item's status.
        status: u16,
        /// Which ones.
        which: Which,
    },
    /// The request is done, and answered only after this while.
    Slow(Duration),
    /// The connection is closed without an answer, and nothing is written.
    Drop,
    /// The request is done, but the connection is closed without an answer: who sends it again
    /// writes twice unless it gives ids.
    DropAfterWriting,
    /// The request is done, but the answer's body breaks off in the middle.
    Truncate,
    /// The request is done, but the answer is a proxy's page of status 200.
    Garbage,
}

/// Which operations of a bulk request a [`Fault::Items`] hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    All,
    /// The first of each so many.
    OneOf(usize),
    /// Those whose document's text contains this.
    Containing(String),
}

impl Which {
    pub(super) fn hits(&self, position: usize, document: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::OneOf(of) => position.is_multiple_of(*of),
            Self::Containing(text) => {
                let text = text.as_bytes();
                text.is_empty() || document.windows(text.len()).any(|window| window == text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_operations() {
        assert!(Which::All.hits(3, b"{}"));
        let every_third: Vec<_> = (0..7).filter(|n| Which::OneOf(3).hits(*n, b"{}")).collect();
        assert_eq!(every_third, [0, 3, 6]);
        assert!(Which::Containing("bad".to_owned()).hits(0, br#"{"a":"bad"}"#));
        assert!(!Which::Containing("bad".to_owned()).hits(0, br#"{"a":"ba"}"#));
    }
}
