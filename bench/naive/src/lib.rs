//! `firehose-transform` as a competent user writes it, with common crates and without tricks:
//! `lambda_runtime`, `aws_lambda_events`, `serde_json::Value`, `chrono` and `base64`.
//!
//! It has two purposes: it is the peer that the real function is measured against and, because it
//! is written from the specification alone, the oracle for its documents. Both return the same
//! JSON, compared as values.
//!
//! It omits what a user would not write on the first day: envelopes, the response budget with
//! reingestion, metrics, and configuration (it has the built-in mapping and the defaults).
//!
//! It deviates from the specification as follows:
//! - `extra` is measured as `serde_json` writes it; the specification measures it as it was in the
//!   input, with its escapes and spaces.
//! - `serde_json` writes `1E2` as `1e+2`, also in an `event.id`.
//! - `__sluice_reingests` and `__sluice_arrival` are removed from the document, but not from the
//!   bytes from which an `event.id` is derived.
//! - Email dates are parsed by `chrono`, which also accepts dates without a weekday.
//! - `completion` is computed with doubles.
//! - An object with the key `$serde_json::private::Number` is treated as a number, because
//!   `serde_json` represents unchanged numbers this way.
//! - A record with invalid base64 is answered without its data, which the response type of
//!   `aws_lambda_events` cannot represent.

mod document;
mod firehose;
mod mapping;
mod parse;
mod timestamp;

pub use document::{Delivery, Document};
pub use firehose::{FirehoseEvent, FirehoseRecord, respond};
