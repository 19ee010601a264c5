//! The command `sluice` as its users run it, against servers of this machine.

#![cfg(test)]

mod demo;
mod doctor;
mod redrive;
mod setup;
mod support;
mod wrong_use;
