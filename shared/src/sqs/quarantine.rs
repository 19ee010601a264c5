//! Messages to the quarantine queue: the original event, with the reason.
//!
//! Source of the limits: Amazon SQS API reference, `SendMessageBatch` and "Amazon SQS message
//! attributes" in its Developer Guide.

use std::collections::HashMap;

use aws_sdk_sqs as sdk;
use sdk::error::BuildError;
use sdk::types::SendMessageBatchRequestEntry;

use super::attributes::{DETAIL, MESSAGE_ID, POSITION, REASON, SOURCE_ARN};
use super::{Attribute, AttributeValue, Failure, LazyClient, by_entry, message_bytes};
use crate::event::Reason;

/// Maximum size of one call to quarantine, in bytes, unless a single message is larger: every queue
/// accepts it, whatever its maximum message size.
pub const MAX_QUARANTINE_BYTES: usize = 262_144;

/// Maximum size of `sluice.detail`, in bytes.
const MAX_DETAIL_BYTES: usize = 1_024;

/// A message for the quarantine queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The index of the message or record of the invocation that it is, or is part of.
    pub message: usize,
    /// The body.
    pub body: String,
    /// Names and values.
    pub attributes: Vec<(String, Attribute)>,
    /// The message group: it keeps the order in a FIFO queue, and provides fairness in a standard
    /// queue.
    pub group_id: Option<String>,
    /// Whether the group is that of a fair queue, which a standard queue keeps.
    pub is_fair: bool,
    /// For a FIFO queue: the same for the same event of the same message.
    pub deduplication_id: String,
}

impl Quarantined {
    /// The message's size as SQS counts it: body, names, types and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        message_bytes(&self.body, self.attributes.iter().map(|(name, value)| (name, value)))
    }

    /// Shortens the detail to make room for a large body.
    pub fn shorten_detail(&mut self) {
        let excess = self.bytes().saturating_sub(super::MAX_MESSAGE_BYTES);
        let detail = self.attributes.iter_mut().find(|(name, _)| name == DETAIL);
        if let Some((_, Attribute { value: AttributeValue::Text(detail), .. })) = detail {
            let first = detail.chars().next().map_or(0, char::len_utf8);
            let length = detail.len().saturating_sub(excess).max(first);
            detail.truncate(detail.floor_char_boundary(length));
        }
    }
}

/// Whether SQS accepts a text as a body or as a value of an attribute.
#[must_use]
pub fn is_text(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_taken)
}

/// Whether SQS accepts a character in a body or an attribute.
const fn is_taken(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// The attributes with the reason and the origin of an event in quarantine: from `source_arn`, in
/// the message or record with this id, at this position.
#[must_use]
pub fn reason_attributes(
    reason: &Reason,
    source_arn: &str,
    message_id: &str,
    position: u64,
) -> Vec<(String, Attribute)> {
    let shown = |character| if is_taken(character) { character } else { '?' };
    let mut detail: String = reason.detail.chars().map(shown).collect();
    detail.truncate(detail.floor_char_boundary(MAX_DETAIL_BYTES));
    if detail.is_empty() {
        detail.push_str(&reason.code);
    }
    [
        (REASON, Attribute::string(&*reason.code)),
        (DETAIL, Attribute::string(detail)),
        (SOURCE_ARN, Attribute::string(source_arn)),
        (MESSAGE_ID, Attribute::string(message_id)),
        (POSITION, Attribute::number(position)),
    ]
    .map(|(name, attribute)| (name.to_owned(), attribute))
    .into()
}

/// Sends at most [`MAX_ENTRIES`](super::MAX_ENTRIES) messages to the quarantine queue with this
/// URL. Returns the failure of each entry, in order; `None` only for those that SQS confirmed.
pub async fn send_to_quarantine(
    client: &LazyClient,
    url: &str,
    entries: &[Quarantined],
) -> Vec<Option<Failure>> {
    // Boxed: rare, and its state is large.
    match Box::pin(send(client, url, entries)).await {
        Ok(failures) => failures,
        Err(failure) => vec![Some(failure); entries.len()],
    }
}

async fn send(
    client: &LazyClient,
    url: &str,
    entries: &[Quarantined],
) -> Result<Vec<Option<Failure>>, Failure> {
    let mut call = client.get().send_message_batch().queue_url(url);
    let is_fifo = super::is_fifo(url);
    for (id, quarantined) in entries.iter().enumerate() {
        call = call.entries(entry(id, quarantined, is_fifo)?);
    }
    let answer = call.send().await?;
    let sent = |id: &str| answer.successful().iter().any(|sent| sent.id() == id).then_some(());
    let sent = by_entry(entries.len(), answer.failed(), sent);
    Ok(sent.into_iter().map(Result::err).collect())
}

fn entry(
    id: usize,
    quarantined: &Quarantined,
    is_fifo: bool,
) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let attributes = quarantined.attributes.iter();
    let attributes = attributes.map(|(name, value)| Ok((name.clone(), value.try_into()?)));
    let attributes = attributes.collect::<Result<HashMap<_, _>, BuildError>>()?;
    let entry = SendMessageBatchRequestEntry::builder()
        .id(id.to_string())
        .message_body(&quarantined.body)
        .set_message_attributes(Some(attributes));
    if !is_fifo {
        let group_id = quarantined.group_id.clone().filter(|_| quarantined.is_fair);
        return entry.set_message_group_id(group_id).build();
    }
    let deduplication_id = &quarantined.deduplication_id;
    // Without a group, each message is its own group.
    let group_id = quarantined.group_id.as_ref().unwrap_or(deduplication_id);
    entry.message_group_id(group_id).message_deduplication_id(deduplication_id).build()
}
