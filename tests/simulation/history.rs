//! A history: all that happens from outside and all that goes wrong, as a plain value. Whatever
//! is taken out of one, the rest is a history too: that is how a failing one gets smaller.

use std::fmt;

use crate::message::Message;

/// How everything is set up, and what happens.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) setup: Setup,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Whether the queues are FIFO queues.
    pub(crate) fifo: bool,
    /// Whether there is a quarantine.
    pub(crate) quarantine: bool,
    /// Whether each day has an index of its own.
    pub(crate) daily: bool,
    /// `maxReceiveCount`
    pub(crate) max_receives: u32,
    /// The visibility timeout. A short one expires while the function works.
    pub(crate) visibility_seconds: u32,
    /// `BULK_MAX_DOCS`
    pub(crate) bulk_documents: usize,
    /// OpenSearch answers 413 to more documents.
    pub(crate) takes_documents: usize,
}

/// Something that starts so long after the start of the step before, over or not.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) after_ms: u64,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// A producer sends a message.
    Send(Message),
    /// A producer sends an earlier message again: this one, counted round and round.
    SendAgain(u8),
    /// The event source mapping hands a batch of at most so many messages to `sqs-consumer`.
    Consume(u8, Plan),
    /// `dlq-redrive` is invoked.
    Redrive(Redrive, Plan),
    /// OpenSearch answers everything like this from now on, or is well again.
    OpenSearch(Option<Failing>),
}

/// What goes wrong with one process: an invocation and what invokes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) faults: Vec<Fault>,
    /// It ends at this await, counted from 0: each call has one before it takes effect, and one
    /// after it.
    pub(crate) crash: Option<u8>,
    /// In which order a standard queue gives its messages; 0 is the order of their arrival.
    pub(crate) shuffle: u8,
}

/// What an operator asks `dlq-redrive` for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Redrive {
    pub(crate) from: Place,
    /// By SQS itself: nothing below, then.
    pub(crate) native: bool,
    /// Only events whose number starts with this digit.
    pub(crate) only: Option<u8>,
    pub(crate) max_messages: Option<u8>,
    pub(crate) rate_per_second: Option<u8>,
    pub(crate) max_redrives: Option<u8>,
    /// Messages, and how long they have to come back.
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

/// Something wrong with the nth call of a kind, counted from 0. Where nothing of a call can be
/// wrong in this way, nothing is.
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
    /// Sets visibility timeouts.
    Hide,
    Attributes,
    Move,
    Health,
}

/// What is wrong with a call. A service may tell that something failed that it did, or not tell
/// of it; it never tells that it did what it did not: that no function can survive.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// It takes so long, and then is done: if somebody still waits.
    Slow { seconds: u16 },
    /// No answer comes, ever.
    Silent { done: bool },
    /// It fails as a whole.
    Fails { done: bool, how: Failing },
    /// The code that calls has a defect.
    Panics,
    /// What stands in the answer for the entry, document or message at this place, counted round
    /// and round.
    Entry { place: u8, done: bool, told: Told },
    /// A deleted message of a standard queue comes again.
    ComesBack { place: u8 },
    /// A standard queue also gives so many messages that others have in their hands.
    Again { messages: u8 },
    /// The entries of the answer are in another order.
    Reversed,
    /// The answer tells of entries that were not asked for.
    More,
}

/// How OpenSearch fails as a whole; SQS fails in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failing {
    /// This status, with JSON.
    Status(u16),
    /// This status, with a page of HTML.
    Page(u16),
    /// Half an answer, as if it were whole.
    Cut,
    /// Half an answer, and the connection breaks.
    Breaks,
    /// No connection.
    Unreachable,
}

/// What an answer says of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// That it failed, in OpenSearch with this status.
    Failed(u16),
    /// Nothing, in one of several ways.
    Nothing(u8),
    /// That it succeeded, and that it failed.
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
            Self::Consume(most, plan) => write!(out, "sqs-consumer gets {most} messages{plan}"),
            Self::Redrive(redrive, plan) => write!(out, "dlq-redrive: {redrive:?}{plan}"),
            Self::OpenSearch(Some(failing)) => write!(out, "OpenSearch is down: {failing:?}"),
            Self::OpenSearch(None) => write!(out, "OpenSearch is well"),
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
    /// This history without one thing: a step, a fault, an end, or an event.
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

    /// What goes wrong, where there is a process.
    pub(crate) const fn plan(&mut self) -> Option<&mut Plan> {
        match self {
            Self::Consume(_, plan) | Self::Redrive(_, plan) => Some(plan),
            Self::Send(_) | Self::SendAgain(_) | Self::OpenSearch(_) => None,
        }
    }
}

impl What {
    /// What is counted where it happens.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Slow { .. } => "slow",
            Self::Silent { done: false } => "silent",
            Self::Silent { done: true } => "done, and silent",
            Self::Fails { done: false, .. } => "failed",
            Self::Fails { done: true, .. } => "done, and told as failed",
            Self::Panics => "panicked",
            Self::Entry { done: false, .. } => "entry failed",
            Self::Entry { done: true, .. } => "entry done, and told as failed",
            Self::ComesBack { .. } => "to come back",
            Self::Again { .. } => "given again",
            Self::Reversed => "reversed",
            Self::More => "more than asked for",
        }
    }
}
