//! Links the function to a fixed address.
//!
//! The loader would otherwise rewrite some 13,000 pointers at every start, most of them of AWS
//! clients that most starts never use: a seventh of a cold start. Libraries, heap and stack keep
//! their random addresses; only the code of the function itself, without unsafe blocks of ours,
//! gives its own up.

use std::env;

#[expect(clippy::disallowed_methods, reason = "this is how Cargo talks to a build script")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
