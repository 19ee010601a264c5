//! The common parts of the event source mappings of queues and streams: the event, the answer that
//! names failed records, and a report that can be waited for.

mod answer;
mod batch;
mod watched;

pub use answer::{WrongAnswer, batch_item_failures};
pub(crate) use batch::{Batch, Json, payload};
pub(crate) use watched::Watched;
