//! The whole pipeline: events through the Firehose stand-in and the real `firehose-transform`
//! binary, or through SQS and the real `sqs-consumer` binary, into OpenSearch, while every part
//! fails in turn. Nothing may be lost: each test compares the sent events with the documents in
//! OpenSearch, the intentionally dropped events, and the backup or the quarantine, event by event.
//!
//! The tests use a real OpenSearch if one is available, otherwise the embedded one. Faults of
//! OpenSearch always use the embedded one, which fails on demand.

#![cfg(test)]

mod account;
mod backup;
mod events;
mod killed;
mod ordinary;
mod outage;
mod oversize;
mod queue;
mod refused;
mod run;
mod servers;
mod several;
mod stored;
