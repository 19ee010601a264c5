//! Kinesis Data Streams on one machine: a stream in memory, and the event source mapping that hands
//! its records to a function.
//!
//! [`Stream`] and [`Reader`] are pure, on the caller's clock: what a stream and the mapping's place in it
//! do. [`EventSourceMapping`] drives them in real time.

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
