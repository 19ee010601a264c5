//! What is kept of one of several events in a record.

use shared::contents::Contents;
use shared::envelope::Wrapping;
use shared::json::Span;

/// Takes events out of records.
#[derive(Debug, Default)]
pub(super) struct Alone {
    /// Where the record is that was opened last.
    record: Option<Span>,
    contents: Contents,
    wrapping: Wrapping,
    text: Vec<u8>,
}

impl Alone {
    /// The event at a place, alone in the envelopes around all of them: what they say belongs to it.
    pub(super) fn event(&mut self, record: Span, text: &[u8], position: usize) -> &[u8] {
        if self.record != Some(record) {
            self.record = Some(record);
            // It was opened before.
            let _opened = self.contents.open(|out| out.extend_from_slice(text));
            self.contents.look_again();
            self.wrapping = Wrapping::of(text);
        }
        self.text.clear();
        self.contents.write_alone(position, &mut self.text);
        self.text = self.wrapping.around(&self.text);
        &self.text
    }
}
