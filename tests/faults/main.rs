//! Fault tables: every call of every function to the outside against every fault that a call can meet.
//!
//! [`fault`] has the faults, `tables/` the calls, each with what becomes of an invocation whose call
//! fails. A cell runs the real binary. Whatever the fault, the process goes on, the invocation ends
//! before its deadline and acknowledges nothing that was not done, the log says which call failed and
//! how, but nothing of a body, and the next invocation of the same process does all of it.

#![cfg(test)]

mod answers;
mod fault;
mod gate;
mod permissions;
mod run;
mod table;
mod tables;

/// All of them at the same time: most wait. Not in the ordinary run, because it takes a minute or two, and
/// because its deadlines are short: it wants a machine on which little else runs.
#[tokio::test]
#[ignore = "takes minutes: cargo test -p suite --test faults -- --ignored"]
async fn every_call_fails_in_every_way() {
    run::run(tables::FUNCTIONS).await;
}
