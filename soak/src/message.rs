//! The messages of producers: events that must become documents, and some that cannot.

use fastrand::Rng;

use crate::books::Fate;

/// Number of messages that one search for documents returns.
pub(crate) const CHUNK: u64 = 4_000;

/// One in this number of messages is not JSON.
const BROKEN_ONE_OF: u32 = 100;
/// One in this number of messages has no id of the producer.
const WITHOUT_ID_ONE_OF: u32 = 10;

/// Size of a malformed message that SQS accepts with the attributes that a redrive adds, but not
/// with those that quarantine adds.
const TOO_LARGE_BYTES: usize = (1 << 20) - 128;

/// A message and its required fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) fate: Fate,
    /// Whether the event has the producer's own id, and may be sent twice.
    pub(crate) has_own_id: bool,
    pub(crate) body: String,
}

impl Message {
    /// A random message of a pipeline; most are small.
    pub(crate) fn draw(pipeline: &str, number: u64, random: &mut Rng) -> Self {
        let id = format!("soak-{pipeline}-{number}");
        if random.u32(0..BROKEN_ONE_OF) == 0 {
            let body = format!("{{\"session_id\":\"{id}\",\"event_type\":\"play\",");
            return Self { id, fate: Fate::Refused, has_own_id: false, body };
        }
        let has_own_id = random.u32(0..WITHOUT_ID_ONE_OF) > 0;
        let event_id = if has_own_id { format!("\"event_id\":\"{id}\",") } else { String::new() };
        let longest = match random.u32(0..1_000) {
            0..10 => 60_000,
            10..100 => 4_000,
            _ => 600,
        };
        let note = "n".repeat(random.usize(0..longest));
        let (user, song) = (chunk(pipeline, number), random.u32(0..10_000));
        let body = format!(
            "{{{event_id}\"session_id\":\"{id}\",\"user_id\":\"{user}\",\"event_type\":\"play\",\
             \"track_id\":\"t{song}\",\"note\":\"{note}\"}}"
        );
        Self { id, fate: Fate::Document, has_own_id, body }
    }

    /// A malformed message that does not fit into quarantine.
    pub(crate) fn too_large(pipeline: &str, number: u64) -> Self {
        let id = format!("soak-{pipeline}-{number}");
        let mut body = format!("{{\"session_id\":\"{id}\",\"note\":\"");
        body.extend(std::iter::repeat_n('x', TOO_LARGE_BYTES - body.len()));
        Self { id, fate: Fate::Parked, has_own_id: false, body }
    }
}

/// The user of a message, which is common to the documents of its chunk.
pub(crate) fn chunk(pipeline: &str, number: u64) -> String {
    format!("{pipeline}-{}", number / CHUNK)
}

/// The id of the message in its text, or in a part of its text.
pub(crate) fn id_in(text: &str) -> Option<String> {
    let id = &text[text.find("soak-")?..];
    let end = id.find(|char: char| char != '-' && !char.is_ascii_alphanumeric());
    Some(id[..end.unwrap_or(id.len())].to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_to_become_a_document_is_json_and_every_message_is_known_by_its_id() {
        let mut random = Rng::with_seed(1);
        let mut fates = [0, 0];
        for number in 0..1_000 {
            let Message { id, fate, has_own_id, body } =
                Message::draw("queue", number, &mut random);
            assert_eq!(id_in(&body).as_ref(), Some(&id));
            let event: Option<Value> = serde_json::from_str(&body).ok();
            assert_eq!(event.is_some(), fate == Fate::Document);
            let event = event.unwrap_or_default();
            assert_eq!(event["event_id"] == id.as_str(), has_own_id);
            fates[usize::from(fate == Fate::Document)] += 1;
        }
        assert!(fates[0] > 2 && fates[1] > 900, "{fates:?}");
        let Message { id, body, .. } = Message::too_large("queue", 9);
        assert_eq!((id_in(&body), body.len()), (Some(id), TOO_LARGE_BYTES));
        assert_eq!(id_in("nothing"), None);
    }
}
