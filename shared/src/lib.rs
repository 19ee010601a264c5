//! Code that two or more functions of sluice use: the event model ([`event`]) on its scanner
//! ([`json`]), the envelopes around events ([`envelope`]), the events of a message ([`contents`]),
//! running on Lambda ([`runtime`], [`startup`]), the division of an invocation's time
//! ([`schedule`]), settings ([`config`]), logs ([`telemetry`]), metrics ([`metrics`]), metrics of
//! documents ([`metric_rules`]), the names of log streams ([`log_stream`]), hashes ([`digest`]),
//! text for people ([`text`]) without secrets ([`mask`]), and the clock ([`time`]).
//!
//! A feature adds each service, so that a function carries only what it calls: `aws` (credentials,
//! signatures, one HTTP client), `query` (EC2, RDS and Elastic Load Balancing), `secrets` (Secrets
//! Manager), `gzip`, `cloudwatch`, `sqs`, `opensearch`, `redshift` (the Data API) and `google`
//! (BigQuery). `notice` adds the notices that functions send to people through alert-notifier, and
//! `sns` publishes them. `cost` adds the prices and rules of the cost functions.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "cloudwatch")]
pub mod cloudwatch;
pub mod config;
pub mod contents;
#[cfg(feature = "cost")]
pub mod cost;
pub mod digest;
pub mod envelope;
pub mod event;
#[cfg(feature = "google")]
pub mod google;
#[cfg(feature = "gzip")]
pub mod gzip;
pub mod json;
pub mod log_stream;
pub mod mask;
pub mod metric_rules;
pub mod metrics;
#[cfg(feature = "notice")]
pub mod notice;
#[cfg(feature = "opensearch")]
pub mod opensearch;
#[cfg(feature = "redshift")]
pub mod redshift;
mod report;
pub mod runtime;
#[cfg(feature = "aws")]
pub mod s3;
pub mod schedule;
#[cfg(feature = "secrets")]
pub mod secrets;
#[cfg(feature = "sqs")]
pub mod sqs;
pub mod startup;
pub mod telemetry;
pub mod text;
pub mod time;
#[cfg(feature = "aws")]
pub mod url;
