//! Kinesis Data Streams on one machine: a stream in memory, and the event source mapping that
//! passes its records to a function.
//!
//! [`Stream`] and [`Reader`] are pure and use the caller's clock: the behavior of a stream and of
//! the mapping that reads it. [`EventSourceMapping`] runs them in real time.

mod event;
mod failure;
mod lane;
mod mapping;
mod reader;
mod report;
mod stream;

pub use event::Record;
pub use failure::{Condition, Discarded};
pub use mapping::{EventSourceMapping, OnFailure, SharedStream};
pub use reader::{Batch, EventSourceMappingOptions, Outcome, Reader};
pub use report::Report;
pub use stream::{Put, Shard, Stored, Stream, StreamError};
