//! `firehose-transform` as a competent user writes it, with the usual crates and without tricks:
//! `lambda_runtime`, `aws_lambda_events`, `serde_json::Value`, `chrono` and `base64`.
//!
//! It serves twice: as the peer that the real function is measured against, and, since it is
//! written from the specification alone, as the oracle that its documents are compared with. Both
//! give the same JSON, compared as values.
//!
//! It leaves out what a user would not write on the first day: envelopes, the response budget with
//! putting back, metrics, and configuration (the built-in mapping and the defaults hold).
//!
//! Where it departs from the specification:
//! - `extra` is measured as `serde_json` writes it; the specification measures it as the input
//!   wrote it, with its escapes and spaces.
//! - `serde_json` writes `1E2` as `1e+2`, in an `event.id` too.
//! - `__sluice_reingests` and `__sluice_arrival` are removed from the document, but not from the
//!   bytes that an `event.id` is derived from.
//! - Dates of e-mail are read as `chrono` reads them: without the weekday, too.
//! - `completion` is computed with doubles.
//! - An object with the key `$serde_json::private::Number` is taken for a number: that is how
//!   `serde_json` keeps numbers as they were written.
//! - A record with invalid base64 is answered without its data, which the response type of
//!   `aws_lambda_events` cannot carry.

mod document;
mod firehose;
mod mapping;
mod parse;
mod timestamp;

pub use document::{Delivery, Document};
pub use firehose::{FirehoseEvent, FirehoseRecord, respond};
