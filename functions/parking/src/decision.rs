//! Decides what to do with a machine.

use jiff::{SignedDuration, Timestamp};

use crate::config::Rules;
use crate::machine::{Kind, Machine, State, Stop};
use crate::overrides::{Override, Word};
use crate::schedule::Phase;

/// The decision about a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing: it is in the right state, or changing by itself.
    Leave,
    Start {
        /// EC2's reason, if EC2 itself stopped the machine: it did not stay up.
        failure: Option<String>,
    },
    Stop,
    /// Stop it, unless its events show that a person started it since then.
    AskEvents {
        since: Option<Timestamp>,
    },
    /// It deviates from the schedule, for this reason.
    Keep(String),
    /// There is a problem with the machine or its tags.
    Problem(String),
    /// It cannot be decided, with a code for the reason.
    Fail(&'static str),
}

/// The decision, and whether the machine should be off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) decision: Decision,
    pub(crate) is_off: bool,
}

/// Decides about a machine.
pub(crate) fn decide(machine: &Machine, rules: &Rules, now: Timestamp) -> Verdict {
    let on = |decision| Verdict { decision, is_off: false };
    let off = |decision| Verdict { decision, is_off: true };
    let phase = match phase(machine, rules, now) {
        Ok(phase) => phase,
        Err(problem) => return on(Decision::Problem(problem)),
    };
    match (phase, machine.state) {
        (Wanted::Ignored(until), _) => on(Decision::Keep(format!("ignored until {until}"))),
        (Wanted::Override(Word::Running), State::Stopped) => {
            on(Decision::Start { failure: machine.stop.failure() })
        }
        (Wanted::Override(Word::Stopped), State::Running) => off(Decision::Stop),
        (Wanted::Phase(Phase::On { since }), State::Stopped) => on(when_on(machine, since)),
        (Wanted::Phase(Phase::Off { since }), State::Running) => {
            off(when_off(machine, since, rules.keep, now))
        }
        (Wanted::Phase(Phase::Off { .. }) | Wanted::Override(Word::Stopped), _) => {
            off(Decision::Leave)
        }
        (Wanted::Phase(Phase::On { .. }) | Wanted::Override(_), _) => on(Decision::Leave),
    }
}

/// The state that the tags of a machine require now.
enum Wanted {
    Phase(Phase),
    Override(Word),
    Ignored(Timestamp),
}

fn phase(machine: &Machine, rules: &Rules, now: Timestamp) -> Result<Wanted, String> {
    if let Some(problem) = &machine.problem {
        return Err(problem.clone());
    }
    let schedule = rules.schedules.find(&machine.schedule)?;
    let exception = machine.exception.as_deref();
    let exception = exception.map(|text| Override::parse(text, &schedule.zone)).transpose()?;
    Ok(match exception.filter(|exception| now < exception.until) {
        Some(Override { word: Word::Ignore, until }) => Wanted::Ignored(until),
        Some(Override { word, .. }) => Wanted::Override(word),
        None => Wanted::Phase(schedule.phase(&rules.holidays, now)),
    })
}

/// Decides about a stopped machine that should be on since `since`.
fn when_on(machine: &Machine, since: Option<Timestamp>) -> Decision {
    match &machine.stop {
        Stop::ByRequest(at) if since.is_none_or(|since| since <= *at) => {
            Decision::Keep(format!("stopped by a person {at}: kept until the next window"))
        }
        stop => Decision::Start { failure: stop.failure() },
    }
}

/// Decides about a running machine that should be off since `since`.
fn when_off(
    machine: &Machine,
    since: Option<Timestamp>,
    keep: SignedDuration,
    now: Timestamp,
) -> Decision {
    let kept = machine.started.and_then(|started| kept(started, since, keep, now));
    match (kept, machine.kind, machine.started) {
        (Some(why), ..) => Decision::Keep(why),
        (None, Kind::Instance, None) => Decision::Fail("NoLaunchTime"),
        (None, Kind::Instance, Some(_)) => Decision::Stop,
        (None, Kind::Database | Kind::Cluster, _) if keep.is_zero() => Decision::Stop,
        (None, Kind::Database | Kind::Cluster, _) => Decision::AskEvents { since },
    }
}

/// Why a machine that was started at this time is kept running; `None` if it is not.
pub(crate) fn kept(
    started: Timestamp,
    since: Option<Timestamp>,
    keep: SignedDuration,
    now: Timestamp,
) -> Option<String> {
    let is_after = since.is_none_or(|since| since <= started);
    let is_kept = is_after && now.duration_since(started) < keep;
    let hours = keep.as_hours();
    is_kept.then(|| format!("started {started}, outside of its windows: kept for {hours} h"))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::holidays::Holidays;
    use crate::schedules::Schedules;

    /// A Friday. The window of `office` is from 09:00 to 19:00.
    const MORNING: &str = "2026-11-27T09:05:00Z";
    const EVENING: &str = "2026-11-27T19:05:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rules(keep: i64) -> Rules {
        let schedules = r#"{"office": "Mon-Fri 09:00-19:00"}"#;
        Rules {
            schedule_tag: "hours".to_owned(),
            override_tag: "override".to_owned(),
            schedules: Schedules::parse(schedules, TimeZone::UTC).unwrap(),
            holidays: Holidays::default(),
            keep: SignedDuration::from_hours(keep),
        }
    }

    fn machine(kind: Kind, state: State) -> Machine {
        Machine {
            kind,
            id: "i-1".to_owned(),
            name: None,
            schedule: "office".to_owned(),
            exception: None,
            state,
            started: Some(at("2026-11-27T09:00:10Z")),
            stop: Stop::Unknown,
            problem: None,
        }
    }

    fn decision(machine: &Machine, now: &str) -> Decision {
        decide(machine, &rules(4), at(now)).decision
    }

    const KEEP: &str = "kept";
    const START: Decision = Decision::Start { failure: None };

    #[test]
    fn only_running_and_stopped_machines_are_changed() {
        for (state, in_the_morning, in_the_evening) in [
            (State::Running, Decision::Leave, Decision::Stop),
            (State::Stopped, START, Decision::Leave),
            (State::Stopping, Decision::Leave, Decision::Leave),
            (State::Other, Decision::Leave, Decision::Leave),
        ] {
            let machine = machine(Kind::Instance, state);
            let morning = decide(&machine, &rules(4), at(MORNING));
            assert_eq!(morning, Verdict { decision: in_the_morning, is_off: false }, "{state:?}");
            let evening = decide(&machine, &rules(4), at(EVENING));
            assert_eq!(evening, Verdict { decision: in_the_evening, is_off: true }, "{state:?}");
        }
    }

    #[test]
    fn who_works_late_is_left_alone_for_a_while() {
        for (schedule, started, now, keep, is_kept) in [
            ("office", "2026-11-27T19:30:00Z", "2026-11-27T23:29:59Z", 4, true),
            ("office", "2026-11-27T19:30:00Z", "2026-11-27T23:30:00Z", 4, false),
            // At the end of the window, and just before.
            ("office", "2026-11-27T19:00:00Z", EVENING, 4, true),
            ("office", "2026-11-27T18:59:59Z", EVENING, 4, false),
            ("office", "2026-11-27T19:04:00Z", EVENING, 0, false),
            // With a clock that is ahead.
            ("office", "2026-11-27T19:06:00Z", EVENING, 4, true),
            ("never", "2026-11-27T19:04:00Z", EVENING, 4, true),
            ("never", "2026-11-27T09:00:00Z", EVENING, 4, false),
            ("Sat 09:00-12:00", "2026-11-27T16:00:00Z", EVENING, 4, true),
        ] {
            let schedule = schedule.to_owned();
            let mut machine = Machine {
                schedule,
                started: Some(at(started)),
                ..machine(Kind::Instance, State::Running)
            };
            let decided = |machine: &Machine| decide(machine, &rules(keep), at(now)).decision;
            let text = || format!("started {started}, outside of its windows: kept for {keep} h");
            let kept = is_kept.then(|| Decision::Keep(text()));
            assert_eq!(decided(&machine), kept.clone().unwrap_or(Decision::Stop), "{started}");
            // A database that was created at this time is kept; otherwise its events show who
            // started it.
            for kind in [Kind::Database, Kind::Cluster] {
                machine.kind = kind;
                let asked = match decided(&machine) {
                    Decision::AskEvents { .. } => Decision::AskEvents { since: None },
                    other => other,
                };
                let unknown = match keep {
                    0 => Decision::Stop,
                    _ => Decision::AskEvents { since: None },
                };
                assert_eq!(asked, kept.clone().unwrap_or(unknown), "{kind:?} {started}");
            }
        }
        let unknown = Machine { started: None, ..machine(Kind::Instance, State::Running) };
        assert_eq!(decision(&unknown, EVENING), Decision::Fail("NoLaunchTime"));
        let database = machine(Kind::Database, State::Running);
        let since = Some(at("2026-11-27T19:00:00Z"));
        assert_eq!(decision(&database, EVENING), Decision::AskEvents { since });
    }

    #[test]
    fn what_a_person_stopped_stays_off_until_the_next_window() {
        let stopped = |at_: &str| Stop::ByRequest(at(at_));
        let message = || Some("Client.InternalError: Client error on launch".to_owned());
        for (schedule, stop, expected) in [
            ("office", stopped("2026-11-27T09:00:00Z"), None),
            ("office", stopped("2026-11-27T08:59:59Z"), Some(START)),
            ("office", Stop::Unknown, Some(START)),
            (
                "office",
                Stop::ByItself(message().unwrap()),
                Some(Decision::Start { failure: message() }),
            ),
            ("always", stopped("2025-01-01T00:00:00Z"), None),
            ("always", Stop::Unknown, Some(START)),
        ] {
            let schedule = schedule.to_owned();
            let machine = Machine { schedule, stop, ..machine(Kind::Instance, State::Stopped) };
            let decided = decision(&machine, MORNING);
            match expected {
                Some(expected) => assert_eq!(decided, expected, "{machine:?}"),
                None => assert!(
                    matches!(&decided, Decision::Keep(why) if why.contains("stopped by a person")),
                    "{decided:?}"
                ),
            }
        }
    }

    #[test]
    fn an_override_is_done_until_its_end_whoever_did_what() {
        let by_person = Stop::ByRequest(at("2026-11-27T09:04:00Z"));
        let late = Some(at("2026-11-27T19:04:00Z"));
        let is = |decision: &str| match decision {
            KEEP => Decision::Keep("ignored until 2026-11-28T00:00:00Z".to_owned()),
            "start" => START,
            "stop" => Decision::Stop,
            _ => Decision::Leave,
        };
        for (word, state, expected, is_off) in [
            ("running", State::Stopped, "start", false),
            ("running", State::Running, "leave", false),
            ("stopped", State::Running, "stop", true),
            ("stopped", State::Stopped, "leave", true),
            ("ignore", State::Running, KEEP, false),
            ("ignore", State::Stopped, KEEP, false),
            ("ignore", State::Other, KEEP, false),
        ] {
            let exception = Some(format!("{word} until 2026-11-28T00:00Z"));
            let stop = by_person.clone();
            for kind in [Kind::Instance, Kind::Database] {
                let (exception, stop) = (exception.clone(), stop.clone());
                let machine = Machine { exception, stop, started: late, ..machine(kind, state) };
                for now in [MORNING, EVENING, "2026-11-27T23:59:59Z"] {
                    let expected = Verdict { decision: is(expected), is_off };
                    assert_eq!(decide(&machine, &rules(4), at(now)), expected, "{word} {state:?}");
                }
                // A machine that EC2 itself stops does not keep running, whatever is requested.
                let stop = Stop::ByItself("no capacity".to_owned());
                if is(expected) == START {
                    let failure = Some("no capacity".to_owned());
                    let verdict =
                        decide(&Machine { stop, ..machine.clone() }, &rules(4), at(MORNING));
                    assert_eq!(verdict.decision, Decision::Start { failure });
                }
                // After its end, it is as if it were absent.
                let absent = Machine { exception: None, ..machine.clone() };
                let after = at("2026-11-28T00:00:00Z");
                assert_eq!(decide(&machine, &rules(4), after), decide(&absent, &rules(4), after));
            }
        }
    }

    #[test]
    fn a_problem_is_never_acted_on() {
        let base = |state| machine(Kind::Instance, state);
        for state in [State::Running, State::Stopped] {
            for (machine, problem) in [
                (Machine { problem: Some("spot".to_owned()), ..base(state) }, "spot"),
                (Machine { schedule: "ofice".to_owned(), ..base(state) }, "the schedule `ofice`"),
                (Machine { exception: Some("on".to_owned()), ..base(state) }, "the override `on`"),
                (
                    // Also with an override.
                    Machine {
                        schedule: "ofice".to_owned(),
                        exception: Some("running until 2026-11-28T00:00Z".to_owned()),
                        ..base(state)
                    },
                    "the schedule `ofice`",
                ),
            ] {
                for now in [MORNING, EVENING] {
                    let decided = decision(&machine, now);
                    let is_problem =
                        matches!(&decided, Decision::Problem(text) if text.starts_with(problem));
                    assert!(is_problem, "{decided:?}");
                }
            }
        }
    }
}
