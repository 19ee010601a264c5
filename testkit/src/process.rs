//! The clock and the environment of a handler in the test's own process, and the memory of another
//! process.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// The variables that Lambda sets and that functions require.
pub const LAMBDA: [(&str, &str); 4] = [
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
    ("AWS_LAMBDA_FUNCTION_NAME", super::FUNCTION_NAME),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
];

/// The time, in milliseconds since 1970.
#[must_use]
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// Runs a test on a clock that advances only while every task waits.
pub fn on_paused_clock<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
}

/// Resident memory, in kB, of the only process that has this variable in its environment.
#[must_use]
pub fn resident_kb((name, value): (&str, &str)) -> u64 {
    let variable = format!("{name}={value}");
    let resident = |entry: fs::DirEntry| {
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        variables.find(|found| *found == variable.as_bytes())?;
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let found: Vec<u64> = fs::read_dir("/proc").unwrap().flatten().filter_map(resident).collect();
    let [kb] = found[..] else { panic!("{} processes with {variable}", found.len()) };
    kb
}
