//! The few things of this process's environment that the running of Cargo needs.

use std::env;
use std::ffi::OsString;

/// Variables that Cargo sets for the one package it runs. A Cargo started below must not see them:
/// build scripts that watch them would run again, and their crates be built again, every time.
const OF_ONE_PACKAGE: [&str; 10] = [
    "CARGO_BIN_EXE_",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
];

/// The Cargo that runs this program, else the one on the path.
#[expect(clippy::disallowed_methods, reason = "which Cargo to run is no setting of a function")]
pub(super) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The names of the variables that a Cargo started below must not see.
pub(super) fn of_one_package() -> Vec<OsString> {
    env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| {
            let name = name.to_string_lossy();
            OF_ONE_PACKAGE.iter().any(|prefix| name.starts_with(prefix))
        })
        .collect()
}
