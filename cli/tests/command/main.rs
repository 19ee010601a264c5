//! The command `sluice` with servers on this machine.

#![cfg(test)]

mod demo;
mod doctor;
mod redrive;
mod replay;
mod setup;
mod support;
mod wrong_use;
