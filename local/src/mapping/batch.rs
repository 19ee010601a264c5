//! The records of one invocation.

use std::sync::Arc;

use bytes::Bytes;

use crate::runtime_api::REQUEST_LIMIT_BYTES;

/// A record in the form that the function receives.
pub(crate) trait Json {
    /// The record in JSON.
    fn json(&self) -> &str;
}

impl<T: Json> Json for Arc<T> {
    fn json(&self) -> &str {
        self.as_ref().json()
    }
}

/// The records of one invocation, which fit into its payload.
#[derive(Debug)]
pub(crate) struct Batch<R> {
    pub(crate) records: Vec<R>,
    /// The bytes of the records and a comma after each.
    bytes: usize,
}

const START: &str = "{\"Records\":[";
const END: &str = "]}";

impl<R> Default for Batch<R> {
    fn default() -> Self {
        Self { records: Vec::new(), bytes: 0 }
    }
}

impl<R: Json> Batch<R> {
    /// Whether a record fits: a batch exceeds the maximum size of an invocation only if it has a
    /// single record.
    pub(crate) fn fits(&self, record: &R) -> bool {
        // The last record has no comma.
        let bytes = START.len() + self.bytes + record.json().len() + END.len();
        self.records.is_empty() || bytes <= REQUEST_LIMIT_BYTES
    }

    /// Adds a record, or returns it if it does not fit.
    pub(crate) fn add(&mut self, record: R) -> Option<R> {
        if !self.fits(&record) {
            return Some(record);
        }
        self.bytes += record.json().len() + 1;
        self.records.push(record);
        None
    }

    pub(crate) fn payload(&self) -> Bytes {
        payload(&self.records)
    }
}

/// The event with these records.
pub(crate) fn payload(records: &[impl Json]) -> Bytes {
    let records: Vec<&str> = records.iter().map(Json::json).collect();
    format!("{START}{}{END}", records.join(",")).into()
}
