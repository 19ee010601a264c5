//! A queue, as SQS keeps it. Times are milliseconds since the history began.
//!
//! Source: Amazon SQS Developer Guide, "Amazon SQS visibility timeout", "Using dead-letter queues",
//! "Exactly-once processing in Amazon SQS", and API reference, `DeleteMessage`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use shared::sqs::{Attribute, Failure};

/// How long a deduplication id is remembered.
const DEDUPLICATION_MS: u64 = 5 * 60 * 1_000;

/// The longest that a message is invisible from its first receive on.
const MAX_INVISIBLE_MS: u64 = 43_200_000;

/// What a message carries.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication: Option<String>,
    /// The numbers of the events in it.
    pub(crate) events: Rc<[usize]>,
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) content: Content,
    pub(crate) sent_ms: u64,
    pub(crate) receives: u32,
    pub(crate) first_received_ms: Option<u64>,
    /// All that were ever given out for it, latest last.
    handles: Vec<u64>,
    visible_ms: u64,
    /// The queue that gave it up.
    pub(crate) source_arn: Option<String>,
}

impl Stored {
    /// The latest receipt handle.
    pub(crate) fn handle(&self) -> String {
        self.handles.last().map_or_else(String::new, u64::to_string)
    }
}

/// Which messages a receive gives.
#[derive(Debug)]
pub(crate) struct Receive<'a> {
    pub(crate) most: usize,
    pub(crate) hide_ms: u64,
    /// So many that others have in their hands come too, from a standard queue.
    pub(crate) again: usize,
    /// The order of a standard queue.
    pub(crate) order: Option<&'a mut fastrand::Rng>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) fifo: bool,
    /// `maxReceiveCount`, where there is a dead-letter queue.
    pub(crate) max_receives: Option<u32>,
    /// In the order of arrival.
    pub(crate) messages: Vec<Stored>,
    deduplicated: BTreeMap<String, (u64, String)>,
    next: u64,
    name: &'static str,
}

impl Queue {
    pub(crate) fn new(name: &'static str, fifo: bool, max_receives: Option<u32>) -> Self {
        let (messages, deduplicated) = Default::default();
        Self { fifo, max_receives, messages, deduplicated, next: 0, name }
    }

    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Takes a message; gives its id, and whether it was one that the queue had not seen before.
    pub(crate) fn send(&mut self, content: Content, now: u64) -> (String, bool) {
        let number = self.next();
        let id = format!("{}-{number}", self.name);
        if let Some(deduplication) = content.deduplication.clone().filter(|_| self.fifo) {
            match self.deduplicated.get(&deduplication) {
                Some((until, id)) if *until > now => return (id.clone(), false),
                _ => self.deduplicated.insert(deduplication, (now + DEDUPLICATION_MS, id.clone())),
            };
        }
        self.messages.push(Stored {
            id: id.clone(),
            content,
            sent_ms: now,
            receives: 0,
            first_received_ms: None,
            handles: Vec::new(),
            visible_ms: now,
            source_arn: None,
        });
        (id, true)
    }

    /// Takes a message that was given up in another queue, as it is.
    pub(crate) fn take_dead(&mut self, mut message: Stored, source_arn: String, now: u64) {
        message.source_arn = Some(source_arn);
        message.visible_ms = now;
        // Handles are of one queue.
        message.handles.clear();
        self.messages.push(message);
    }

    /// Gives messages and hides them; and those that it gives up.
    pub(crate) fn receive(&mut self, ask: Receive<'_>, now: u64) -> (Vec<Stored>, Vec<Stored>) {
        let mut places: Vec<_> = (0..self.messages.len()).collect();
        if let Some(random) = ask.order.filter(|_| !self.fifo) {
            random.shuffle(&mut places);
        }
        let (mut given, mut dead) = (Vec::new(), BTreeSet::new());
        let (mut again, mut blocked) = (if self.fifo { 0 } else { ask.again }, BTreeSet::new());
        for place in places {
            if given.len() == ask.most {
                break;
            }
            let handle = self.next();
            let message = &mut self.messages[place];
            let group = message.content.group.clone().filter(|_| self.fifo);
            if group.as_ref().is_some_and(|group| blocked.contains(group)) {
                continue;
            }
            if message.visible_ms > now {
                blocked.extend(group);
                if again == 0 {
                    continue;
                }
                again -= 1;
            } else if self.max_receives.is_some_and(|most| message.receives >= most) {
                dead.insert(message.id.clone());
                continue;
            }
            message.receives += 1;
            message.first_received_ms.get_or_insert(now);
            message.visible_ms = now + ask.hide_ms;
            message.handles.push(handle);
            given.push(message.clone());
        }
        // The same message twice in one batch.
        if again > 0 && given.len() < ask.most {
            given.extend(given.first().cloned());
        }
        let is_dead = |message: &mut Stored| dead.contains(&message.id);
        (given, self.messages.extract_if(.., is_dead).collect())
    }

    /// The message of a handle, and whether it is the latest handle.
    fn of_handle(&self, handle: &str) -> Option<(usize, bool)> {
        let handle = handle.parse().ok()?;
        let place = self.messages.iter().position(|message| message.handles.contains(&handle))?;
        Some((place, self.messages[place].handles.last() == Some(&handle)))
    }

    /// Deletes a message; gives it if it was there. An old handle may delete from a standard
    /// queue, or not, and it does not tell: here every second one does.
    pub(crate) fn delete(&mut self, handle: &str, now: u64) -> Result<Option<Stored>, Failure> {
        let Some((place, is_latest)) = self.of_handle(handle) else { return Ok(None) };
        if self.fifo && (!is_latest || self.messages[place].visible_ms <= now) {
            return Err(Failure::new("ReceiptHandleIsInvalid", "it has expired"));
        }
        let deletes = is_latest || handle.ends_with(['0', '2', '4', '6', '8']);
        Ok(deletes.then(|| self.messages.remove(place)))
    }

    /// Hides a message for so long from now on.
    pub(crate) fn hide(&mut self, handle: &str, hide_ms: u64, now: u64) -> Result<(), Failure> {
        let place = match self.of_handle(handle) {
            Some((place, true)) if self.messages[place].visible_ms > now => place,
            _ => return Err(Failure::new("MessageNotInflight", "nobody has it in his hands")),
        };
        let message = &mut self.messages[place];
        let since_first = now - message.first_received_ms.unwrap_or(now);
        if hide_ms > 0 && since_first + hide_ms > MAX_INVISIBLE_MS {
            return Err(Failure::new("InvalidParameterValue", "beyond the limit"));
        }
        message.visible_ms = now + hide_ms;
        Ok(())
    }

    /// Takes away the messages that can be received, for a move task.
    pub(crate) fn take_visible(&mut self, now: u64) -> Vec<Stored> {
        self.messages.extract_if(.., |message| message.visible_ms <= now).collect()
    }

    pub(crate) fn visible(&self, now: u64) -> usize {
        self.messages.iter().filter(|message| message.visible_ms <= now).count()
    }

    /// Whether a message with this event is in it.
    pub(crate) fn holds(&self, event: usize) -> bool {
        self.messages.iter().any(|message| message.content.events.contains(&event))
    }
}
