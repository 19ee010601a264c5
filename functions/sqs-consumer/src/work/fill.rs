//! Fills a bulk request with the documents of the next messages.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shared::contents::Holds;
use shared::event::{Arrival, Identity, Refusal, Written};
use shared::opensearch::Index;

use super::refused::{MAX_WAITING, Why};
use super::{Buffers, Incoming, MAX_EVENTS, Out, Rules, Work};
use crate::outcome::{LARGE_PAYLOAD_POINTER, Retry, TOO_MANY_EVENTS};

impl<W> Work<'_, W>
where
    W: FnMut(&Incoming<'_>, &mut Out) -> Result<Written, Refusal>,
{
    /// Adds documents to the next bulk request.
    pub(super) fn fill(&mut self) {
        while self.refusals.len() <= MAX_WAITING && self.may_be_tried() {
            // A panic fails only the message that causes it.
            let taken = catch_unwind(AssertUnwindSafe(|| self.take_events()));
            match taken {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    self.opened = None;
                    self.fail(self.next.0, Retry::Panicked);
                }
            }
            self.pass();
        }
        if !self.buffers.bulk.is_empty() {
            self.buffers.bulk.seal();
        }
    }

    /// Whether the next message can be tried in this round; skips those that will not be tried.
    fn may_be_tried(&mut self) -> bool {
        while let Some(message) = self.messages.get(self.next.0).filter(|message| message.is_fifo) {
            let group = message.group_id.unwrap_or_default();
            if !self.failed_groups.contains(group) {
                return self.open_groups.insert(group);
            }
            self.fail(self.next.0, Retry::GroupFailed);
            self.next.0 += 1;
        }
        self.next.0 < self.messages.len()
    }

    /// Adds the next message's events; returns `false` if the request is full before the end.
    fn take_events(&mut self) -> bool {
        let index = self.next.0;
        let message = &self.messages[index];
        match self.open(index) {
            Ok(Holds::Events) => {}
            Ok(Holds::TestEvent) => {
                self.report.test_events.get_or_insert((0, index)).0 += 1;
                return true;
            }
            Ok(Holds::NoLogEvents) => {
                self.report.no_log_events.get_or_insert((0, index)).0 += 1;
                return true;
            }
            Ok(Holds::LargePayloadPointer)
                if self.rules.fetch_payloads && self.payload.is_none() =>
            {
                self.pointer = self.buffers.contents.pointer();
                return false;
            }
            Ok(Holds::LargePayloadPointer) => {
                self.refuse(index, 0, Why::Other(Box::new(LARGE_PAYLOAD_POINTER)));
                return true;
            }
            Err(refusal) => {
                self.refuse(index, 0, Why::Model(refusal));
                return true;
            }
        }
        if self.next.1 > 0 {
            // The events that were already added keep their positions; this is needed because one
            // may have been refused.
            self.buffers.contents.look_again();
        }
        let (first_id, before) = message.identity();
        let Rules { writing, now, .. } = self.rules;
        loop {
            if self.buffers.contents.count() > MAX_EVENTS {
                self.refuse(index, 0, Why::Other(Box::new(TOO_MANY_EVENTS)));
                return true;
            }
            let position = self.next.1;
            let Buffers { bulk, contents, out, identity, .. } = &mut *self.buffers;
            let Some((event, around)) = contents.event(position) else { return true };
            write_identity(&first_id, before.saturating_add(position as u64), identity);
            let identity = Identity::Delivery(identity);
            let arrival = Arrival { time: message.sent, now, identity };
            let incoming = Incoming { event, around, arrival };
            out.document.clear();
            out.id.clear();
            match (self.write)(&incoming, out) {
                Ok(written) => {
                    let goes_to = Index::Of(&writing.index, written.timestamp);
                    let document = (&*out.document, &*out.id);
                    if !bulk.add(writing.limits, goes_to, document, (index, position)) {
                        return false;
                    }
                }
                Err(_) if contents.look_again() => continue,
                Err(refusal) => self.refuse(index, position, Why::Model(refusal)),
            }
            self.next.1 += 1;
        }
    }

    /// Continues with the following message.
    pub(super) fn pass(&mut self) {
        self.next = (self.next.0 + 1, 0);
        if self.payload.take().is_some() {
            // If it is refused, it goes to quarantine as the original message.
            self.opened = None;
        }
    }

    /// Finds the events of a message, unless it is already open.
    pub(super) fn open(&mut self, message: usize) -> Result<Holds, Refusal> {
        if self.opened == Some(message) {
            return Ok(Holds::Events);
        }
        self.opened = None;
        let body = self.messages[message].body;
        let payload = self.payload.as_deref().filter(|_| message == self.next.0);
        let holds = self.buffers.contents.open(|text| match payload {
            Some(payload) => text.extend_from_slice(payload),
            None => body.write(text),
        })?;
        if holds == Holds::Events {
            self.opened = Some(message);
        }
        Ok(holds)
    }
}

/// Writes the identity of the event at `position` of a message.
fn write_identity(message_id: &str, position: u64, identity: &mut Vec<u8>) {
    identity.clear();
    identity.extend_from_slice(message_id.as_bytes());
    identity.push(b'/');
    identity.extend_from_slice(&position.to_be_bytes());
}
