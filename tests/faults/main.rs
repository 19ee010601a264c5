//! Fault tables: every external call of every function with every fault that a call can have.
//!
//! [`fault`] contains the faults, `tables/` the calls, each with the outcome of an invocation whose
//! call fails. A cell runs the real binary. With any fault, the process continues; the invocation
//! ends before its deadline and acknowledges nothing that was not done; the log says which call
//! failed and how, but contains no part of a body; and the next invocation of the same process does
//! everything.

#![cfg(test)]

mod answers;
mod fault;
mod gate;
mod permissions;
mod run;
mod table;
mod tables;

/// All cells run concurrently, because most of them wait. The test is not part of the ordinary run,
/// because it takes a minute or two, and because its deadlines are short and require a machine that
/// is mostly idle.
#[tokio::test]
#[ignore = "takes minutes: cargo test -p suite --test faults -- --ignored"]
async fn every_call_fails_in_every_way() {
    run::run(tables::FUNCTIONS).await;
}
