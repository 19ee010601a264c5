//! What is in the queues of the simulation. Times are milliseconds since the history began.

use std::collections::BTreeMap;
use std::rc::Rc;

use local::sqs::model;
use shared::sqs::Attribute;

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
pub(crate) type Stored = model::Message<Content>;

pub(crate) type Queue = model::Queue<Content>;

/// The latest receipt handle.
pub(crate) fn handle(message: &Stored) -> String {
    message.receipt_handle.clone().unwrap_or_default()
}
