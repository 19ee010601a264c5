//! The templates against the code, and against what they promise: nothing lost, nobody admitted
//! without need, and an alarm for each way to fail.
//!
//! The tests read what would be deployed: nested applications in place, parameters filled in,
//! conditions decided and the functions' globals merged. The resource `X` of the application `A` is
//! `AX`.

mod alarms;
mod dashboard;
mod delivery;
mod functions;
mod grafana;
mod health;
mod intrinsics;
mod notifications;
mod parameters;
mod permissions;
mod queues;
mod stack;
mod storage;
