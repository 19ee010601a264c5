//! Writes a passthrough document: the event's text is copied, without the cuts.

use super::Event;
use super::mapping::OWN_PREFIX;
use crate::json::{self, Span};

impl Event<'_> {
    /// Writes everything after the time of such a document. The time was read from the `member`
    /// with this index if it is the event's own.
    pub(super) fn write_members(&mut self, member: Option<usize>, out: &mut Vec<u8>) {
        let mut spare = std::mem::take(&mut self.found.unescaped);
        let [own_time, original_time, envelope] = self.model.mapping.added;
        let found = &*self.found;
        if let Some(rejected) = found.named(own_time).filter(|index| Some(*index) != member)
            && found.named(original_time).is_none()
        {
            out.extend_from_slice(b",\"@timestamp_original\":");
            self.copy_long(found.members[rejected].value(), out);
        }
        if !self.envelope.is_none() && found.named(envelope).is_none() {
            out.extend_from_slice(b",\"envelope\":");
            out.extend_from_slice(self.envelope.group());
        }
        // Adjacent members are copied together.
        let mut run: Option<Span> = None;
        let mut index = 0;
        while let Some(member) = found.members.get(index) {
            index = member.end();
            // Replaced members are cut.
            if member.gone {
                continue;
            }
            if member.name == own_time || is_own(member.key().inside().of(self.text), &mut spare) {
                self.copy_run(run.take(), out);
            } else {
                let Span { start, .. } = run.unwrap_or(member.key());
                run = Some(Span { start, end: member.value().end });
            }
        }
        self.copy_run(run, out);
        self.found.unescaped = spare;
    }

    fn copy_run(&self, run: Option<Span>, out: &mut Vec<u8>) {
        if let Some(run) = run {
            out.push(b',');
            self.copy_long(run, out);
        }
    }

    /// [`Event::copy`] without inlining, which is only for the values of fields.
    #[inline(never)]
    fn copy_long(&self, span: Span, out: &mut Vec<u8>) {
        self.copy(span, out);
    }
}

/// Whether the content of a key names a member that this model adds.
#[inline]
fn is_own(key: &[u8], spare: &mut Vec<u8>) -> bool {
    // The prefix can be written with escapes.
    matches!(key.first(), Some(b'_' | b'\\'))
        && json::meaning(key, spare).starts_with(OWN_PREFIX.as_bytes())
}
