//! The machines that are stopped and started.

use jiff::Timestamp;
use shared::aws::query::{Element, Listed, QueryError};

/// An instance, database or cluster with the tag of the schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) kind: Kind,
    /// The id or name in AWS.
    pub(crate) id: String,
    /// The tag `Name`.
    pub(crate) name: Option<String>,
    /// The value of the tag of the schedule.
    pub(crate) schedule: String,
    /// The value of the tag of the override.
    pub(crate) exception: Option<String>,
    pub(crate) state: State,
    /// When it was last started; for a database, when it was created.
    pub(crate) started: Option<Timestamp>,
    pub(crate) stop: Stop,
    /// Why it cannot be parked, regardless of its tags.
    pub(crate) problem: Option<String>,
}

/// The machines that could be read, and why some are missing.
pub(crate) type Machines = (Vec<Machine>, Option<QueryError>);

/// The machines in a list. If `read` returns nothing for an item, the list is incomplete.
pub(crate) fn machines(listed: Listed, read: impl Fn(&Element) -> Option<Machine>) -> Machines {
    let machines: Vec<_> = listed.items.iter().filter_map(read).collect();
    let odd = (machines.len() < listed.items.len())
        .then(|| QueryError::invalid("an item of the list lacks its id or its state"));
    (machines, listed.failure.or(odd))
}

/// The kind of a machine, in the order in which machines are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Cluster,
    Database,
    Instance,
}

/// The state of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// For a database: available.
    Running,
    Stopping,
    Stopped,
    /// It is changing, or broken.
    Other,
}

/// Who stopped a machine last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Unknown.
    Unknown,
    /// A person or this function, at this time.
    ByRequest(Timestamp),
    /// EC2 itself, with its message.
    ByItself(String),
}

impl Stop {
    /// EC2's message that it did not stay up.
    pub(crate) fn failure(&self) -> Option<String> {
        match self {
            Self::ByItself(message) => Some(message.clone()),
            Self::Unknown | Self::ByRequest(_) => None,
        }
    }
}

impl Machine {
    /// Its name, else its id.
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}
