//! Reading the members of a JSON object, with errors that name the field.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::Error;

/// The members of an object that nobody has read yet. A member that is `null` is not given.
#[derive(Debug)]
pub(crate) struct Fields {
    /// What stands before the names, such as `filter.`.
    prefix: String,
    members: Map<String, Value>,
}

impl Fields {
    /// The members of the payload.
    pub(crate) fn of_payload(body: &[u8]) -> Result<Self, Error> {
        let invalid = |reason: String| Error::invalid("payload", reason);
        let value = serde_json::from_slice(body)
            // The place, and not the text, which is anything.
            .map_err(|error| invalid(format!("is no JSON at line {}", error.line())))?;
        match value {
            Value::Object(members) => Ok(Self { prefix: String::new(), members }),
            _ => Err(invalid("must be a JSON object".to_owned())),
        }
    }

    /// The name of a field from the payload on.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What is wrong with a field.
    pub(crate) fn invalid(&self, name: &str, reason: impl Into<String>) -> Error {
        Error::invalid(self.name(name), reason)
    }

    /// Reads a field, of which `read` takes what is `allowed`.
    pub(crate) fn take<T>(
        &mut self,
        name: &str,
        allowed: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(value) => Ok(Some(value)),
                None => Err(self.invalid(name, format!("must be {allowed}"))),
            },
        }
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn number(&mut self, name: &str, min: u64, max: u64) -> Result<Option<u64>, Error> {
        let allowed = if max == u64::MAX {
            format!("a whole number from {min}")
        } else {
            format!("a whole number from {min} to {max}")
        };
        let read = |value: Value| value.as_u64().filter(|number| (min..=max).contains(number));
        self.take(name, &allowed, read)
    }

    /// A text that is not empty.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Error> {
        self.take(name, "a text that is not empty", text)
    }

    /// A list of texts that is not empty.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Error> {
        self.take(name, "a list of texts that is not empty", |value| {
            let Value::Array(values) = value else { return None };
            let texts: Vec<_> = values.into_iter().map(text).collect::<Option<_>>()?;
            (!texts.is_empty()).then_some(texts)
        })
    }

    /// `true` or `false`.
    pub(crate) fn switch(&mut self, name: &str) -> Result<Option<bool>, Error> {
        self.take(name, "true or false", |value| value.as_bool())
    }

    /// An object, of whose members `read` takes what is `allowed`.
    pub(crate) fn map<T>(
        &mut self,
        name: &str,
        allowed: &str,
        read: impl Fn(&str, Value) -> Option<T>,
    ) -> Result<BTreeMap<String, T>, Error> {
        let members = self.take(name, allowed, |value| {
            let Value::Object(members) = value else { return None };
            let read = |(name, value): (String, Value)| Some((read(&name, value)?, name));
            members.into_iter().map(read).collect::<Option<Vec<_>>>()
        })?;
        let members = members.unwrap_or_default();
        Ok(members.into_iter().map(|(value, name)| (name, value)).collect())
    }

    /// The members of an object.
    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Self>, Error> {
        let prefix = format!("{}.", self.name(name));
        let members = self.take(name, "an object", |value| match value {
            Value::Object(members) => Some(members),
            _ => None,
        })?;
        Ok(members.map(|members| Self { prefix, members }))
    }

    /// Ends the reading: there is nothing else.
    pub(crate) fn end(self) -> Result<(), Error> {
        match self.members.keys().next() {
            // It is as long as its sender wants.
            Some(name) => {
                let shown: String = name.chars().take(100).collect();
                Err(self.invalid(&shown, "there is no such field"))
            }
            None => Ok(()),
        }
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}
