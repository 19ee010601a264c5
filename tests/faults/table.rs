//! The types of the tables.

use testkit::Observed;

use crate::fault::{Fault, LATE, OF_CALLS};

/// A function, and all of its calls in one or more scenes.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Its timeout.
    pub(crate) seconds: u64,
    /// Its variables; `{opensearch}` is the URL of that service.
    pub(crate) variables: &'static [(&'static str, &'static str)],
    pub(crate) scenes: &'static [Scene],
}

/// An invocation, and the calls that it makes.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    /// The event: either a text with the times of [`testkit::with_times`], or `@` and the name of
    /// one of the function's events.
    pub(crate) event: &'static str,
    /// Variables in addition to those of the function.
    pub(crate) variables: &'static [(&'static str, &'static str)],
    /// The answers to each call; see [`crate::answers::answer`].
    pub(crate) answers: &'static [(&'static str, &'static str)],
    /// The outcome without a fault.
    pub(crate) healthy: &'static [Expected],
    /// The outcome with a deadline in the past.
    pub(crate) late: &'static [Expected],
    /// The calls that are tested with faults in this scene. Other calls of the scene only have an
    /// answer: they are tested in another scene.
    pub(crate) calls: &'static [Call],
}

/// A call, and the outcome of an invocation in which it fails.
#[derive(Debug)]
pub(crate) struct Call {
    /// Its name, such as `sqs:SendMessageBatch`.
    pub(crate) name: &'static str,
    /// A text in the line of the log, or in the error, about it.
    says: &'static str,
    harmed: &'static [Expected],
    except: &'static [Exception],
    /// Whether the rest of the work is completed without the call, and not repeated.
    pub(crate) is_dispensable: bool,
}

/// Faults, and the outcome of an invocation with them; `None` is the outcome without a fault.
pub(crate) type Exception = (&'static [Fault], Option<&'static [Expected]>);

/// Faults without a trace, because an empty answer means that there is nothing, or that the call
/// succeeded. In JSON and CBOR, an error with the status 200 is an answer without the expected
/// members.
pub(crate) const EMPTY_IS_FINE: &[Exception] = &[(&[Fault::ErrorInOk, Fault::Partial], None)];

/// The same for XML, whose elements identify an answer.
pub(crate) const NOTHING_IS_FINE: &[Exception] = &[(&[Fault::Partial], None)];

/// A required result of an invocation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// It answered.
    Answers,
    /// It failed with this `errorType`.
    Error(&'static str),
    /// Its answer has this JSON value at this pointer.
    Answer(&'static str, &'static str),
    /// This metric is at least 1 in one of its lines.
    Counts(&'static str),
    /// This metric is 0 or missing in all lines.
    CountsNo(&'static str),
}

/// The clock of the deadline that the function receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Right,
    /// The deadline has passed.
    Past,
    /// The deadline is in ten years.
    FarAhead,
}

impl Call {
    pub(crate) const fn new(
        name: &'static str,
        says: &'static str,
        harmed: &'static [Expected],
    ) -> Self {
        Self { name, says, harmed, except: &[], is_dispensable: false }
    }

    /// The call with another outcome for some faults.
    pub(crate) const fn except(self, except: &'static [Exception]) -> Self {
        Self { except, ..self }
    }

    /// The call without which the rest of the work is completed: the next invocation does not
    /// repeat it.
    pub(crate) const fn dispensable(self) -> Self {
        Self { is_dispensable: true, ..self }
    }

    /// The outcome of the invocation with a fault; `None` if the fault does no harm.
    pub(crate) fn harmed_by(&self, fault: Fault) -> Option<&'static [Expected]> {
        if fault == Fault::Slow {
            return None;
        }
        self.exception(fault).map_or(Some(self.harmed), |(_, expected)| *expected)
    }

    fn exception(&self, fault: Fault) -> Option<&Exception> {
        self.except.iter().find(|(faults, _)| faults.contains(&fault))
    }

    /// Whether a fault has its own outcome.
    pub(crate) fn is_exception(&self, fault: Fault) -> bool {
        self.exception(fault).is_some()
    }

    /// Fails unless the log, or the error, says which call failed and how.
    pub(crate) fn check_log(&self, fault: Fault, observed: &Observed) -> Result<(), String> {
        let is_serious = |line: &&String| line.contains("\"WARN\"") || line.contains("\"ERROR\"");
        let mut lines: Vec<_> = observed.stderr.iter().filter(is_serious).cloned().collect();
        lines.extend(observed.answer.as_ref().err().map(ToString::to_string));
        if !lines.iter().any(|line| line.contains(self.says)) {
            return Err(format!("no line says {:?}: {lines:?}", self.says));
        }
        let codes =
            OF_CALLS.iter().find(|(own, _)| *own == fault).map_or(&[][..], |(_, codes)| codes);
        let is_said = |code: &&str| lines.iter().any(|line| line.contains(*code));
        if codes.is_empty() || codes.iter().chain(&LATE).any(is_said) {
            return Ok(());
        }
        Err(format!("no line has one of {codes:?}: {lines:?}"))
    }
}

impl Expected {
    pub(crate) fn is_met(self, observed: &Observed) -> bool {
        let values = |name: &str| {
            let lines = observed.metric_lines();
            lines.iter().filter_map(|line| line[name].as_f64()).collect::<Vec<_>>()
        };
        match self {
            Self::Answers => observed.answer.is_ok(),
            Self::Error(kind) => {
                observed.answer.as_ref().is_err_and(|error| error.error_type() == kind)
            }
            Self::Answer(pointer, value) => {
                observed.answer.is_ok() && {
                    let expected: serde_json::Value = serde_json::from_str(value).unwrap();
                    observed.json().pointer(pointer) == Some(&expected)
                }
            }
            Self::Counts(name) => values(name).iter().any(|value| *value >= 1.0),
            Self::CountsNo(name) => values(name).iter().all(|value| *value == 0.0),
        }
    }
}
