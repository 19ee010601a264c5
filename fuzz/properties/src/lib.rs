//! Properties of every input: one for each fuzz target of `fuzz/`, with the inputs that it found
//! worth keeping ([`corpus`]).
//!
//! A property is a function of bytes that panics if it is violated. It needs no nightly toolchain:
//! the ordinary tests check all properties with the committed corpus (`tests/corpus.rs`).

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a panic is a failed check"
)]

mod alerts;
mod bulk;
pub mod corpus;
mod event_model;
mod firehose;
mod index;
mod invocation;
mod kinesis;
mod log_events;
mod messages;
mod objects;
mod opinion;
mod packing;
mod prefect;
mod settings;
mod times;

pub use alerts::alerts;
pub use bulk::bulk_answers;
pub use event_model::event_model;
pub use firehose::{firehose_records, firehose_requests};
pub use kinesis::kinesis_records;
pub use log_events::{awslogs, log_lines};
pub use messages::{message_bodies, sqs_events};
pub use objects::objects;
pub use prefect::prefect_calls;
pub use settings::settings;
pub use times::times;
