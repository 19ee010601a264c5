//! Metrics in embedded metric format.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A whole line of embedded metric format with null for its `Timestamp`. Dimensions are names and
/// values; metrics are names, units and values.
#[must_use]
pub fn metric_line<N: Clone + Into<Value>>(
    namespace: &str,
    dimensions: &[(&str, &str)],
    metrics: &[(&str, &str, N)],
) -> Value {
    let names: Vec<_> = dimensions.iter().map(|(name, _)| name).collect();
    let definition = |(name, unit, _): &(&str, &str, N)| json!({"Name": name, "Unit": unit});
    let definitions: Vec<_> = metrics.iter().map(definition).collect();
    let directive = json!({"Namespace": namespace, "Dimensions": [names], "Metrics": definitions});
    let mut line = json!({"_aws": {"Timestamp": null, "CloudWatchMetrics": [directive]}});
    for (name, value) in dimensions {
        line[*name] = json!(value);
    }
    for (name, _, value) in metrics {
        line[*name] = value.clone().into();
    }
    line
}

/// The integer members of a line.
#[must_use]
pub fn numbers(line: &Value) -> BTreeMap<String, u64> {
    let members = line.as_object().unwrap().iter();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_u64()?))).collect()
}

/// Standard output of a handler in the test's own process; clones are the same output.
#[derive(Clone, Debug, Default)]
pub struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    is_full: Arc<AtomicBool>,
}

impl Output {
    /// The lines since the last call.
    #[must_use]
    pub fn take_lines(&self) -> Vec<Value> {
        let text = String::from_utf8(std::mem::take(&mut *self.bytes.lock().unwrap())).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one line since the last call.
    #[must_use]
    pub fn take_line(&self) -> Value {
        let mut lines = self.take_lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    /// Makes every write fail from now on, or succeed again.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
