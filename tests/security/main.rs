//! What SECURITY.md and docs/limits.md say: nothing secret in logs, hostile settings, and
//! that every named test exists.

#![cfg(test)]

mod canaries;
mod documents;
mod settings;
mod subjects;
mod world;
