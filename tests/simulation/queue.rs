//! The queues of the simulation. Times are milliseconds since the history began.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use aws_sdk_sqs::types::BatchResultErrorEntry;
use local::sqs::model;
use shared::sqs::{Attribute, Failure, by_entry};

use crate::history::{Reported, What};

/// The content of a message.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication: Option<String>,
    pub(crate) events: Rc<[usize]>,
}

/// A message in a queue.
pub(crate) type Stored = model::Message<Content>;

pub(crate) type Queue = model::Queue<Content>;

/// The latest receipt handle.
pub(crate) fn handle(message: &Stored) -> String {
    message.receipt_handle.clone().unwrap_or_default()
}

/// The failure of a call or of an entry.
pub(crate) fn failure() -> Failure {
    Failure::new("InternalError", "as the history wants it")
}

/// Acts on each entry of a call, and returns the results in its response.
pub(crate) fn entries<T>(
    count: usize,
    troubles: &[What],
    mut act: impl FnMut(usize) -> Result<T, Failure>,
) -> Vec<Result<T, Failure>> {
    if let Some((is_done, _)) = What::failure(troubles) {
        for at in (0..count).filter(|_| is_done) {
            drop(act(at));
        }
        return (0..count).map(|_| Err(failure())).collect();
    }
    let entry = |at: usize, failure: Failure| {
        let entry = BatchResultErrorEntry::builder().id(at.to_string()).code(failure.code);
        entry.message(failure.message).sender_fault(false).build().unwrap()
    };
    let (mut failed, mut done) = (Vec::new(), HashMap::new());
    for at in 0..count {
        let trouble = What::of_entry(troubles, at, count);
        let result = if let Some((false, _)) = trouble { Err(failure()) } else { act(at) };
        match (trouble.map(|(_, reported)| reported), result) {
            (Some(Reported::Nothing(_)), _) => {}
            (_, Err(failure)) => failed.push(entry(at, failure)),
            (None, Ok(result)) => drop(done.insert(at.to_string(), result)),
            (Some(reported), Ok(result)) => {
                if reported == Reported::Both {
                    done.insert(at.to_string(), result);
                }
                failed.push(entry(at, failure()));
            }
        }
    }
    if troubles.iter().any(|what| matches!(what, What::More)) {
        failed.push(entry(count, failure()));
    }
    let done = RefCell::new(done);
    by_entry(count, &failed, |id| done.borrow_mut().remove(id))
}
