//! The templates against the code and the requirements: nothing is lost, permissions are minimal,
//! and every failure has an alarm.
//!
//! The tests read the resources as deployed: with nested applications in place, parameters filled
//! in, conditions evaluated and the globals of functions merged. The resource `X` of the application
//! `A` is `AX`.

mod alarms;
mod cost;
mod dashboard;
mod data_checks;
mod delivery;
mod functions;
mod grafana;
mod health;
mod notifications;
mod objects;
mod parameters;
mod permissions;
mod queues;
mod references;
mod sensors;
mod storage;
mod surroundings;
mod warehouse_watch;
mod watch;

use suite::stack;
