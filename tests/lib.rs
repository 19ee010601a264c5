//! The templates, which several tests use, and the stack in a small AWS on this machine.

pub mod cloud;
mod intrinsics;
mod nested;
pub mod permissions;
pub mod stack;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

pub use nested::{read, template};

/// The project's folder.
#[must_use]
pub fn project() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// The only member of an object, such as an intrinsic function and its argument.
#[must_use]
pub fn single(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    members.iter().next().filter(|_| members.len() == 1).map(|(name, value)| (name.as_str(), value))
}

/// A value that is a string.
///
/// # Panics
/// If the value is not a string.
#[must_use]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}
