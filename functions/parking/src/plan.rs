//! What a run does: every machine with its decision, in the order in which they are changed.

use jiff::Timestamp;

use crate::config::Rules;
use crate::decision::{Decision, Verdict, decide};
use crate::machine::{Machine, State};
use crate::outcome::{Entry, Outcome};

/// What is to be started and stopped, in this order: the databases are there when the instances that
/// use them are.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Databases, then instances, each with what EC2 said when it stopped the machine itself.
    pub(crate) start: Vec<(Machine, Option<String>)>,
    /// Instances, then databases.
    pub(crate) stop: Vec<(Machine, Option<String>)>,
    /// Databases that are stopped unless their events say that a person started them since then. They
    /// are last, so that services that do not answer keep nothing else waiting.
    pub(crate) ask: Vec<(Machine, Option<Timestamp>)>,
}

impl Plan {
    /// Decides about all machines. What is not changed is in `outcome`.
    pub(crate) fn of(
        machines: Vec<Machine>,
        rules: &Rules,
        now: Timestamp,
        outcome: &mut Outcome,
    ) -> Self {
        let mut plan = Self::default();
        for machine in machines {
            let Verdict { decision, is_off } = decide(&machine, rules, now);
            if is_off && matches!(machine.state, State::Stopped | State::Stopping) {
                outcome.parked += 1;
            }
            match decision {
                Decision::Leave => {}
                Decision::Start { failure } => plan.start.push((machine, failure)),
                Decision::Stop => plan.stop.push((machine, None)),
                Decision::AskEvents { since } => plan.ask.push((machine, since)),
                Decision::Keep(why) => outcome.kept.push(Entry::new(&machine, why)),
                Decision::Problem(problem) => outcome.problems.push(Entry::new(&machine, problem)),
                Decision::Fail(code) => outcome.failed.push(Entry::new(&machine, code)),
            }
        }
        let key = |machine: &Machine| (machine.kind, machine.id.clone());
        plan.start.sort_by_cached_key(|(machine, _)| key(machine));
        plan.stop.sort_by_cached_key(|(machine, _)| std::cmp::Reverse(key(machine)));
        plan.ask.sort_by_cached_key(|(machine, _)| std::cmp::Reverse(key(machine)));
        plan
    }
}
