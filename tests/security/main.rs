//! The claims of SECURITY.md and docs/limits.md: no secrets in logs, hostile settings, and the
//! existence of every named test.

#![cfg(test)]

mod canaries;
mod documents;
mod settings;
mod subjects;
mod world;
