//! Writes the documents of a record.

use std::collections::HashMap;
use std::mem;

use serde_json::Value;
use shared::contents::{Contents, Holds};
use shared::envelope::LogMessage;
use shared::event::{Around, Arrival, DocumentId, Reason, Refusal};
use shared::json::{self, Span};
use shared::opensearch::{Index, Limits};

use super::at::{At, KnownBy};
use super::failed;
use super::{Batch, Event, Source, State, reason};
use crate::failure::{self, Failure, Line, Selection};
use crate::records::Format;
use crate::text;

/// Documents are divided into requests when the batch is whole.
const NO_LIMITS: Limits = Limits { bytes: usize::MAX, documents: usize::MAX };

/// What is kept of an event from which nothing is to come.
const NOTHING: [&[u8]; 3] = [b""; 3];

impl Batch {
    pub(super) fn plain(&mut self, source: &Source<'_>, offset: u64, record: &[u8]) {
        let at = |by| At { offset, arrived: source.modified, by };
        let mut line = mem::take(&mut self.line);
        match source.reading.format {
            Format::Auto => self.events_of(source, at(KnownBy::Place(None)), record, record),
            Format::Text => {
                let at = at(KnownBy::Place(Some(record)));
                self.events_of(source, at, record, text::event(record, &mut line));
            }
        }
        self.line = line;
    }

    /// Writes the event in `text`, or the events, where it is an envelope around several; `kept` is
    /// what is kept of a single one that is refused.
    fn events_of(&mut self, source: &Source<'_>, at: At<'_>, kept: &[u8], text: &[u8]) {
        let is_log = LogMessage::may_be_in(text);
        if !is_log {
            match self.event(source, at, kept, text, None, 0) {
                Ok(()) => return,
                Err(refusal) if !matches!(text.first(), Some(b'{' | b'"')) => {
                    return self.refuse_event(source, at, kept, 0, refusal);
                }
                // An envelope around several events, maybe.
                Err(_) => {}
            }
        }
        let mut contents = mem::take(&mut self.contents);
        match contents.open(|out| out.extend_from_slice(text)) {
            Ok(Holds::NoLogEvents) => self.push(at, NOTHING, State::Dropped),
            Ok(_) if is_log || contents.count() > 1 => self.several(source, at, &mut contents),
            _ => {
                let written = self.event(source, at, kept, text, None, 0);
                if let Err(refusal) = written {
                    self.refuse_event(source, at, kept, 0, refusal);
                }
            }
        }
        self.contents = contents;
    }

    /// Writes events that were found in envelopes.
    fn several(&mut self, source: &Source<'_>, at: At<'_>, contents: &mut Contents) {
        let mut alone = Vec::new();
        for position in 0..contents.count() {
            alone.clear();
            contents.write_alone(position, &mut alone);
            let Some((text, around)) = contents.event(position) else { break };
            let written = self.event(source, at, &alone, text, around, position);
            if let Err(refusal) = written {
                self.refuse_event(source, at, &alone, position, refusal);
            }
        }
    }

    fn event(
        &mut self,
        source: &Source<'_>,
        at: At<'_>,
        kept: &[u8],
        text: &[u8],
        around: Option<Around<'_>>,
        position: usize,
    ) -> Result<(), Refusal> {
        let Source { reading, writing, now, .. } = *source;
        let mut event = self.reader.read_inside(&reading.model, text, around)?;
        if event.action_is_one_of(&reading.drop_actions) {
            self.push(at, NOTHING, State::Dropped);
            return Ok(());
        }
        let (mut document, mut id) = (mem::take(&mut self.document), mem::take(&mut self.id));
        document.clear();
        id.clear();
        let identity = at.identity(source, position, &mut self.identity);
        let written =
            event.write_document(&Arrival { time: at.arrived, now, identity }, &mut document);
        event.write_document_id(writing.document_id, &written, &document, &mut id);
        let number = self.events.len();
        let index = Index::Of(&writing.index, written.timestamp);
        self.bulk.add(NO_LIMITS, index, (&document, &id), (number, 0));
        // Without what OpenSearch's `_id` has besides.
        id.clear();
        event.write_document_id(DocumentId::Id, &written, &document, &mut id);
        self.push(at, [kept, &id, b""], State::Waiting);
        (self.document, self.id) = (document, id);
        Ok(())
    }

    pub(super) fn failure(
        &mut self,
        source: &Source<'_>,
        selection: &Selection,
        offset: u64,
        line: &[u8],
    ) {
        let at = At { offset, arrived: source.modified, by: KnownBy::Nothing };
        match failure::read(line, selection) {
            Ok(Line::Failure(failure)) => self.failed(source, offset, &failure),
            Ok(Line::NotSelected) => self.push(at, NOTHING, State::Dropped),
            Ok(Line::NoRawData) => {
                self.refuse(at, line, reason("no_raw_data", "the line has no rawData"));
            }
            Err(refusal) => self.refuse(at, line, refusal.into()),
        }
    }

    fn failed(&mut self, source: &Source<'_>, offset: u64, failure: &Failure) {
        let Failure { arrived, arrival, data, document, event_id, .. } = failure;
        let at = |by| At { offset, arrived: *arrived, by };
        if let Some((id, index)) = document {
            return self.document(at(KnownBy::Nothing), data, (id, index));
        }
        let events = match failed::split(source.reading, data) {
            Ok(events) => events,
            Err(reason) => return self.refuse(at(KnownBy::Nothing), data, reason),
        };
        let known = event_id.as_ref().filter(|_| events.texts.len() == 1);
        let known = known.map(|id| content(id));
        let mut equal = HashMap::new();
        for text in &events.texts {
            let equal = equal.entry(text).and_modify(|before| *before += 1).or_insert(0);
            let delivery = KnownBy::Delivery { arrival, equal: *equal };
            let by = known.as_ref().map_or(delivery, |id| KnownBy::Id(id));
            self.events_of(source, at(by), text, text);
        }
        if let Some((text, reason)) = events.rest {
            self.refuse(at(KnownBy::Nothing), &text, reason);
        }
    }

    /// Takes a document that was in a bulk request before.
    fn document(&mut self, at: At<'_>, document: &[u8], (id, index): (&str, &str)) {
        let mut line = Vec::with_capacity(document.len());
        let (id, index) = (content(id), content(index));
        if !write_object(document, &mut line) {
            let refused = State::Refused(Refusal::InvalidJson.into());
            return self.push(at, [document, &id, &index], refused);
        }
        let number = self.events.len();
        self.bulk.add(NO_LIMITS, Index::Named(&index), (&line, &id), (number, 0));
        self.push(at, [document, &id, &index], State::Waiting);
    }

    pub(super) fn refuse(&mut self, at: At<'_>, text: &[u8], reason: Reason) {
        self.push(at, [text, b"", b""], State::Refused(reason));
    }

    fn refuse_event(
        &mut self,
        source: &Source<'_>,
        at: At<'_>,
        kept: &[u8],
        position: usize,
        refusal: Refusal,
    ) {
        let mut buffer = mem::take(&mut self.identity);
        let id = at.identity(source, position, &mut buffer).id_of(kept);
        self.identity = buffer;
        self.push(at, [kept, &id, b""], State::Refused(refusal.into()));
    }

    /// Takes an event: its text, its id and, of a document, its index.
    fn push(&mut self, at: At<'_>, parts: [&[u8]; 3], state: State) {
        let At { offset, arrived, .. } = at;
        let mut keep = |bytes: &[u8]| {
            let start = self.kept.len();
            self.kept.extend_from_slice(bytes);
            Span { start, end: self.kept.len() }
        };
        let [text, id, index] = parts.map(&mut keep);
        let bytes = text.length() as u64;
        self.events.push(Event { offset, arrived, text, id, index, bytes, state });
    }
}

/// Appends a JSON object on one line; `false` where `text` is none.
fn write_object(text: &[u8], out: &mut Vec<u8>) -> bool {
    let mut scanner = json::Scanner::new(text);
    // Its values may be as deep as an event: a document has its unmapped fields a level deeper.
    let is_object = text.first() == Some(&b'{')
        && scanner.object(|scanner, _| scanner.value(0).map(drop)).is_ok()
        && scanner.peek().is_none()
        && std::str::from_utf8(text).is_ok();
    let mut at = 0;
    for cut in scanner.cuts.iter().filter(|_| is_object) {
        out.extend_from_slice(&text[at..cut.start]);
        at = cut.end;
    }
    out.extend_from_slice(&text[at..]);
    is_object
}

/// The content of a JSON string that means this.
fn content(text: &str) -> Vec<u8> {
    let quoted = Value::from(text).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

#[cfg(test)]
mod tests {
    use super::write_object;

    #[test]
    fn a_document_may_be_a_level_deeper_than_an_event() {
        for (levels, is_document) in [(129, true), (130, false)] {
            let text = "{\"x\":".repeat(levels) + "1" + &"}".repeat(levels);
            let mut line = Vec::new();
            assert_eq!(write_object(text.as_bytes(), &mut line), is_document, "{levels}");
            assert_eq!(line, text.as_bytes());
        }
    }
}
