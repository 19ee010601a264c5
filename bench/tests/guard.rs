//! Checks the sizes and the instructions of the binaries against the committed ones. Times are not
//! checked, because they depend on the machine.

#![cfg(test)]

use std::io::{self, Write};

use bench::{Figures, SEED, Valgrind, counted};
use local::opensearch::Environment;

/// A larger binary takes longer to download and to map at a cold start.
const MAX_BYTES: u64 = 6_000_000;

/// Reports that something was not checked; fails if `SLUICE_REQUIRE_REAL` is 1.
fn left_out(reason: &str) {
    assert!(!Environment::read().require_real, "SLUICE_REQUIRE_REAL=1: {reason}");
    // Shown even if the test passes, unlike the output of `eprintln!`.
    writeln!(io::stderr(), "instructions are not compared: {reason}").unwrap();
}

#[test]
fn binaries_are_small() {
    for function in counted().unwrap() {
        let bytes = function.binary_bytes.expect("a binary of its own");
        assert!(bytes <= MAX_BYTES, "{}: {bytes} bytes, more than {MAX_BYTES}", function.name);
    }
}

#[test]
fn instructions_are_those_committed() {
    let committed = Figures::committed().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let valgrind = match Valgrind::find(folder.path()) {
        Ok(valgrind) => valgrind,
        Err(missing) => return left_out(&missing),
    };
    if committed.architecture != std::env::consts::ARCH {
        return left_out(&format!("the committed figures are of {}", committed.architecture));
    }
    let differences = committed.differences(&Figures::count(&valgrind, SEED).unwrap());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
