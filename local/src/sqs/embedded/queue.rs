//! One queue: what is in it, who may see it, and since when.
//!
//! Source: Amazon SQS developer guide, "Amazon SQS visibility timeout", "Amazon SQS dead-letter
//! queues", "FIFO queue delivery logic" and "Exactly-once processing".

use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

use super::attributes::{Attributes, VISIBILITY_LIMIT_SECONDS};
use super::error;
use super::message::{Content, Sent};
use crate::aws_json::Failure;

/// How long a deduplication id is remembered.
const DEDUPLICATION_MS: u64 = 5 * 60 * 1000;

/// How many messages may be in flight.
const IN_FLIGHT_LIMIT: usize = 120_000;

/// A message in a queue. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) content: Content,
    pub(super) sent_ms: u64,
    /// Its retention counts from here.
    pub(super) enqueued_ms: u64,
    visible_at_ms: u64,
    pub(super) receive_count: u32,
    pub(super) first_receive_ms: Option<u64>,
    /// The latest receipt handle.
    pub(super) receipt_handle: Option<String>,
    pub(super) source_arn: Option<String>,
    pub(super) group: Option<String>,
    pub(super) deduplication_id: Option<String>,
    pub(super) sequence_number: Option<String>,
}

/// What a producer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) message_id: String,
    pub(super) sequence_number: Option<String>,
}

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) arn: String,
    pub(super) attributes: Attributes,
    pub(super) created_ms: u64,
    pub(super) modified_ms: u64,
    /// In the order of arrival.
    messages: BTreeMap<u64, Message>,
    /// Where in `messages` an id is.
    places: HashMap<String, u64>,
    next_place: u64,
    /// What was answered for a deduplication id, and until when it is.
    deduplicated: HashMap<String, (u64, Receipt)>,
    purged_ms: Option<u64>,
}

/// How many messages are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

impl Queue {
    pub(super) fn new(arn: String, attributes: Attributes, now: u64) -> Self {
        Self {
            arn,
            attributes,
            created_ms: now,
            modified_ms: now,
            messages: BTreeMap::new(),
            places: HashMap::new(),
            next_place: 0,
            deduplicated: HashMap::new(),
            purged_ms: None,
        }
    }

    /// Takes what a producer sends.
    pub(super) fn send(&mut self, sent: &Sent, now: u64) -> Result<(Content, Receipt), Failure> {
        let content = Content::new(sent, self.attributes.number("MaximumMessageSize"))?;
        let delay_ms = self.delay_ms(sent)?;
        let deduplication_id = self.deduplication_id(sent, &content)?;
        check_id(sent.group.as_deref(), "MessageGroupId")?;
        check_id(deduplication_id.as_deref(), "MessageDeduplicationId")?;
        let key = deduplication_id.as_ref().map(|id| self.deduplication_key(sent, id));
        if let Some(key) = &key {
            self.deduplicated.retain(|_, (until, _)| *until > now);
            if let Some((_, receipt)) = self.deduplicated.get(key) {
                return Ok((content, receipt.clone()));
            }
        }
        let message = Message {
            id: Uuid::new_v4().to_string(),
            content: content.clone(),
            sent_ms: now,
            enqueued_ms: now,
            visible_at_ms: now + delay_ms,
            receive_count: 0,
            first_receive_ms: None,
            receipt_handle: None,
            source_arn: None,
            group: sent.group.clone(),
            deduplication_id,
            sequence_number: None,
        };
        let receipt = self.insert(message);
        if let Some(key) = key {
            self.deduplicated.insert(key, (now + DEDUPLICATION_MS, receipt.clone()));
        }
        Ok((content, receipt))
    }

    fn delay_ms(&self, sent: &Sent) -> Result<u64, Failure> {
        let reason = match sent.delay_seconds {
            None => return Ok(self.attributes.number("DelaySeconds") * 1000),
            Some(seconds @ 0..=900) if !self.attributes.is_fifo || seconds == 0 => {
                return Ok(seconds.unsigned_abs() * 1000);
            }
            Some(0..=900) => "The request include parameter that is not valid for this queue type.",
            Some(_) => "DelaySeconds must be >= 0 and <= 900.",
        };
        Err(error::out_of_range(sent.delay_seconds.unwrap_or_default(), "DelaySeconds", reason))
    }

    fn deduplication_id(&self, sent: &Sent, content: &Content) -> Result<Option<String>, Failure> {
        if !self.attributes.is_fifo {
            let reason = "The request include parameter that is not valid for this queue type";
            return match &sent.deduplication_id {
                Some(id) => Err(error::out_of_range(id, "MessageDeduplicationId", reason)),
                None => Ok(None),
            };
        }
        if sent.group.as_ref().is_none_or(String::is_empty) {
            return Err(error::missing_parameter("MessageGroupId"));
        }
        if let Some(id) = sent.deduplication_id.clone().filter(|id| !id.is_empty()) {
            return Ok(Some(id));
        }
        if self.attributes.is_set("ContentBasedDeduplication", "true") {
            return Ok(Some(content.sha256_of_body()));
        }
        Err(error::invalid_parameter(
            "The queue should either have ContentBasedDeduplication enabled or \
             MessageDeduplicationId provided explicitly",
        ))
    }

    fn deduplication_key(&self, sent: &Sent, id: &str) -> String {
        if self.attributes.is_set("DeduplicationScope", "messageGroup") {
            return format!("{} {id}", sent.group.as_deref().unwrap_or_default());
        }
        id.to_owned()
    }

    fn insert(&mut self, mut message: Message) -> Receipt {
        let place = self.next_place;
        self.next_place += 1;
        // Twenty digits, which grow.
        let number = self.attributes.is_fifo.then(|| format!("1{place:019}"));
        message.sequence_number.clone_from(&number);
        let receipt = Receipt { message_id: message.id.clone(), sequence_number: number };
        self.places.insert(message.id.clone(), place);
        self.messages.insert(place, message);
        receipt
    }

    /// Takes a message that was given up in another queue; it is visible at once.
    pub(super) fn take_dead(&mut self, mut message: Message, source_arn: &str, now: u64) {
        message.source_arn = Some(source_arn.to_owned());
        message.visible_at_ms = now;
        message.receipt_handle = None;
        if self.attributes.is_fifo {
            message.enqueued_ms = now;
        }
        self.insert(message);
    }

    /// Takes a message that a move task brings: a new one with the same content.
    pub(super) fn take_moved(&mut self, message: Message, now: u64) {
        self.insert(Message {
            id: Uuid::new_v4().to_string(),
            sent_ms: now,
            enqueued_ms: now,
            visible_at_ms: now,
            receive_count: 0,
            first_receive_ms: None,
            receipt_handle: None,
            source_arn: None,
            ..message
        });
    }

    /// Hands out up to `limit` messages and hides them for the visibility timeout. Those that were
    /// received too often come back apart, where `gives_up` says that there is a queue for them.
    pub(super) fn receive(
        &mut self,
        limit: usize,
        visibility_ms: u64,
        gives_up: bool,
        now: u64,
    ) -> Result<(Vec<Message>, Vec<Message>), Failure> {
        self.expire(now);
        let in_flight =
            if self.messages.len() < IN_FLIGHT_LIMIT { 0 } else { self.counts(now).in_flight };
        if in_flight >= IN_FLIGHT_LIMIT {
            return if self.attributes.is_fifo {
                Ok(Default::default())
            } else {
                Err(error::over_limit())
            };
        }
        let policy = self.attributes.redrive_policy.as_ref().filter(|_| gives_up);
        let max_receive_count = policy.map_or(u32::MAX, |policy| policy.max_receive_count);
        let (mut received, mut dead) = (Vec::new(), Vec::new());
        let mut blocked = HashSet::new();
        for (place, message) in &mut self.messages {
            if received.len() == limit {
                break;
            }
            let group = message.group.as_ref().filter(|_| self.attributes.is_fifo);
            if group.is_some_and(|group| blocked.contains(group)) {
                continue;
            }
            if message.visible_at_ms > now {
                blocked.extend(group.cloned());
            } else if message.receive_count >= max_receive_count {
                dead.push(*place);
            } else {
                message.receive_count += 1;
                message.first_receive_ms.get_or_insert(now);
                message.visible_at_ms = now + visibility_ms;
                let handle = format!("{} {}", message.id, Uuid::new_v4());
                let handle = base64_simd::STANDARD.encode_to_string(handle);
                message.receipt_handle = Some(handle);
                received.push(message.clone());
            }
        }
        let dead = dead.into_iter().filter_map(|place| self.remove(place)).collect();
        Ok((received, dead))
    }

    /// Takes up to `limit` visible messages away, oldest first, for a move task; whether it ended
    /// before one that may not go.
    pub(super) fn take_visible(
        &mut self,
        limit: u64,
        now: u64,
        may_go: impl Fn(&Message) -> bool,
    ) -> (Vec<Message>, bool) {
        self.expire(now);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let visible = self.messages.iter().filter(|(_, message)| message.visible_at_ms <= now);
        let chosen: Vec<_> =
            visible.take(limit).map(|(place, message)| (*place, may_go(message))).collect();
        let going = chosen.iter().take_while(|(_, goes)| *goes).map(|(place, _)| *place);
        let going: Vec<_> = going.collect();
        let is_stuck = going.len() < chosen.len();
        (going.into_iter().filter_map(|place| self.remove(place)).collect(), is_stuck)
    }

    /// Deletes the message of a receipt handle. On a standard queue a handle that is not the
    /// latest deletes nothing, and that is no error.
    pub(super) fn delete(&mut self, handle: &str, now: u64) -> Result<(), Failure> {
        let Some((place, message)) = self.of_handle(handle)? else { return Ok(()) };
        let is_latest = message.receipt_handle.as_deref() == Some(handle);
        let is_expired = !is_latest || message.visible_at_ms <= now;
        if self.attributes.is_fifo && is_expired {
            let reason = "The receipt handle has expired.";
            return Err(error::out_of_range(handle, "ReceiptHandle", reason));
        }
        if is_latest {
            self.remove(place);
        }
        Ok(())
    }

    /// Hides the message of a receipt handle for so many seconds from now on.
    pub(super) fn change_visibility(
        &mut self,
        handle: &str,
        seconds: i64,
        now: u64,
    ) -> Result<(), Failure> {
        let invalid = |reason: &str| error::out_of_range(seconds, "VisibilityTimeout", reason);
        let asked = u64::try_from(seconds).ok().filter(|s| *s <= VISIBILITY_LIMIT_SECONDS);
        let asked = asked.ok_or_else(|| invalid("Must be between 0 and 43200."))?;
        let gone = || {
            let reason =
                "Message does not exist or is not available for visibility timeout change.";
            error::out_of_range(handle, "ReceiptHandle", reason)
        };
        let (place, message) = self.of_handle(handle)?.ok_or_else(gone)?;
        if message.receipt_handle.as_deref() != Some(handle) {
            return Err(gone());
        }
        if message.visible_at_ms <= now {
            return Err(error::message_not_in_flight());
        }
        let since_first = now.saturating_sub(message.first_receive_ms.unwrap_or(now));
        let is_beyond = since_first + asked * 1000 > VISIBILITY_LIMIT_SECONDS * 1000;
        if asked > 0 && is_beyond {
            return Err(invalid(
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
            ));
        }
        if let Some(message) = self.messages.get_mut(&place) {
            message.visible_at_ms = now + asked * 1000;
        }
        Ok(())
    }

    /// The message that a receipt handle is of, if the queue still has it.
    fn of_handle(&self, handle: &str) -> Result<Option<(u64, &Message)>, Failure> {
        let invalid = || error::receipt_handle_is_invalid(handle);
        let decoded = base64_simd::STANDARD.decode_to_vec(handle).map_err(|_| invalid())?;
        let decoded = String::from_utf8(decoded).map_err(|_| invalid())?;
        let (id, _) = decoded.split_once(' ').ok_or_else(invalid)?;
        let place = self.places.get(id);
        Ok(place.and_then(|place| Some((*place, self.messages.get(place)?))))
    }

    /// Removes all messages.
    pub(super) fn purge(&mut self, now: u64) -> Result<(), Failure> {
        if self.purged_ms.is_some_and(|purged| now < purged + 60_000) {
            return Err(error::purge_in_progress());
        }
        self.purged_ms = Some(now);
        self.messages.clear();
        self.places.clear();
        Ok(())
    }

    pub(super) fn counts(&self, now: u64) -> Counts {
        let mut counts = Counts::default();
        for message in self.messages.values() {
            if message.visible_at_ms <= now {
                counts.visible += 1;
            } else if message.receipt_handle.is_some() {
                counts.in_flight += 1;
            } else {
                counts.delayed += 1;
            }
        }
        counts
    }

    /// Removes the messages that are older than the retention period.
    pub(super) fn expire(&mut self, now: u64) {
        let retention_ms = self.attributes.number("MessageRetentionPeriod") * 1000;
        let places = &mut self.places;
        self.messages.retain(|_, message| {
            let keeps = now < message.enqueued_ms + retention_ms;
            if !keeps {
                places.remove(&message.id);
            }
            keeps
        });
    }

    fn remove(&mut self, place: u64) -> Option<Message> {
        let message = self.messages.remove(&place)?;
        self.places.remove(&message.id);
        Some(message)
    }
}

/// Group and deduplication ids are of 1 to 128 letters, digits and punctuation characters.
fn check_id(id: Option<&str>, parameter: &str) -> Result<(), Failure> {
    let Some(id) = id else { return Ok(()) };
    if (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let reason = format!(
        "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
    );
    Err(error::out_of_range(id, parameter, &reason))
}
