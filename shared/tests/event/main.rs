//! The event model from outside, against its specification: the document of each payload, byte for
//! byte, and the properties of all payloads.

#![cfg(test)]

mod analytics;
mod document_id;
mod documents;
mod duplicates;
mod envelopes;
mod extra;
mod id;
mod line_breaks;
mod log_messages;
mod mapping;
mod metric_rules;
mod passthrough;
mod properties;
mod put_back;
mod refusals;
mod settings;
mod support;
mod times;
mod timestamps;
