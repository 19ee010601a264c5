//! What an invocation asks for.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::error::Error;
use crate::fields::Fields;
use crate::filter::Filter;
use crate::queues::Queue;

/// The highest rate of a message move task (source: Amazon SQS API reference,
/// `StartMessageMoveTask`).
pub const MAX_NATIVE_RATE: u32 = 500;

/// An invocation's request. Without a `source` it is about the function's own queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The dead-letter queue.
    pub source: Option<Queue>,
    /// What is to be done.
    pub action: Action,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Moves messages.
    Redrive(Redrive),
    /// Looks at messages.
    Inspect {
        /// Those that are meant.
        filter: Filter,
        /// So many at most.
        max_messages: u64,
    },
    /// Lists move tasks.
    Status,
    /// Ends the running move task.
    Cancel,
}

impl Action {
    /// As the payload names it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Redrive(_) => "redrive",
            Self::Inspect { .. } => "inspect",
            Self::Status => "status",
            Self::Cancel => "cancel",
        }
    }
}

/// How messages are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By SQS itself.
    Native,
    /// One by one.
    Selective,
}

/// Which messages are moved, where to, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Redrive {
    /// Where to, if not to where each message came from.
    pub destination: Option<Queue>,
    /// Who moves them: `auto` is decided.
    pub mode: Mode,
    /// Which messages.
    pub filter: Filter,
    /// Nothing is moved, only told.
    pub dry_run: bool,
    /// So many matches at most.
    pub max_messages: u64,
    /// So many a second at most.
    pub rate_per_second: Option<u32>,
    /// A message that was redriven so often is not redriven again.
    pub max_redrives: Option<u64>,
    /// The first ones are tried before the others.
    pub canary: Option<Canary>,
}

/// The first messages, which must not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canary {
    /// How many.
    pub messages: u64,
    /// How long they have to come back.
    pub wait: Duration,
}

impl Request {
    /// Reads the payload; `endpoint` is where SQS is called, if not at its own.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], which names the field.
    pub fn parse(body: &[u8], endpoint: Option<&str>) -> Result<Self, Error> {
        let mut fields = Fields::of_payload(body)?;
        let allowed = "redrive, inspect, status or cancel";
        let action = fields.take("action", allowed, |value| match value.as_str()? {
            name @ ("redrive" | "inspect" | "status" | "cancel") => Some(name.to_owned()),
            _ => None,
        })?;
        let action =
            action.ok_or_else(|| fields.invalid("action", format!("must be {allowed}")))?;
        let source = queue(&mut fields, "source", endpoint)?;
        let action = match &*action {
            "redrive" => Action::Redrive(redrive(&mut fields, endpoint)?),
            "inspect" => Action::Inspect {
                filter: filter(&mut fields)?.unwrap_or_default(),
                max_messages: fields.number("maxMessages", 0, u64::MAX)?.unwrap_or(u64::MAX),
            },
            "status" => Action::Status,
            _ => Action::Cancel,
        };
        fields.end()?;
        Ok(Self { source, action })
    }

    /// The queue that this is about: `own` where none is named.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] where there is none, or where it is the destination too.
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

fn queue(fields: &mut Fields, name: &str, endpoint: Option<&str>) -> Result<Option<Queue>, Error> {
    fields.take(name, "the URL or the ARN of a queue", |value| {
        Queue::parse(value.as_str()?, endpoint)
    })
}

fn redrive(fields: &mut Fields, endpoint: Option<&str>) -> Result<Redrive, Error> {
    let destination = queue(fields, "destination", endpoint)?;
    let filter = filter(fields)?;
    let allowed = "native, selective or auto";
    let mode = fields.take("mode", allowed, |value| match value.as_str()? {
        "native" => Some(Some(Mode::Native)),
        "selective" => Some(Some(Mode::Selective)),
        "auto" => Some(None),
        _ => None,
    })?;
    let dry_run = fields.switch("dryRun")?.unwrap_or(false);
    let max_messages = fields.number("maxMessages", 0, u64::MAX)?;
    let rate = fields.number("ratePerSecond", 1, u64::from(u32::MAX))?;
    let rate_per_second = rate.and_then(|rate| u32::try_from(rate).ok());
    let max_redrives = fields.number("maxRedrives", 0, u64::MAX)?;
    let canary = canary(fields)?;
    let only_selective = [
        ("filter", filter.is_some()),
        ("dryRun", dry_run),
        ("maxMessages", max_messages.is_some()),
        ("maxRedrives", max_redrives.is_some()),
        ("canary", canary.is_some()),
    ];
    let only_selective = only_selective.iter().find_map(|(name, given)| given.then_some(*name));
    let is_too_fast = rate_per_second.is_some_and(|rate| rate > MAX_NATIVE_RATE);
    let mode = match (mode.flatten(), only_selective) {
        (Some(Mode::Native), Some(name)) => {
            return Err(fields.invalid(name, "cannot be had in the mode native"));
        }
        (Some(Mode::Native), None) if is_too_fast => {
            let reason = format!("must be at most {MAX_NATIVE_RATE} in the mode native");
            return Err(fields.invalid("ratePerSecond", reason));
        }
        (Some(mode), _) => mode,
        (None, None) if !is_too_fast => Mode::Native,
        (None, _) => Mode::Selective,
    };
    Ok(Redrive {
        destination,
        mode,
        filter: filter.unwrap_or_default(),
        dry_run,
        max_messages: max_messages.unwrap_or(u64::MAX),
        rate_per_second,
        max_redrives,
        canary,
    })
}

fn canary(fields: &mut Fields) -> Result<Option<Canary>, Error> {
    let Some(mut members) = fields.object("canary")? else { return Ok(None) };
    let required = |fields: &Fields, name, number: Option<u64>| {
        number.ok_or_else(|| fields.invalid(name, "must be a whole number"))
    };
    let messages = members.number("messages", 1, u64::MAX)?;
    let messages = required(&members, "messages", messages)?;
    let seconds = members.number("waitSeconds", 0, 900)?;
    let wait = Duration::from_secs(required(&members, "waitSeconds", seconds)?);
    members.end()?;
    Ok(Some(Canary { messages, wait }))
}

fn filter(fields: &mut Fields) -> Result<Option<Filter>, Error> {
    let Some(mut members) = fields.object("filter")? else { return Ok(None) };
    let pointers = "an object of JSON pointers, such as \"/event_type\", and values";
    let filter = Filter {
        reasons: members.texts("reason")?,
        attributes: attributes(&mut members)?,
        body: members.map("body", pointers, |pointer, value| {
            (pointer.is_empty() || pointer.starts_with('/')).then_some(value)
        })?,
        min_age_seconds: members.number("minAgeSeconds", 0, u64::MAX)?,
        max_age_seconds: members.number("maxAgeSeconds", 0, u64::MAX)?,
        source_arn: members.text("sourceArn")?,
        text: members.text("text")?,
    };
    if let (Some(min), Some(max)) = (filter.min_age_seconds, filter.max_age_seconds)
        && min > max
    {
        return Err(members.invalid("minAgeSeconds", "must not be more than maxAgeSeconds"));
    }
    members.end()?;
    Ok(Some(filter))
}

/// Names and values of attributes; SQS tells a number as a text too.
fn attributes(members: &mut Fields) -> Result<BTreeMap<String, String>, Error> {
    let allowed = "an object of attributes' names and values, texts or numbers";
    members.map("attribute", allowed, |_, value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
