//! Writes the documents of a record.

use std::collections::HashMap;
use std::mem;

use serde_json::Value;
use shared::contents::{Contents, Holds};
use shared::envelope::{LogMessage, trimmed};
use shared::event::{Around, Arrival, DocumentId, Reason, Refusal};
use shared::json::{self, Extent, Span};
use shared::opensearch::{Index, Limits};

use super::at::{At, KnownBy};
use super::failed;
use super::{Batch, Event, Source, State, reason};
use crate::failure::{self, Failure, Line, Selection};
use crate::records::Format;
use crate::text;

/// Documents are only divided into requests when the batch is complete.
const NO_LIMITS: Limits = Limits { bytes: usize::MAX, documents: usize::MAX };

/// The part of an event that is kept.
#[derive(Clone, Copy)]
enum Kept<'a> {
    Text(&'a [u8]),
    /// A line of failures, unchanged.
    Line(&'a [u8]),
    /// A text that contains several events, of which it is one.
    Inside {
        text: Span,
        position: usize,
    },
}

/// Keeps nothing, for a record that does not become an event.
const NOTHING: Kept<'_> = Kept::Text(b"");

/// No id, no `_id` and no index.
const NO_NAMES: [&[u8]; 3] = [b""; 3];

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

    /// Writes the event in `text`, or the events if it is an envelope around several; if a single
    /// one is refused, `kept` is kept.
    fn events_of(&mut self, source: &Source<'_>, at: At<'_>, kept: &[u8], text: &[u8]) {
        let is_log = LogMessage::may_be_in(text);
        let kept = Kept::Text(kept);
        if !is_log {
            match self.event(source, at, kept, text, None) {
                Ok(()) => return,
                Err(refusal) if !matches!(text.first(), Some(b'{' | b'"')) => {
                    return self.refuse_event(source, at, kept, text, refusal);
                }
                // This may be an envelope around several events.
                Err(_) => {}
            }
        }
        let mut contents = mem::take(&mut self.contents);
        let holds = contents.open(|out| out.extend_from_slice(text));
        // Events one after the other on a line are found only if the text is not trusted.
        let has_several = holds.is_ok()
            && (is_log || contents.count() > 1 || contents.look_again() && contents.count() > 1);
        if holds == Ok(Holds::NoLogEvents) {
            self.push(at, NOTHING, NO_NAMES, State::Dropped);
        } else if has_several {
            let whole = self.keep(text);
            self.several(source, at, whole, &mut contents);
        } else if let Err(refusal) = self.event(source, at, kept, text, None) {
            self.refuse_event(source, at, kept, text, refusal);
        }
        self.contents = contents;
    }

    /// Writes events that were found in envelopes, in a kept text.
    fn several(&mut self, source: &Source<'_>, at: At<'_>, whole: Span, contents: &mut Contents) {
        let mut position = 0;
        while !self.holds_too_much() {
            let kept = Kept::Inside { text: whole, position };
            let Some((text, around)) = contents.event(position) else { break };
            match self.event(source, at, kept, text, around) {
                Ok(()) => {}
                Err(_) if contents.look_again() => continue,
                Err(refusal) => {
                    let mut alone = Vec::new();
                    contents.write_alone(position, &mut alone);
                    self.refuse_event(source, at, kept, &alone, refusal);
                }
            }
            position += 1;
        }
    }

    fn event(
        &mut self,
        source: &Source<'_>,
        at: At<'_>,
        kept: Kept<'_>,
        text: &[u8],
        around: Option<Around<'_>>,
    ) -> Result<(), Refusal> {
        let Source { reading, writing, now, .. } = *source;
        let mut event = self.reader.read_inside(&reading.model, text, around)?;
        if event.action_is_one_of(&reading.drop_actions) {
            self.push(at, NOTHING, NO_NAMES, State::Dropped);
            return Ok(());
        }
        let [mut document, mut id, mut document_id] =
            [&mut self.document, &mut self.id, &mut self.document_id].map(mem::take);
        document.clear();
        id.clear();
        document_id.clear();
        let identity = at.identity(source, kept.position(), &mut self.identity);
        let written =
            event.write_document(&Arrival { time: at.arrived, now, identity }, &mut document);
        // The id without the additional hash of OpenSearch's `_id`.
        event.write_document_id(DocumentId::Id, &written, &document, &mut id);
        if let KnownBy::Ids { document_id: Some(known), .. } = at.by {
            document_id.extend_from_slice(known);
        } else {
            event.write_document_id(writing.document_id, &written, &document, &mut document_id);
        }
        let number = self.events.len();
        let index = Index::Of(&writing.index, written.timestamp);
        self.bulk.add(NO_LIMITS, index, (&document, &document_id), (number, 0));
        if document_id == id {
            document_id.clear();
        }
        self.push(at, kept, [&id, &document_id, b""], State::Waiting);
        (self.document, self.id, self.document_id) = (document, id, document_id);
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
            Ok(Line::NotSelected) => self.push(at, NOTHING, NO_NAMES, State::Dropped),
            Ok(Line::NoRawData) => {
                self.refuse_line(at, line, reason("no_raw_data", "the line has no rawData"));
            }
            Err(refusal) => self.refuse_line(at, line, refusal.into()),
        }
    }

    fn failed(&mut self, source: &Source<'_>, offset: u64, failure: &Failure) {
        let Failure { arrived, arrival, data, document, event_id, document_id, .. } = failure;
        let at = |by| At { offset, arrived: *arrived, by };
        let delivery = KnownBy::Delivery { arrival, equal: 0 };
        if let Some((id, index)) = document {
            return self.document(source, at(delivery), data, (id, index));
        }
        if let (Format::Text, Some(id)) = (source.reading.format, event_id) {
            // It was a line of text: only records that this function refused have such an id.
            let by = KnownBy::Ids { id: &content(id), document_id: None };
            return self.events_of(source, at(by), data, text::event(data, &mut Vec::new()));
        }
        if let (Some(id), Some(b'{')) = (event_id, data.first())
            && Extent::of(data).whole() == Some(data.len())
        {
            // It was one event, also with a list in it.
            let document_id = document_id.as_deref().map(content);
            let by = KnownBy::Ids { id: &content(id), document_id: document_id.as_deref() };
            return self.events_of(source, at(by), data, data);
        }
        let events = match failed::split(source.reading, data) {
            Ok(events) => events,
            Err(reason) => return self.refuse(at(KnownBy::Nothing), data, reason),
        };
        let is_one = events.texts.len() == 1;
        let known = |id: &Option<String>| Some(content(id.as_ref().filter(|_| is_one)?));
        let (id, document_id) = (known(event_id), known(document_id));
        let mut equal = HashMap::new();
        for text in &events.texts {
            let equal = equal.entry(text).and_modify(|before| *before += 1).or_insert(0);
            let delivery = KnownBy::Delivery { arrival, equal: *equal };
            let document_id = document_id.as_deref();
            let by = id.as_ref().map_or(delivery, |id| KnownBy::Ids { id, document_id });
            self.events_of(source, at(by), text, text);
            if self.holds_too_much() {
                return;
            }
        }
        if let Some((text, reason)) = events.rest {
            self.refuse(at(KnownBy::Nothing), &text, reason);
        }
    }

    /// Adds a document that was in a bulk request before.
    fn document(
        &mut self,
        source: &Source<'_>,
        at: At<'_>,
        document: &[u8],
        (id, index): (&str, &str),
    ) {
        let mut line = Vec::with_capacity(document.len());
        let index = content(index);
        // Without an id, each delivery would create another one.
        let id = match id {
            "" => at.identity(source, 0, &mut self.identity).id_of(document),
            id => content(id),
        };
        let (kept, names) = (Kept::Text(document), [&*id, b"", &index]);
        if !write_object(trimmed(document).of(document), &mut line) {
            let refused = State::Refused(Refusal::InvalidJson.into());
            return self.push(at, kept, names, refused);
        }
        let number = self.events.len();
        self.bulk.add(NO_LIMITS, Index::Named(&index), (&line, &id), (number, 0));
        self.push(at, kept, names, State::Waiting);
    }

    pub(super) fn refuse(&mut self, at: At<'_>, text: &[u8], reason: Reason) {
        self.push(at, Kept::Text(text), NO_NAMES, State::Refused(reason));
    }

    /// Refuses a line of failures as a line: if its data were kept instead, it would be an event
    /// the next time.
    pub(super) fn refuse_line(&mut self, at: At<'_>, line: &[u8], reason: Reason) {
        let mut object = Vec::new();
        let kept =
            if write_object(line, &mut object) { Kept::Line(&object) } else { Kept::Text(line) };
        self.push(at, kept, NO_NAMES, State::Refused(reason));
    }

    fn refuse_event(
        &mut self,
        source: &Source<'_>,
        at: At<'_>,
        kept: Kept<'_>,
        text: &[u8],
        refusal: Refusal,
    ) {
        let mut buffer = mem::take(&mut self.identity);
        let id = at.identity(source, kept.position(), &mut buffer).id_of(text);
        self.identity = buffer;
        self.push(at, kept, [&id, b"", b""], State::Refused(refusal.into()));
    }

    fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.kept.len();
        self.kept.extend_from_slice(bytes);
        Span { start, end: self.kept.len() }
    }

    /// Adds an event: the kept text, its id, its document's `_id` if that differs, and, for a
    /// document, its index.
    fn push(&mut self, at: At<'_>, kept: Kept<'_>, names: [&[u8]; 3], state: State) {
        let At { offset, arrived, .. } = at;
        let (text, position) = match kept {
            Kept::Text(text) | Kept::Line(text) => (self.keep(text), None),
            Kept::Inside { text, position } => (text, Some(position)),
        };
        let [id, document_id, index] = names.map(|name| self.keep(name));
        let is_line = matches!(kept, Kept::Line(_));
        let bytes = text.length() as u64;
        self.events.push(Event {
            offset,
            arrived,
            text,
            id,
            document_id,
            index,
            position,
            is_line,
            bytes,
            state,
        });
    }
}

impl Kept<'_> {
    /// The event's position in its record.
    const fn position(self) -> usize {
        match self {
            Self::Inside { position, .. } => position,
            Self::Text(_) | Self::Line(_) => 0,
        }
    }
}

/// Appends a JSON object on one line; `false` if `text` is not an object.
fn write_object(text: &[u8], out: &mut Vec<u8>) -> bool {
    let mut scanner = json::Scanner::new(text);
    // Its values may be as deep as an event, because a document has its unmapped fields a level
    // deeper.
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

/// The escaped content of a JSON string with this text.
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
