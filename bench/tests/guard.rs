//! What has been won stays: the binaries' sizes and their instructions are what was committed.
//! No timings, which depend on the machine.

#![cfg(test)]

use std::io::{self, Write};

use bench::instructions::{Committed, Counted, Instructions, SEED};
use bench::pinned::Cores;
use bench::valgrind::Valgrind;
use local::opensearch::Environment;

/// A larger one takes longer to fetch and to map at a cold start.
const MAX_BYTES: u64 = 6_000_000;

/// Says that something was not tried here; fails if `SLUICE_REQUIRE_REAL` is 1.
fn left_out(reason: &str) {
    assert!(!Environment::read().require_real, "SLUICE_REQUIRE_REAL=1: {reason}");
    // Seen when the test passes, too, which `eprintln!` is not.
    writeln!(io::stderr(), "instructions are not compared: {reason}").unwrap();
}

#[test]
fn binaries_are_small() {
    let Counted { transform, consumer } = Counted::build().unwrap();
    for function in [transform, consumer] {
        let bytes = function.binary_bytes.expect("a binary of its own");
        let name = function.name;
        assert!(bytes <= MAX_BYTES, "{name}: {bytes} bytes, more than {MAX_BYTES}");
    }
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
    let functions = Counted::build().unwrap();
    let counted = Instructions::count(&valgrind, &functions, cores, SEED, folder.path()).unwrap();
    let differences = committed.differences(&Committed::here(counted).unwrap());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
