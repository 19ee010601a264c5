//! The fields of an index template: which documents are rejected, as by the real server, and which
//! values can be found.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{Json, is_time};
use super::reply::Failure;

type Fields = BTreeMap<String, Field>;

/// The type of a field.
#[derive(Debug)]
enum Field {
    /// Any scalar; longer ones (in characters) are stored, but cannot be found.
    Keyword { ignore_above: usize },
    /// A number; with `ignore_malformed`, any scalar.
    Number { ignore_malformed: bool },
    /// A time.
    Date,
    /// Any object.
    FlatObject,
    /// Anything; it cannot be found, because `enabled` is false.
    Disabled,
    /// A group of fields.
    Group(Fields),
}

/// The fields of an index: those of its template; others are stored, but cannot be found. Without a
/// template, every object is accepted and every scalar can be found by its text, whereas the real
/// server derives a mapping from the first document.
#[derive(Debug, Default)]
pub(super) struct Mapping(Option<Fields>);

impl Mapping {
    pub(super) fn of_template(template: &Value) -> Self {
        Self(template.pointer("/template/mappings/properties").map(fields))
    }

    /// The values of a keyword field of a document that can be found. The field is given by its
    /// dotted path.
    pub(super) fn terms<'a>(&self, document: &'a Json, path: &str) -> Vec<&'a str> {
        let ignore_above = match &self.0 {
            None => usize::MAX,
            Some(fields) => match field(fields, path) {
                Some(Field::Keyword { ignore_above }) => *ignore_above,
                _ => return Vec::new(),
            },
        };
        let mut leaves = Vec::new();
        collect(document, path, &mut leaves);
        leaves.retain(|leaf| leaf.chars().count() <= ignore_above);
        leaves
    }

    pub(super) fn read(&self, line: &[u8]) -> Result<Json, Failure> {
        let unparsable = || Failure::mapper_parsing("failed to parse");
        let document = std::str::from_utf8(line).ok().and_then(Json::parse);
        let document = document.ok_or_else(unparsable)?;
        let Json::Object(members) = &document else { return Err(unparsable()) };
        for (key, value) in members {
            if let Some(field) = self.0.as_ref().and_then(|fields| fields.get(key)) {
                field.check(key, value)?;
            }
        }
        Ok(document)
    }
}

fn fields(properties: &Value) -> Fields {
    let members = properties.as_object().into_iter().flatten();
    members.map(|(name, definition)| (name.clone(), Field::new(definition))).collect()
}

fn field<'a>(fields: &'a Fields, path: &str) -> Option<&'a Field> {
    match path.split_once('.') {
        None => fields.get(path),
        Some((group, below)) => match fields.get(group)? {
            Field::Group(members) => field(members, below),
            _ => None,
        },
    }
}

fn collect<'a>(value: &'a Json, path: &str, leaves: &mut Vec<&'a str>) {
    match value {
        Json::Object(members) => {
            let (name, below) = path.split_once('.').unwrap_or((path, ""));
            let members = members.iter().filter(|(key, _)| key == name);
            members.for_each(|(_, value)| collect(value, below, leaves));
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, path, leaves)),
        leaf if path.is_empty() => leaves.extend(leaf.scalar()),
        _ => {}
    }
}

impl Field {
    fn new(definition: &Value) -> Self {
        let flag = |name: &str| definition[name].as_bool();
        match definition["type"].as_str().unwrap_or("object") {
            "object" if flag("enabled") == Some(false) => Self::Disabled,
            "object" => Self::Group(fields(&definition["properties"])),
            "flat_object" => Self::FlatObject,
            "date" | "date_nanos" => Self::Date,
            "byte" | "short" | "integer" | "long" | "float" | "double" => {
                Self::Number { ignore_malformed: flag("ignore_malformed").unwrap_or_default() }
            }
            // Every other type is treated as text.
            _ => {
                let limit = definition["ignore_above"].as_u64();
                let ignore_above = limit.and_then(|limit| usize::try_from(limit).ok());
                Self::Keyword { ignore_above: ignore_above.unwrap_or(usize::MAX) }
            }
        }
    }

    fn check(&self, path: &str, value: &Json) -> Result<(), Failure> {
        let fits = match (self, value) {
            (Self::Disabled, _) | (_, Json::Null) | (Self::FlatObject, Json::Object(_)) => true,
            (_, Json::Array(items)) => {
                return items.iter().try_for_each(|item| self.check(path, item));
            }
            (Self::Group(fields), Json::Object(members)) => {
                return members.iter().try_for_each(|(key, value)| {
                    let field = fields.get(key);
                    field.map_or(Ok(()), |field| field.check(&format!("{path}.{key}"), value))
                });
            }
            (Self::Date, Json::Text(text)) => is_time(text),
            (Self::Number { ignore_malformed: false }, value) => {
                value.scalar().is_some_and(is_number)
            }
            (Self::Number { .. } | Self::Keyword { .. }, value) => value.scalar().is_some(),
            (Self::FlatObject | Self::Group(_) | Self::Date, _) => false,
        };
        if fits {
            return Ok(());
        }
        Err(Failure::mapper_parsing(&format!("failed to parse field [{path}]")))
    }
}

fn is_number(text: &str) -> bool {
    text.trim().parse().is_ok_and(|number: f64| number.is_finite())
}
