//! The command `sluice` with servers on this machine.

#![cfg(test)]

mod credentials;
mod demo;
mod doctor;
mod edited;
mod outage;
mod redrive;
mod replay;
mod replay_elsewhere;
mod scene;
mod setup;
mod stack;
mod support;
mod wrong_use;
