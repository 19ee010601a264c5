//! `template.yaml` against the code, and against what it promises: nothing lost, nobody let in,
//! and an alarm for each way to fail.
//!
//! The tests look at what would be deployed: with parameters filled in, conditions decided and the
//! functions' globals merged.

mod alarms;
mod dashboard;
mod delivery;
mod functions;
mod grafana;
mod health;
mod intrinsics;
mod notifications;
mod permissions;
mod queues;
mod stack;
mod storage;
mod yaml;
