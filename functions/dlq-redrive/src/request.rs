//! The request of an invocation.

use std::num::{NonZeroU32, NonZeroU64};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::filter::Filter;
use crate::queue::Queue;

/// Maximum rate of a message move task (source: Amazon SQS API reference, `StartMessageMoveTask`).
pub const MAX_NATIVE_RATE: u32 = 500;

/// Maximum of `canary.waitSeconds`.
const MAX_CANARY_SECONDS: u64 = 900;

/// The default of `canary.waitSeconds`.
const CANARY_SECONDS: u64 = 60;

/// Maximum length of an error's text, in characters: it can quote the payload.
const MAX_REASON_CHARACTERS: usize = 256;

/// An invocation's request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The dead-letter queue, if not that of `DLQ_URL`.
    pub source: Option<Queue>,
    /// The action.
    pub action: Action,
}

/// The action of an invocation.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Moves messages.
    Redrive(Redrive),
    /// Examines messages.
    Inspect {
        /// Selects the messages.
        filter: Filter,
        /// Maximum number of matches.
        max_messages: u64,
    },
    /// Lists move tasks.
    Status,
    /// Cancels the running move task.
    Cancel,
}

/// The way in which messages are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By SQS itself.
    Native,
    /// One by one.
    Selective,
}

/// Which messages are moved, where to, and how.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the README describes them")]
pub struct Redrive {
    pub destination: Option<Queue>,
    /// Who moves them; `auto` is already resolved.
    pub mode: Mode,
    pub filter: Filter,
    pub dry_run: bool,
    pub max_messages: u64,
    pub rate_per_second: Option<u32>,
    pub max_redrives: Option<u64>,
    pub canary: Option<Canary>,
}

/// The first messages, which must not return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Canary {
    /// Number of messages.
    pub messages: NonZeroU64,
    /// How long to wait for them to return, in seconds.
    #[serde(default = "canary_seconds")]
    pub wait_seconds: u64,
}

const fn canary_seconds() -> u64 {
    CANARY_SECONDS
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ActionName {
    Redrive,
    Inspect,
    Status,
    Cancel,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RedriveMembers {
    source: Option<String>,
    destination: Option<String>,
    mode: Option<ModeName>,
    filter: Option<Filter>,
    dry_run: Option<bool>,
    max_messages: Option<u64>,
    rate_per_second: Option<NonZeroU32>,
    max_redrives: Option<u64>,
    canary: Option<Canary>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ModeName {
    #[default]
    Auto,
    Native,
    Selective,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct InspectMembers {
    source: Option<String>,
    filter: Option<Filter>,
    max_messages: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskMembers {
    source: Option<String>,
}

impl Request {
    /// Reads the payload; `endpoint` overrides the endpoint of SQS.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], which names the field.
    pub fn parse(body: &[u8], endpoint: Option<&str>) -> Result<Self, Error> {
        let mut payload: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
            // Without the error's text, which can quote anything.
            Error::invalid("payload", format!("is not a JSON object at line {}", error.line()))
        })?;
        let action = payload.remove("action").unwrap_or_default();
        let action = ActionName::deserialize(action)
            .map_err(|_| Error::invalid("action", "must be redrive, inspect, status or cancel"))?;
        let (source, action) = match action {
            ActionName::Redrive => {
                let mut redrive: RedriveMembers = members(payload)?;
                (redrive.source.take(), Action::Redrive(redrive.read(endpoint)?))
            }
            ActionName::Inspect => {
                let InspectMembers { source, filter, max_messages } = members(payload)?;
                let filter = checked(filter)?.unwrap_or_default();
                let max_messages = max_messages.unwrap_or(u64::MAX);
                (source, Action::Inspect { filter, max_messages })
            }
            ActionName::Status => (members::<TaskMembers>(payload)?.source, Action::Status),
            ActionName::Cancel => (members::<TaskMembers>(payload)?.source, Action::Cancel),
        };
        Ok(Self { source: queue("source", source, endpoint)?, action })
    }

    /// The source: `own` if the request does not name one.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if neither is known, or if it is also the destination.
    pub fn source(&self, own: Option<&Queue>) -> Result<Queue, Error> {
        let source = self.source.as_ref().or(own).ok_or_else(|| {
            Error::invalid("source", "must be the URL or the ARN of a queue: DLQ_URL is not set")
        })?;
        if let Action::Redrive(Redrive { destination: Some(destination), .. }) = &self.action
            && destination.is(source)
        {
            return Err(Error::invalid("destination", "must not be the source"));
        }
        Ok(source.clone())
    }
}

impl RedriveMembers {
    fn read(self, endpoint: Option<&str>) -> Result<Redrive, Error> {
        let destination = queue("destination", self.destination, endpoint)?;
        let filter = checked(self.filter)?;
        let dry_run = self.dry_run.unwrap_or_default();
        let rate_per_second = self.rate_per_second.map(NonZeroU32::get);
        let canary = self.canary;
        if canary.is_some_and(|canary| canary.wait_seconds > MAX_CANARY_SECONDS) {
            let reason = format!("must be at most {MAX_CANARY_SECONDS}");
            return Err(Error::invalid("canary.waitSeconds", reason));
        }
        let selective = [
            ("filter", filter.is_some()),
            ("dryRun", dry_run),
            ("maxMessages", self.max_messages.is_some()),
            ("maxRedrives", self.max_redrives.is_some()),
            ("canary", canary.is_some()),
        ];
        let only_selective = selective.iter().find_map(|(name, given)| given.then_some(*name));
        let is_too_fast = rate_per_second.is_some_and(|rate| rate > MAX_NATIVE_RATE);
        let mode = match (self.mode.unwrap_or_default(), only_selective) {
            (ModeName::Native, Some(name)) => {
                return Err(Error::invalid(name, "is not available in the mode native"));
            }
            (ModeName::Native, None) if is_too_fast => {
                let reason = format!("must be at most {MAX_NATIVE_RATE} in the mode native");
                return Err(Error::invalid("ratePerSecond", reason));
            }
            (ModeName::Native, None) => Mode::Native,
            (ModeName::Auto, None) if !is_too_fast => Mode::Native,
            (ModeName::Auto | ModeName::Selective, _) => Mode::Selective,
        };
        Ok(Redrive {
            destination,
            mode,
            filter: filter.unwrap_or_default(),
            dry_run,
            max_messages: self.max_messages.unwrap_or(u64::MAX),
            rate_per_second,
            max_redrives: self.max_redrives,
            canary,
        })
    }
}

fn members<T: DeserializeOwned>(object: impl Into<Value>) -> Result<T, Error> {
    serde_path_to_error::deserialize(object.into()).map_err(|error| {
        let cut = |text: String| text.chars().take(MAX_REASON_CHARACTERS).collect::<String>();
        Error::invalid(cut(error.path().to_string()), cut(error.inner().to_string()))
    })
}

fn checked(filter: Option<Filter>) -> Result<Option<Filter>, Error> {
    filter.as_ref().map_or(Ok(()), Filter::check)?;
    Ok(filter)
}

fn queue(
    field: &str,
    name: Option<String>,
    endpoint: Option<&str>,
) -> Result<Option<Queue>, Error> {
    let parse = |name: String| {
        let queue = Queue::parse(&name, endpoint);
        queue.ok_or_else(|| Error::invalid(field, "must be the URL or the ARN of a queue"))
    };
    name.map(parse).transpose()
}

#[cfg(test)]
mod tests;
