//! The embedded and a real `OpenSearch`, with the same expectations.

#![cfg(test)]

mod bulk;
mod documents;
mod faults;
mod life;
mod search;
mod servers;
