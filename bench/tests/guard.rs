//! What has been won stays: the binary's size and its instructions are what was committed.
//! No timings, which depend on the machine.

#![cfg(test)]

use std::io::{self, Write};

use bench::functions::{self, Function, Job, OURS};
use bench::instructions::{Committed, Instructions, SEED};
use bench::pinned::Cores;
use bench::valgrind::Valgrind;
use local::opensearch::Environment;

/// A larger one takes longer to fetch and to map at a cold start.
const MAX_BINARY_BYTES: u64 = 6_000_000;

fn ours() -> Function {
    functions::find(Job::Transform, &[OURS.to_owned()]).unwrap().pop().expect("the function itself")
}

/// Says that something was not tried here; fails if `SLUICE_REQUIRE_REAL` is 1.
fn left_out(reason: &str) {
    assert!(!Environment::read().require_real, "SLUICE_REQUIRE_REAL=1: {reason}");
    // Seen when the test passes, too, which `eprintln!` is not.
    writeln!(io::stderr(), "instructions are not compared: {reason}").unwrap();
}

#[test]
fn the_binary_is_small() {
    let bytes = ours().binary_bytes.expect("a binary of its own");
    assert!(bytes <= MAX_BINARY_BYTES, "{bytes} bytes, more than {MAX_BINARY_BYTES}");
}

#[test]
fn instructions_are_those_committed() {
    let committed = Committed::read().unwrap();
    let valgrind = match Valgrind::find() {
        Ok(valgrind) => valgrind,
        Err(missing) => return left_out(&missing.to_string()),
    };
    if committed.architecture != std::env::consts::ARCH {
        return left_out(&format!("the committed figures are of {}", committed.architecture));
    }
    let folder = tempfile::tempdir().unwrap();
    let cores = Cores::take().unwrap();
    let counted = Instructions::count(&valgrind, &ours(), cores, SEED, folder.path()).unwrap();
    let differences = committed.differences(&Committed::here(counted).unwrap());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
