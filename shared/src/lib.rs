//! What the functions of sluice have in common, written once: the event model
//! ([`event`]), reading the environment ([`config`]), logs ([`telemetry`]), metrics
//! ([`metrics`]), a failing start ([`startup`]) and the scanner of JSON text that the fast paths
//! stand on ([`json`]).
//!
//! With the feature `runtime` also serving Lambda's invocations, with `aws` calling AWS, with
//! `opensearch` calling OpenSearch: features, so that who needs none of it carries none of it.

#[cfg(feature = "aws")]
pub mod aws;
pub mod config;
pub mod event;
pub mod json;
pub mod metrics;
#[cfg(feature = "opensearch")]
pub mod opensearch;
#[cfg(feature = "runtime")]
pub mod runtime;
pub mod startup;
pub mod telemetry;
