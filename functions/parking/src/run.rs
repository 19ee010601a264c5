//! One run: reads all machines, decides about each, and starts and stops them.

use jiff::Timestamp;
use shared::aws::CallFailure;
use shared::aws::query::{EC2, QueryClient, QueryError, RDS};
use tokio::time::Instant;

use crate::config::{Config, Kinds, Rules};
use crate::decision::{Decision, Verdict, decide, kept};
use crate::ec2::Action;
use crate::machine::{Kind, Machine, State};
use crate::outcome::{Entry, Outcome};
use crate::{ec2, rds};

/// The services that are called.
#[derive(Debug)]
pub(crate) struct Services {
    ec2: QueryClient,
    rds: QueryClient,
    kinds: Kinds,
}

/// What is to be started and stopped.
#[derive(Debug, Default)]
struct Plan {
    /// With what EC2 said when it stopped the machine itself.
    start: Vec<(Machine, Option<String>)>,
    stop: Vec<(Machine, Option<String>)>,
}

impl Services {
    pub(crate) fn new(config: &Config) -> Self {
        let client = |api| QueryClient::new(api, &config.aws);
        Self { ec2: client(EC2), rds: client(RDS), kinds: config.kinds }
    }

    pub(crate) fn region(&self) -> &str {
        self.ec2.region()
    }

    /// Does what is due now, until `until`.
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
        let plan = self.plan(machines, rules, now, until, &mut outcome).await;
        self.carry_out(plan, until, &mut outcome).await;
        outcome.sort();
        outcome
    }

    /// Reads all machines with the tag, as far as they can be read.
    async fn read(&self, rules: &Rules, until: Instant, outcome: &mut Outcome) -> Vec<Machine> {
        let mut machines = Vec::new();
        let mut add = |kind: &str, (read, failure): (Vec<Machine>, Option<QueryError>)| {
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
        machines
    }

    /// Decides about each machine.
    async fn plan(
        &self,
        machines: Vec<Machine>,
        rules: &Rules,
        now: Timestamp,
        until: Instant,
        outcome: &mut Outcome,
    ) -> Plan {
        let mut plan = Plan::default();
        for machine in machines {
            let Verdict { decision, is_off } = decide(&machine, rules, now);
            if is_off && matches!(machine.state, State::Stopped | State::Stopping) {
                outcome.parked += 1;
            }
            let decision = match decision {
                Decision::AskEvents { since } => {
                    match rds::last_start_of(&self.rds, &machine, rules.keep, until).await {
                        Ok(start) => start
                            .and_then(|start| kept(start, since, rules.keep, now))
                            .map_or(Decision::Stop, Decision::Keep),
                        Err(error) => {
                            outcome.fail(&machine, &error);
                            continue;
                        }
                    }
                }
                other => other,
            };
            match decision {
                Decision::Leave | Decision::AskEvents { .. } => {}
                Decision::Start { failure } => plan.start.push((machine, failure)),
                Decision::Stop => plan.stop.push((machine, None)),
                Decision::Keep(why) => outcome.kept.push(Entry::new(&machine, why)),
                Decision::Problem(problem) => outcome.problems.push(Entry::new(&machine, problem)),
                Decision::Fail(code) => outcome.failed.push(Entry::new(&machine, code)),
            }
        }
        // Databases are started before the instances that use them, and stopped after them.
        plan.start
            .sort_by(|(one, _), (other, _)| (one.kind, &one.id).cmp(&(other.kind, &other.id)));
        plan.stop.sort_by(|(one, _), (other, _)| (other.kind, &other.id).cmp(&(one.kind, &one.id)));
        plan
    }

    async fn carry_out(&self, plan: Plan, until: Instant, outcome: &mut Outcome) {
        for (action, machines) in [(Action::Start, plan.start), (Action::Stop, plan.stop)] {
            // One kind after the other.
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
    /// Adds what became of a machine.
    fn add(
        &mut self,
        action: Action,
        machine: &Machine,
        failure: Option<&str>,
        result: Result<bool, QueryError>,
    ) {
        match (result, action) {
            (Err(error), _) => return self.fail(machine, &error),
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

    fn fail(&mut self, machine: &Machine, error: &QueryError) {
        tracing::error!(id = machine.id, %error, "a call failed");
        self.failed.push(Entry::new(machine, &error.code));
    }
}
