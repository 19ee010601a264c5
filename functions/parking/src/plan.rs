//! The plan of a run: the machines to change, in order.

use jiff::Timestamp;

use crate::config::Rules;
use crate::decision::{Decision, Verdict, decide};
use crate::machine::{Machine, State};
use crate::outcome::{Entry, Outcome};

/// The machines to start and stop, in this order: databases must run before the instances that use
/// them.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Databases, then instances, each with EC2's message if EC2 itself stopped it.
    pub(crate) start: Vec<(Machine, Option<String>)>,
    /// Instances, then databases.
    pub(crate) stop: Vec<(Machine, Option<String>)>,
    /// Databases to stop, unless their events show that a person started them since then. They come
    /// last, so that a service that does not answer does not delay anything else.
    pub(crate) ask: Vec<(Machine, Option<Timestamp>)>,
}

impl Plan {
    /// Decides about all machines. Adds those that are not changed to `outcome`.
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
