//! The embedded and a real SQS, with the same expectations; and the event source mapping.

#![cfg(test)]

mod choice;
mod dead_letters;
mod faults;
mod fifo;
mod limits;
mod mapping;
mod messages;
mod moves;
mod queues;
mod servers;
mod time;
