//! The clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::event::Timestamp;

/// The current time, in whole milliseconds.
#[must_use]
pub fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(now.as_millis() * 1_000_000).unwrap_or(Timestamp::MAX)
}
