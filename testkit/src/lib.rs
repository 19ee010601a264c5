//! Utilities for the tests of several crates. A development dependency only.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a panic is a failed test")]

mod bigquery;
mod binary;
mod cbor;
mod clock;
mod document;
mod endpoint;
mod fixture;
mod google;
mod metrics;
mod notices;
mod process;
mod property;
mod query;
mod queues;
mod script;
mod search;
mod time_series;

pub use bigquery::{assert_bigquery, assert_bigquery_query};
pub use binary::{Binary, FUNCTION_NAME, Observed, outside_of_lambda, refusal};
pub use clock::{schedule, scheduled, with_times};
pub use document::code_blocks;
pub use endpoint::{Call, Endpoint, Reply};
pub use fixture::{Fixture, events, fixture, fixtures, pairs};
pub use google::{GOOGLE_KEY, google_credentials};
pub use metrics::{Output, metric_line, numbers};
pub use notices::{ALERTS_TOPIC, Published, is_publish, published};
pub use process::{LAMBDA, now_ms, on_paused_clock, resident_kb};
pub use property::holds;
pub use queues::Queues;
pub use script::Script;
pub use search::{opensearch, real_opensearch};
pub use time_series::time_series_stores;
