//! The whole pipeline: events through the Firehose stand-in and the real `firehose-transform`
//! binary, or through SQS and the real `sqs-consumer` binary, into OpenSearch, with every part
//! failing in turn. Nothing may be lost: each test sets what was sent against the documents that
//! OpenSearch has, what was dropped on purpose, and the backup or the quarantine, event by event.
//!
//! Against a real OpenSearch where one can be had, else against the embedded one; faults of
//! OpenSearch always against the embedded one, which fails on demand.

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
