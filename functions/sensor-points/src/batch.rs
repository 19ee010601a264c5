//! The lines of the next requests.

use std::ops::Range;

/// Maximum size of a request, in bytes before compression, unless one line alone is larger.
pub(crate) const MAX_BYTES: usize = 5 * 1_048_576;

/// The position of a reading: its record, and its position in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) record: usize,
    pub(crate) place: usize,
}

/// Lines that are not written yet, in the order of their readings. It is reused between
/// invocations, so that its buffers grow only once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    lines: Vec<u8>,
    /// For each line, its end in `lines` and its reading.
    entries: Vec<(usize, At)>,
}

impl Batch {
    /// Whether one more line of this size fits into the request.
    pub(crate) fn fits(&self, line_bytes: usize, max_lines: usize) -> bool {
        self.entries.is_empty()
            || self.entries.len() < max_lines && self.lines.len() + line_bytes <= MAX_BYTES
    }

    pub(crate) fn push(&mut self, line: &[u8], at: At) {
        self.lines.extend_from_slice(line);
        self.entries.push((self.lines.len(), at));
    }

    pub(crate) fn clear(&mut self) {
        self.lines.clear();
        self.entries.clear();
    }

    /// The number of lines.
    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }

    /// The reading of a line.
    pub(crate) fn at(&self, line: usize) -> At {
        self.entries[line].1
    }

    /// The text of these lines; there must be at least one.
    pub(crate) fn text(&self, lines: &Range<usize>) -> &[u8] {
        let end = |line: usize| self.entries[line].0;
        let start = lines.start.checked_sub(1).map_or(0, end);
        &self.lines[start..end(lines.end - 1)]
    }
}
