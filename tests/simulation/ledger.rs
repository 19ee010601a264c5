//! The events that were sent, and where they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::message::{Event, Kind};

/// All events that were ever sent, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) events: Vec<Event>,
    carried: HashMap<String, Rc<[usize]>>,
    copies: Vec<usize>,
    /// Index and id of the document of an event.
    documents: BTreeMap<usize, (String, String)>,
    pub(crate) refused_wrongly: BTreeSet<usize>,
    /// Events that were delivered as another message with another identity.
    pub(crate) delivered_anew: BTreeSet<usize>,
}

impl Ledger {
    /// A message is sent for the first time; returns the numbers of its events.
    pub(crate) fn sent(&mut self, body: &str, events: Vec<Event>) -> Rc<[usize]> {
        let first = self.events.len();
        let numbers: Rc<[usize]> = (first..first + events.len()).collect();
        for (number, event) in numbers.iter().zip(&events) {
            self.carried.insert(event.text.clone(), [*number].into());
        }
        self.carried.insert(body.to_owned(), Rc::clone(&numbers));
        self.copies.resize(first + events.len(), 0);
        self.events.extend(events);
        numbers
    }

    /// The events in a body; `None` if it was not sent.
    pub(crate) fn events_in(&self, body: &str) -> Option<Rc<[usize]>> {
        self.carried.get(body).cloned()
    }

    /// A message with these events is in a queue.
    pub(crate) fn arrived(&mut self, events: &[usize]) {
        for event in events {
            self.copies[*event] += 1;
        }
    }

    /// A message with these events left a queue, possibly after it arrived in another.
    ///
    /// # Errors
    /// The first event that is lost.
    pub(crate) fn left(&mut self, events: &[usize]) -> Result<(), usize> {
        for event in events {
            self.copies[*event] -= 1;
        }
        let is_lost = |event: &&usize| self.copies[**event] == 0 && !self.is_indexed(**event);
        events.iter().find(is_lost).map_or(Ok(()), |event| Err(*event))
    }

    /// The number of messages with an event.
    pub(crate) fn copies(&self, event: usize) -> usize {
        self.copies[event]
    }

    pub(crate) fn is_indexed(&self, event: usize) -> bool {
        self.documents.contains_key(&event)
    }

    /// An event's document is in the index.
    ///
    /// # Errors
    /// The violation.
    pub(crate) fn indexed(&mut self, event: usize, index: &str, id: &str) -> Result<(), String> {
        if !self.kind(event).is_some_and(Kind::can_be_indexed) {
            return Err(format!("event {event} can be no document, but became one"));
        }
        let place = (index.to_owned(), id.to_owned());
        let is_another = self.documents.get(&event).is_some_and(|before| *before != place);
        // Two deliveries of an event without an id are two documents. An event that was written and
        // also sent to the quarantine, without its envelope, is another event.
        let is_derived = self.kind(event) == Some(Kind::Underived);
        if is_another
            && (is_derived && self.delivered_anew.contains(&event)
                || self.refused_wrongly.contains(&event))
        {
            return Ok(());
        }
        match self.documents.insert(event, place) {
            Some(before) => {
                Err(format!("event {event} is twice in the index: {before:?} and {index}, {id}"))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn kind(&self, event: usize) -> Option<Kind> {
        self.events.get(event).map(|event| event.kind)
    }
}
