//! What the functions of sluice have in common, written once: the event model
//! ([`event`]), the envelopes around events ([`envelope`]), reading the environment ([`config`]),
//! logs ([`telemetry`]), log streams ([`log_stream`]), metrics
//! ([`metrics`]), running on Lambda ([`runtime`]), a failed start ([`startup`]) and the scanner of
//! JSON text that the fast paths stand on ([`json`]).
//!
//! With the feature `aws` also calling AWS, with `requests` without an SDK, with `secrets` Secrets
//! Manager, with `sqs` SQS, with `opensearch` OpenSearch: features, so that a function carries only
//! what it calls.

#[cfg(feature = "aws")]
pub mod aws;
pub mod config;
pub mod envelope;
pub mod event;
pub mod json;
pub mod log_stream;
pub mod metrics;
#[cfg(feature = "opensearch")]
pub mod opensearch;
pub mod runtime;
#[cfg(feature = "secrets")]
pub mod secrets;
#[cfg(feature = "sqs")]
pub mod sqs;
pub mod startup;
pub mod telemetry;
