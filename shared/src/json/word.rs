//! Fast comparison of many texts with one.

/// A text that is compared by its first bytes first, because most others differ in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    head: u64,
    text: String,
}

/// Size of a head, in bytes.
const HEAD: usize = 8;

impl Word {
    pub(crate) fn new(text: String) -> Self {
        Self { head: Self::head(text.as_bytes()), text }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The first bytes of a text, padded with zeros.
    #[inline]
    pub(crate) fn head(text: &[u8]) -> u64 {
        match text.first_chunk::<HEAD>() {
            Some(head) => u64::from_le_bytes(*head),
            None => text.iter().rev().fold(0, |head, byte| head << 8 | u64::from(*byte)),
        }
    }

    /// Whether `text`, with this head, is the same.
    #[inline]
    pub(crate) fn is(&self, head: u64, text: &[u8]) -> bool {
        self.head == head
            && self.text.len() == text.len()
            && (text.len() <= HEAD || self.text.as_bytes() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_its_text_only() {
        let texts = ["", "\0", "a", "ab", "ba", "12345678", "123456789", "123456780", "한국어"];
        for one in texts {
            let word = Word::new(one.to_owned());
            for other in texts {
                assert_eq!(word.is(Word::head(other.as_bytes()), other.as_bytes()), one == other);
            }
        }
    }
}
