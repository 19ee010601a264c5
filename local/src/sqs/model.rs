//! The model of an SQS queue, without a server and with the caller's clock: for the embedded
//! server, and for tests of queue consumers. Times are in milliseconds.
//!
//! Source: Amazon SQS developer guide, "Amazon SQS visibility timeout", "Amazon SQS dead-letter
//! queues", "FIFO queue delivery logic" and "Exactly-once processing", and API reference,
//! `DeleteMessage` and `ChangeMessageVisibility`.

use std::collections::{BTreeMap, HashMap, HashSet};

use fastrand::Rng;

const DEDUPLICATION_MS: u64 = 5 * 60 * 1000;

/// Maximum time that a message may be in flight, counted from its first receive.
pub const IN_FLIGHT_LIMIT_MS: u64 = 43_200_000;

/// A message in a queue.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "their names are those of SQS")]
pub struct Message<C> {
    pub id: String,
    pub content: C,
    pub group: Option<String>,
    pub deduplication_id: Option<String>,
    pub sequence_number: Option<String>,
    pub sent_ms: u64,
    pub receive_count: u32,
    pub first_receive_ms: Option<u64>,
    /// The latest receipt handle.
    pub receipt_handle: Option<String>,
    /// The queue that gave it up.
    pub source_arn: Option<String>,
    visible_at_ms: u64,
}

/// A message that a producer sends.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "their names are those of SQS")]
pub struct Sent<C> {
    pub content: C,
    pub group: Option<String>,
    pub deduplication_id: Option<String>,
    pub delay_ms: u64,
}

/// The answer to a producer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are those of SQS")]
pub struct Receipt {
    pub message_id: String,
    pub sequence_number: Option<String>,
    /// Whether the queue has accepted this message, and not an earlier one with the same
    /// deduplication id.
    pub is_new: bool,
}

/// The parameters of a receive.
#[derive(Debug, Default)]
pub struct Receive<'a> {
    /// Maximum number of messages.
    pub limit: usize,
    /// How long they are hidden.
    pub visibility_ms: u64,
    /// The random order of a standard queue; `None` means the order of arrival.
    pub order: Option<&'a mut Rng>,
    /// Number of messages in flight that a standard queue returns again.
    pub again: usize,
}

/// Why a receipt handle is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandleError {
    /// It is not a receipt handle of SQS.
    Invalid,
    /// The message no longer exists, or the handle is not its latest.
    Gone,
    /// The visibility timeout has passed, which matters in a FIFO queue.
    Expired,
    /// The message is not in flight.
    NotInFlight,
    /// The message would be in flight for longer than [`IN_FLIGHT_LIMIT_MS`].
    BeyondLimit,
}

/// Number of messages in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are those of SQS")]
pub struct Counts {
    pub visible: usize,
    pub in_flight: usize,
}

/// One queue.
#[derive(Debug)]
pub struct Queue<C> {
    /// Whether it is a FIFO queue.
    pub is_fifo: bool,
    /// Number of receives after which a message is given up: `maxReceiveCount`, if a dead-letter
    /// queue exists.
    pub max_receives: Option<u32>,
    /// Whether an old handle deletes from a standard queue: in SQS it may or may not.
    pub old_handles_delete: bool,
    /// In the order of arrival.
    messages: BTreeMap<u64, Message<C>>,
    /// The key in `messages` of an id.
    places: HashMap<String, u64>,
    next_place: u64,
    /// The receipt for a deduplication id, and when it expires.
    deduplicated: HashMap<String, (u64, Receipt)>,
    random: Rng,
}

impl<C: Clone> Queue<C> {
    /// An empty queue, which keeps messages forever; its ids are derived from `seed`.
    #[must_use]
    pub fn new(is_fifo: bool, seed: u64) -> Self {
        Self {
            is_fifo,
            max_receives: None,
            old_handles_delete: false,
            messages: BTreeMap::new(),
            places: HashMap::new(),
            next_place: 0,
            deduplicated: HashMap::new(),
            random: Rng::with_seed(seed),
        }
    }

    /// Accepts a message.
    pub fn send(&mut self, sent: Sent<C>, now: u64) -> Receipt {
        let key = sent.deduplication_id.clone().filter(|_| self.is_fifo);
        self.deduplicated.retain(|_, (until, _)| *until > now);
        if let Some((_, receipt)) = key.as_ref().and_then(|key| self.deduplicated.get(key)) {
            return Receipt { is_new: false, ..receipt.clone() };
        }
        let message = Message {
            id: self.new_id(),
            content: sent.content,
            group: sent.group,
            deduplication_id: sent.deduplication_id,
            sequence_number: None,
            sent_ms: now,
            receive_count: 0,
            first_receive_ms: None,
            receipt_handle: None,
            source_arn: None,
            visible_at_ms: now + sent.delay_ms,
        };
        let receipt = self.insert(message);
        if let Some(key) = key {
            self.deduplicated.insert(key, (now + DEDUPLICATION_MS, receipt.clone()));
        }
        receipt
    }

    fn new_id(&mut self) -> String {
        let random = self.random.u128(..).to_be_bytes();
        uuid::Builder::from_random_bytes(random).into_uuid().to_string()
    }

    fn insert(&mut self, mut message: Message<C>) -> Receipt {
        let place = self.next_place;
        self.next_place += 1;
        // Twenty increasing digits.
        let sequence_number = self.is_fifo.then(|| format!("1{place:019}"));
        message.sequence_number.clone_from(&sequence_number);
        let message_id = message.id.clone();
        self.places.insert(message_id.clone(), place);
        self.messages.insert(place, message);
        Receipt { message_id, sequence_number, is_new: true }
    }

    /// Accepts a message that another queue gave up; it is visible immediately.
    pub fn take_dead(&mut self, mut message: Message<C>, source_arn: &str, now: u64) {
        message.source_arn = Some(source_arn.to_owned());
        message.visible_at_ms = now;
        message.receipt_handle = None;
        self.insert(message);
    }

    /// Accepts a message from a move task: a new message with the same content.
    pub fn take_moved(&mut self, message: Message<C>, now: u64) {
        let moved = Message {
            id: self.new_id(),
            sent_ms: now,
            visible_at_ms: now,
            receive_count: 0,
            first_receive_ms: None,
            receipt_handle: None,
            source_arn: None,
            ..message
        };
        self.insert(moved);
    }

    /// Returns messages and hides them; the second value is the messages that are given up.
    pub fn receive(&mut self, ask: Receive<'_>, now: u64) -> (Vec<Message<C>>, Vec<Message<C>>) {
        let mut places: Vec<_> = self.messages.keys().copied().collect();
        if let Some(random) = ask.order.filter(|_| !self.is_fifo) {
            random.shuffle(&mut places);
        }
        let mut again = if self.is_fifo { 0 } else { ask.again };
        let (mut received, mut dead) = (Vec::new(), Vec::new());
        let mut blocked = HashSet::new();
        for place in places {
            if received.len() == ask.limit {
                break;
            }
            let Some(message) = self.messages.get_mut(&place) else { continue };
            let group = message.group.as_ref().filter(|_| self.is_fifo);
            if group.is_some_and(|group| blocked.contains(group)) {
                continue;
            }
            if message.visible_at_ms > now {
                blocked.extend(group.cloned());
                if again == 0 {
                    continue;
                }
                again -= 1;
            } else if self.max_receives.is_some_and(|most| message.receive_count >= most) {
                dead.extend(self.remove(place));
                continue;
            }
            message.receive_count += 1;
            message.first_receive_ms.get_or_insert(now);
            message.visible_at_ms = now + ask.visibility_ms;
            let handle = format!("{} {}", message.id, self.random.u64(..));
            message.receipt_handle = Some(base64_simd::STANDARD.encode_to_string(handle));
            received.push(message.clone());
        }
        // The same message twice in one batch.
        if again > 0 && received.len() < ask.limit {
            received.extend(received.first().cloned());
        }
        (received, dead)
    }

    /// Removes up to `limit` visible messages, oldest first, for a move task; also returns whether
    /// it stopped at a message that may not be moved.
    pub fn take_visible(
        &mut self,
        limit: usize,
        now: u64,
        may_go: impl Fn(&Message<C>) -> bool,
    ) -> (Vec<Message<C>>, bool) {
        let visible = self.messages.iter().filter(|(_, message)| message.visible_at_ms <= now);
        let chosen: Vec<_> =
            visible.take(limit).map(|(place, message)| (*place, may_go(message))).collect();
        let going = chosen.iter().take_while(|(_, goes)| *goes);
        let taken: Vec<_> = going.filter_map(|(place, _)| self.remove(*place)).collect();
        let is_stuck = taken.len() < chosen.len();
        (taken, is_stuck)
    }

    /// Deletes the message of a receipt handle, and returns it. A message that no longer exists is
    /// not an error, and neither is an old handle on a standard queue.
    ///
    /// # Errors
    /// [`HandleError::Invalid`]; [`HandleError::Expired`] in a FIFO queue.
    pub fn delete(&mut self, handle: &str, now: u64) -> Result<Option<Message<C>>, HandleError> {
        let Some((place, message)) = self.of_handle(handle)? else { return Ok(None) };
        let is_latest = message.receipt_handle.as_deref() == Some(handle);
        if self.is_fifo && (!is_latest || message.visible_at_ms <= now) {
            return Err(HandleError::Expired);
        }
        let deletes = is_latest || self.old_handles_delete;
        Ok(if deletes { self.remove(place) } else { None })
    }

    /// Hides the message of a receipt handle for this time, starting now.
    ///
    /// # Errors
    /// All values of [`HandleError`] except [`HandleError::Expired`].
    pub fn hide(&mut self, handle: &str, hide_ms: u64, now: u64) -> Result<(), HandleError> {
        let (place, message) = self.of_handle(handle)?.ok_or(HandleError::Gone)?;
        if message.receipt_handle.as_deref() != Some(handle) {
            return Err(HandleError::Gone);
        }
        if message.visible_at_ms <= now {
            return Err(HandleError::NotInFlight);
        }
        let since_first = now.saturating_sub(message.first_receive_ms.unwrap_or(now));
        if hide_ms > 0 && since_first + hide_ms > IN_FLIGHT_LIMIT_MS {
            return Err(HandleError::BeyondLimit);
        }
        if let Some(message) = self.messages.get_mut(&place) {
            message.visible_at_ms = now + hide_ms;
        }
        Ok(())
    }

    /// The message of a receipt handle, if it is still in the queue.
    fn of_handle(&self, handle: &str) -> Result<Option<(u64, &Message<C>)>, HandleError> {
        let decoded = base64_simd::STANDARD.decode_to_vec(handle).ok();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let (id, _) = decoded.split_once(' ').ok_or(HandleError::Invalid)?;
        let place = self.places.get(id);
        Ok(place.and_then(|place| Some((*place, self.messages.get(place)?))))
    }

    /// Whether the queue is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// All messages, in the order of arrival.
    pub fn messages(&self) -> impl Iterator<Item = &Message<C>> {
        self.messages.values()
    }

    /// Number of messages in each state.
    #[must_use]
    pub fn counts(&self, now: u64) -> Counts {
        let mut counts = Counts::default();
        for message in self.messages() {
            if message.visible_at_ms <= now {
                counts.visible += 1;
            } else {
                counts.in_flight += 1;
            }
        }
        counts
    }

    fn remove(&mut self, place: u64) -> Option<Message<C>> {
        let message = self.messages.remove(&place)?;
        self.places.remove(&message.id);
        Some(message)
    }
}
