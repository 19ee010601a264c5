//! What the functions of sluice have in common, written once: the event model
//! ([`event`]), reading the environment ([`config`]), logs ([`telemetry`]), metrics
//! ([`metrics`]), a failing start ([`startup`]) and the scanner of JSON text that the fast paths stand on ([`json`]).

pub mod config;
pub mod event;
pub mod json;
pub mod metrics;
pub mod startup;
pub mod telemetry;
