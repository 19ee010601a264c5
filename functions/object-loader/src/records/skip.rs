//! Passes a value that is too large, by its brackets and quotes alone.

use memchr::memchr2;

/// How far a value that began is passed.
#[derive(Debug, Default)]
pub(super) struct Skipper {
    depth: usize,
    in_string: bool,
    /// The next byte belongs to an escape.
    is_escaped: bool,
}

impl Skipper {
    /// Passes `bytes`; returns where the value ends, if it ends there.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.is_escaped {
                self.is_escaped = false;
                at += 1;
                continue;
            }
            if self.in_string {
                at += memchr2(b'"', b'\\', &bytes[at..])?;
                self.in_string = bytes[at] == b'\\';
                self.is_escaped = self.in_string;
                at += 1;
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => {
                        at += 1;
                        continue;
                    }
                }
                at += 1;
            }
            if self.depth == 0 && !self.in_string && !self.is_escaped {
                return Some(at);
            }
        }
        None
    }
}
