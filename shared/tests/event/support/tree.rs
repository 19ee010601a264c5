//! JSON as a tree that keeps each string, number and literal as written, parsed by `serde_json`, to
//! check the fast scanner against.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// A string, number or literal, as written.
    Leaf(String),
    Array(Vec<Tree>),
    /// Unescaped keys, in order.
    Object(Vec<(String, Tree)>),
}

/// How to treat a key that an object already has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duplicates {
    LastWins,
    Refused,
}

impl Tree {
    /// Parses `text`, including surrounding white space; `None` if it is not JSON.
    pub(crate) fn parse(text: &str, duplicates: Duplicates) -> Option<Self> {
        let text = serde_json::from_str::<&RawValue>(text).ok()?.get();
        match text.as_bytes()[0] {
            b'{' => {
                let mut members: Vec<(String, Self)> = Vec::new();
                for (key, value) in serde_json::from_str::<Members<'_>>(text).ok()?.0 {
                    let value = Self::parse(value.get(), duplicates)?;
                    let count = members.len();
                    members.retain(|(known, _)| *known != key);
                    if members.len() < count && duplicates == Duplicates::Refused {
                        return None;
                    }
                    members.push((key, value));
                }
                Some(Self::Object(members))
            }
            b'[' => {
                let values = serde_json::from_str::<Vec<&RawValue>>(text).ok()?;
                let values = values.iter().map(|value| Self::parse(value.get(), duplicates));
                values.collect::<Option<_>>().map(Self::Array)
            }
            // A string with invalid escapes is only detected by decoding it.
            b'"' if serde_json::from_str::<String>(text).is_err() => None,
            _ => Some(Self::Leaf(text.to_owned())),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.members()?.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    pub(crate) fn members(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Length of the longest dotted path, in bytes, if there are keys at all.
    pub(crate) fn longest_path(&self) -> Option<usize> {
        match self {
            Self::Leaf(_) => None,
            Self::Array(values) => values.iter().filter_map(Self::longest_path).max(),
            Self::Object(members) => members
                .iter()
                .map(|(key, value)| key.len() + value.longest_path().map_or(0, |inside| 1 + inside))
                .max(),
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(text) => out.write_str(text),
            Self::Array(values) => {
                let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                write!(out, "[{}]", values.join(","))
            }
            Self::Object(members) => {
                let member =
                    |(key, value): &(String, Self)| format!("{}:{value}", serde_json::json!(key));
                let members: Vec<_> = members.iter().map(member).collect();
                write!(out, "{{{}}}", members.join(","))
            }
        }
    }
}

/// The members of an object, in order, with duplicate keys.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Members<'de> {
    type Value = Self;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(member) = map.next_entry()? {
            self.0.push(member);
        }
        Ok(self)
    }
}
