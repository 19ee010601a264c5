//! Extracts one of several events in a record, to keep it.

use shared::contents::Contents;
use shared::envelope::Wrapping;
use shared::json::Span;

/// Extracts events from records.
#[derive(Debug, Default)]
pub(super) struct Alone {
    /// The position of the record that was opened last.
    record: Option<Span>,
    contents: Contents,
    wrapping: Wrapping,
    text: Vec<u8>,
}

impl Alone {
    /// The event at a position, alone in the envelopes around all of them, whose data belongs to
    /// it.
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
