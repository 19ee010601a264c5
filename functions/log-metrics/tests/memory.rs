//! The memory that an event requires in addition to its own size.

#![cfg(test)]

mod support {
    pub(crate) mod app;
    pub(crate) mod payload;
}

use std::io;

use allocation_counter::measure;
use serde_json::json;

use support::app::{NOW_MS, invoke};
use support::payload::{batch, event};

const MIB: u64 = 1 << 20;

/// An event whose batch has these log events.
fn large_event(log_events: impl Iterator<Item = String>) -> Vec<u8> {
    let batch = batch::<&str>(&[]).to_string();
    let log_events = log_events.collect::<Vec<_>>().join(",");
    event(&batch.replace("\"logEvents\":[", &format!("\"logEvents\":[{log_events}")))
}

/// Peak memory, in bytes.
fn peak(event: &[u8], log_events: usize, failures: usize) -> u64 {
    let used = measure(|| {
        let answer = invoke(event, io::sink());
        assert_eq!(answer, Ok(json!({"logEvents": log_events, "failures": failures})));
    });
    used.bytes_max
}

#[test]
fn lines_of_applications_take_no_memory() {
    let message = "2024-03-01T12:34:56.789Z\\t8f507cfc\\tINFO\\t{\\\"song\\\":\\\"TOMBOY\\\"}\\n";
    let log_event = |index| {
        format!("{{\"id\":\"{index:056}\",\"timestamp\":{NOW_MS},\"message\":\"{message}\"}}")
    };
    let event = large_event((0..400_000).map(log_event));
    let peak = peak(&event, 400_000, 0);
    assert!(peak < MIB, "{peak} bytes");
}

#[test]
fn the_largest_batch_of_failures_stays_far_below_400_mb() {
    // 255 MiB of the shortest reports.
    let log_event = |index| {
        let message = format!("REPORT RequestId: {index:07} Duration: 1 ms Status: error");
        format!("{{\"timestamp\":1,\"message\":\"{message}\"}}")
    };
    let count = 255 * usize::try_from(MIB).unwrap() / (log_event(0).len() + 1);
    let event = large_event((0..count).map(log_event));
    let peak = peak(&event, count, count);
    assert!(count > 3_000_000, "{count}");
    assert!(peak < 330 * MIB, "{peak} bytes for {count} reports");
}
