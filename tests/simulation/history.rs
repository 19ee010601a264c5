//! A history: all external actions and faults, as a plain value. Without any of them, the rest is a
//! history too: this is how a failing history is made smaller.

use std::fmt;

use crate::message::Message;

/// The setup and the steps.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) setup: Setup,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) fifo: bool,
    pub(crate) quarantine: bool,
    /// Whether each day has its own index.
    pub(crate) daily: bool,
    /// `maxReceiveCount`
    pub(crate) max_receives: u32,
    pub(crate) visibility_seconds: u32,
    /// `BULK_MAX_DOCS`
    pub(crate) bulk_documents: usize,
    /// OpenSearch answers 413 to more documents.
    pub(crate) takes_documents: usize,
}

/// An action that starts this time after the start of the previous step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) after_ms: u64,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Send(Message),
    /// A producer sends an earlier message again: the index, modulo their number.
    SendAgain(u8),
    /// The event source mapping passes at most this number of messages to `sqs-consumer`.
    Consume(u8, Plan),
    /// `dlq-redrive` is invoked.
    Redrive(Redrive, Plan),
    /// OpenSearch fails like this from now on, or is healthy again.
    OpenSearch(Option<Failing>),
}

/// The faults of one process: an invocation with its invoker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) faults: Vec<Fault>,
    /// It ends at this await, from 0: each call has one before its effect, and one after.
    pub(crate) crash: Option<u8>,
    /// Seed of the order in which a standard queue returns messages; 0 is the order of arrival.
    pub(crate) shuffle: u8,
}

/// A request of an operator to `dlq-redrive`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Redrive {
    pub(crate) from: Place,
    /// By SQS itself: then without the members below.
    pub(crate) native: bool,
    /// Only events whose number starts with this digit.
    pub(crate) only: Option<u8>,
    pub(crate) max_messages: Option<u8>,
    pub(crate) rate_per_second: Option<u8>,
    pub(crate) max_redrives: Option<u8>,
    /// Number of messages, and the wait in seconds.
    pub(crate) canary: Option<(u8, u8)>,
    pub(crate) dry_run: bool,
}

/// A queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Main,
    #[default]
    Dlq,
    Quarantine,
    Parking,
}

/// A fault of the nth call of a kind, from 0. It has no effect on calls that cannot fail like this.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) call: Call,
    pub(crate) nth: u8,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Receive,
    Bulk,
    Send,
    Delete,
    Hide,
    Attributes,
    Move,
    Health,
}

/// The fault of a call. A service can report that something failed that it did, or not report it;
/// it never reports that it did something that it did not do: no function could handle that.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// It takes this long, and is done if the caller still waits.
    Slow {
        seconds: u16,
    },
    /// It never responds.
    Silent {
        done: bool,
    },
    /// It fails as a whole.
    Fails {
        done: bool,
        how: Failing,
    },
    Panics,
    /// The response has this for the entry, document or message at this index, modulo their number.
    Entry {
        place: u8,
        done: bool,
        reported: Reported,
    },
    /// A standard queue redelivers a deleted message.
    ComesBack {
        place: u8,
    },
    /// A standard queue also returns this number of messages that are in flight.
    Again {
        messages: u8,
    },
    /// The entries of the response are in another order.
    Reversed,
    /// The response has entries that were not requested.
    More,
}

/// How OpenSearch fails as a whole; SQS fails in only one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failing {
    Status(u16),
    Page(u16),
    /// Half a response, as if it were complete.
    Cut,
    Breaks,
    Unreachable,
}

/// What a response reports of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reported {
    Failed(u16),
    Nothing(u8),
    Both,
}

impl fmt::Display for History {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:?}", self.setup)?;
        for (number, Step { after_ms, action }) in self.steps.iter().enumerate() {
            writeln!(out, "  {number}. after {after_ms} ms: {action}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(message) => write!(out, "{message:?} is sent"),
            Self::SendAgain(which) => write!(out, "message {which} is sent again"),
            Self::Consume(most, plan) => {
                write!(out, "sqs-consumer gets at most {most} messages{plan}")
            }
            Self::Redrive(redrive, plan) => write!(out, "dlq-redrive: {redrive:?}{plan}"),
            Self::OpenSearch(Some(failing)) => write!(out, "OpenSearch is down: {failing:?}"),
            Self::OpenSearch(None) => write!(out, "OpenSearch is healthy"),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { faults, crash, shuffle } = self;
        for Fault { call, nth, what } in faults {
            write!(out, "; {call:?} {nth}: {what:?}")?;
        }
        if let Some(await_number) = crash {
            write!(out, "; ends at await {await_number}")?;
        }
        if *shuffle > 0 {
            write!(out, "; order {shuffle}")?;
        }
        Ok(())
    }
}

impl History {
    /// The histories without one of the steps, faults, crashes and events.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            let mut steps = self.steps.clone();
            steps.remove(at);
            all.push(Self { steps, ..*self });
            for action in step.action.smaller() {
                let mut steps = self.steps.clone();
                steps[at].action = action;
                all.push(Self { steps, ..*self });
            }
        }
        all
    }
}

impl Plan {
    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for fault in 0..self.faults.len() {
            let mut plan = self.clone();
            plan.faults.remove(fault);
            all.push(plan);
        }
        if self.crash.is_some() {
            all.push(Self { crash: None, ..self.clone() });
        }
        all
    }
}

impl Action {
    fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Send(message) => {
                let without = |event| {
                    let mut message = message.clone();
                    message.events.remove(event);
                    Self::Send(message)
                };
                (1..message.events.len()).map(without).collect()
            }
            Self::Consume(most, plan) => {
                plan.smaller().into_iter().map(|plan| Self::Consume(*most, plan)).collect()
            }
            Self::Redrive(order, plan) => {
                plan.smaller().into_iter().map(|plan| Self::Redrive(*order, plan)).collect()
            }
            Self::SendAgain(_) | Self::OpenSearch(_) => Vec::new(),
        }
    }

    /// The plan of the process, if the action has one.
    pub(crate) const fn plan(&mut self) -> Option<&mut Plan> {
        match self {
            Self::Consume(_, plan) | Self::Redrive(_, plan) => Some(plan),
            Self::Send(_) | Self::SendAgain(_) | Self::OpenSearch(_) => None,
        }
    }
}

impl What {
    /// Whether a call fails as a whole: whether it is done, and how it fails.
    pub(crate) fn failure(troubles: &[Self]) -> Option<(bool, Failing)> {
        troubles.iter().find_map(|what| match what {
            Self::Fails { done, how } => Some((*done, *how)),
            _ => None,
        })
    }

    /// The fault of the entry at an index of `count`: whether it is done, and what is reported.
    pub(crate) fn of_entry(troubles: &[Self], at: usize, count: usize) -> Option<(bool, Reported)> {
        troubles.iter().find_map(|what| match what {
            Self::Entry { place, done, reported } if usize::from(*place) % count == at => {
                Some((*done, *reported))
            }
            _ => None,
        })
    }

    /// The name under which it is counted.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Slow { .. } => "slow",
            Self::Silent { done: false } => "silent",
            Self::Silent { done: true } => "done, and silent",
            Self::Fails { done: false, .. } => "failed",
            Self::Fails { done: true, .. } => "done, and reported as failed",
            Self::Panics => "panicked",
            Self::Entry { done: false, .. } => "entry failed",
            Self::Entry { done: true, .. } => "entry done, and reported as failed",
            Self::ComesBack { .. } => "to come back",
            Self::Again { .. } => "received again",
            Self::Reversed => "reversed",
            Self::More => "more than asked for",
        }
    }
}
