//! What the event source mappings of queues and of streams have in common: the event of records, the
//! answer that names those that failed, and a report that others wait for.

mod answer;
mod batch;
mod watched;

pub use answer::{WrongAnswer, batch_item_failures};
pub(crate) use batch::{Batch, Json, payload};
pub(crate) use watched::Watched;
