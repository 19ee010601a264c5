//! One run: reads all machines, decides about each, and starts and stops them.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use shared::aws::CallFailure;
use shared::aws::query::{EC2, QueryClient, QueryError, RDS};
use tokio::time::Instant;

use crate::config::{Config, Kinds, Rules};
use crate::decision::kept;
use crate::ec2::Action;
use crate::machine::{Kind, Machine, Machines};
use crate::outcome::{Entry, Outcome};
use crate::plan::Plan;
use crate::{ec2, rds};

/// The services that are called.
#[derive(Debug)]
pub(crate) struct Services {
    ec2: QueryClient,
    rds: QueryClient,
    kinds: Kinds,
}

impl Services {
    pub(crate) fn new(config: &Config) -> Self {
        let client = |api| QueryClient::new(api, &config.aws);
        Self { ec2: client(EC2), rds: client(RDS), kinds: config.kinds }
    }

    pub(crate) fn region(&self) -> &str {
        self.ec2.region()
    }

    /// Starts and stops the machines that are due at `now`, until `until`.
    pub(crate) async fn park(
        &self,
        rules: &Rules,
        is_dry_run: bool,
        now: Timestamp,
        until: Instant,
    ) -> Outcome {
        let mut outcome = Outcome { is_dry_run, ..Outcome::default() };
        let machines = self.read(rules, until, &mut outcome).await;
        outcome.watched = machines.len();
        let Plan { start, stop, ask } = Plan::of(machines, rules, now, &mut outcome);
        self.change_all(Action::Start, &start, until, &mut outcome).await;
        self.change_all(Action::Stop, &stop, until, &mut outcome).await;
        for (machine, since) in ask {
            self.stop_unless_started(machine, since, rules.keep, now, until, &mut outcome).await;
        }
        outcome.sort();
        outcome
    }

    /// Reads all machines with the tag, as far as possible.
    async fn read(&self, rules: &Rules, until: Instant, outcome: &mut Outcome) -> Vec<Machine> {
        let mut machines = Vec::new();
        let mut add = |kind: &str, (read, failure): Machines| {
            machines.extend(read);
            if let Some(failure) = failure {
                outcome.unread.add(kind, self.region(), &CallFailure::from(failure));
            }
        };
        if self.kinds.ec2 {
            add("ec2", ec2::list(&self.ec2, rules, until).await);
        }
        if self.kinds.rds {
            add("rds", rds::list(&self.rds, Kind::Database, rules, until).await);
            add("rds", rds::list(&self.rds, Kind::Cluster, rules, until).await);
        }
        // A machine can move to another page while the pages are read.
        let mut seen = BTreeSet::new();
        machines.retain(|machine| seen.insert((machine.kind, machine.id.clone())));
        machines
    }

    /// Starts or stops machines, one kind after the other.
    async fn change_all(
        &self,
        action: Action,
        machines: &[(Machine, Option<String>)],
        until: Instant,
        outcome: &mut Outcome,
    ) {
        for group in machines.chunk_by(|(one, _), (other, _)| one.kind == other.kind) {
            let results = if outcome.is_dry_run {
                group.iter().map(|_| Ok(true)).collect()
            } else {
                self.change(action, group, until).await
            };
            for ((machine, failure), result) in group.iter().zip(results) {
                outcome.add(action, machine, failure.as_deref(), result);
            }
        }
    }

    /// Stops a database, unless its events show that a person started it after `since`.
    async fn stop_unless_started(
        &self,
        machine: Machine,
        since: Option<Timestamp>,
        keep: SignedDuration,
        now: Timestamp,
        until: Instant,
        outcome: &mut Outcome,
    ) {
        match rds::last_start_of(&self.rds, &machine, keep, until).await {
            Err(error) => outcome.failed.push(Entry::failed(&machine, &error)),
            Ok(start) => match start.and_then(|start| kept(start, since, keep, now)) {
                Some(why) => outcome.kept.push(Entry::new(&machine, why)),
                None => self.change_all(Action::Stop, &[(machine, None)], until, outcome).await,
            },
        }
    }

    /// Starts or stops machines of one kind, and returns for each whether it was done.
    async fn change(
        &self,
        action: Action,
        group: &[(Machine, Option<String>)],
        until: Instant,
    ) -> Vec<Result<bool, QueryError>> {
        let mut results = Vec::new();
        if group.iter().any(|(machine, _)| machine.kind == Kind::Instance) {
            let ids: Vec<_> = group.iter().map(|(machine, _)| machine.id.clone()).collect();
            let changed = ec2::change(&self.ec2, action, &ids, until).await;
            results.extend(changed.into_iter().map(|result| result.map(|()| true)));
        } else {
            for (machine, _) in group {
                results.push(rds::change(&self.rds, action, machine, until).await);
            }
        }
        results
    }
}

impl Outcome {
    /// Adds the outcome of a machine.
    fn add(
        &mut self,
        action: Action,
        machine: &Machine,
        failure: Option<&str>,
        result: Result<bool, QueryError>,
    ) {
        match (result, action) {
            (Err(error), _) => return self.failed.push(Entry::failed(machine, &error)),
            (Ok(false), _) => return,
            (Ok(true), Action::Start) => self.started.push(Entry::new(machine, "")),
            (Ok(true), Action::Stop) => {
                self.stopped.push(Entry::new(machine, ""));
                // It is stopping now.
                self.parked += usize::from(!self.is_dry_run);
            }
        }
        if let Some(failure) = failure {
            self.failed.push(Entry::new(machine, failure));
        }
    }
}
