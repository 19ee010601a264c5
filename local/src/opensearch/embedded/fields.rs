//! What an index template says of fields: which documents are refused, as the real server refuses
//! them, and what is found.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{Json, nanoseconds};
use super::reply::Failure;

/// Maximum nested arrays of a mapped field (`index.mapping.depth.limit`).
const MAX_ARRAYS: usize = 20;

/// Maximum bytes of a term of Lucene.
const MAX_TERM_BYTES: usize = 32_766;

/// Names that a document may not use at its top.
const METADATA: [&str; 6] = ["_id", "_index", "_source", "_routing", "_field_names", "_ignored"];

/// What a field takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Any scalar; longer ones (in characters) are kept, but not found.
    Keyword { ignore_above: usize },
    /// A number; with `ignore_malformed` any scalar.
    Number { ignore_malformed: bool },
    /// A time.
    Date,
    /// Any object, its leaves as text.
    FlatObject,
    /// Anything, and never found: `enabled` is false.
    Disabled,
    /// A group of fields.
    Group(BTreeMap<String, Field>),
}

/// The fields of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    /// No template matches the index: every object is taken, every scalar is found by its text.
    /// The real server makes up a mapping from the first document instead.
    Dynamic,
    /// The template's fields; others are kept, but not found.
    Fixed(BTreeMap<String, Field>),
}

/// A field's value as it can be compared.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(super) enum Term {
    Text(String),
    Number(f64),
    /// Nanoseconds since 1970.
    Time(i64),
}

impl Mapping {
    /// The mapping of an index template's body.
    pub(super) fn of_template(template: &Value) -> Self {
        match template.pointer("/template/mappings/properties") {
            Some(properties) => Self::Fixed(fields(properties)),
            None => Self::Dynamic,
        }
    }

    /// The field of a dotted path.
    fn field(&self, path: &str) -> Option<&Field> {
        let Self::Fixed(fields) = self else { return None };
        let mut fields = fields;
        let mut rest = path;
        loop {
            let (name, below) = match rest.split_once('.') {
                Some((name, below)) => (name, Some(below)),
                None => (rest, None),
            };
            match (fields.get(name)?, below) {
                (Field::Group(members), Some(below)) => (fields, rest) = (members, below),
                (Field::FlatObject, _) => return Some(&Field::FlatObject),
                (_, Some(_)) => return None,
                (field, None) => return Some(field),
            }
        }
    }

    /// The values of a field of a document that can be found.
    pub(super) fn terms(&self, document: &Json, path: &str) -> Vec<Term> {
        let mut leaves = Vec::new();
        collect(document, path, &mut leaves);
        match self.field(path) {
            Some(field) => leaves.iter().filter_map(|leaf| field.term(leaf)).collect(),
            None if *self == Self::Dynamic => {
                leaves.into_iter().map(|leaf| Term::Text(leaf.to_owned())).collect()
            }
            None => Vec::new(),
        }
    }

    /// A query's value as a term of the field that it is compared with.
    pub(super) fn wanted(&self, path: &str, value: &Value) -> Option<Term> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.field(path).map_or(Some(Term::Text(text.clone())), |field| field.term(&text))
    }

    /// Reads a document's line and checks it.
    pub(super) fn read(&self, line: &[u8]) -> Result<Json, Failure> {
        if line.is_empty() {
            return Err(Failure::mapper_parsing("failed to parse, document is empty"));
        }
        let document = std::str::from_utf8(line).ok().and_then(Json::parse);
        let Some(Json::Object(members)) = &document else { return Err(unparsable()) };
        for (key, value) in members {
            if METADATA.contains(&key.as_str()) {
                return Err(refused(key, key));
            }
            match self {
                Self::Fixed(fields) => check_member(fields, key, key, value)?,
                Self::Dynamic => drop(path_segments(key)?),
            }
        }
        document.ok_or_else(unparsable)
    }
}

fn fields(properties: &Value) -> BTreeMap<String, Field> {
    let members = properties.as_object().into_iter().flatten();
    members.map(|(name, definition)| (name.clone(), Field::new(definition))).collect()
}

/// The scalars at a dotted path; a key may itself have dots.
fn collect<'a>(value: &'a Json, path: &str, leaves: &mut Vec<&'a str>) {
    match value {
        Json::Object(members) => {
            for (key, value) in members {
                if key == path {
                    scalars(value, leaves);
                } else if let Some(rest) =
                    path.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('.'))
                {
                    collect(value, rest, leaves);
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, path, leaves)),
        _ => {}
    }
}

fn scalars<'a>(value: &'a Json, leaves: &mut Vec<&'a str>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| scalars(item, leaves)),
        value => leaves.extend(value.scalar()),
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
            // Every other type is taken for text.
            _ => {
                let limit = definition["ignore_above"].as_u64();
                let ignore_above = limit.and_then(|limit| usize::try_from(limit).ok());
                Self::Keyword { ignore_above: ignore_above.unwrap_or(usize::MAX) }
            }
        }
    }

    fn term(&self, leaf: &str) -> Option<Term> {
        match self {
            Self::Keyword { ignore_above } if leaf.chars().count() > *ignore_above => None,
            Self::Keyword { .. } | Self::FlatObject => Some(Term::Text(leaf.to_owned())),
            Self::Number { .. } => number(leaf).map(Term::Number),
            Self::Date => nanoseconds(leaf).map(Term::Time),
            Self::Disabled | Self::Group(_) => None,
        }
    }

    fn check(&self, path: &str, value: &Json, arrays: usize) -> Result<(), Failure> {
        let unfit = |kind| Err(refused(path, kind));
        match (self, value) {
            (Self::Disabled, _) | (_, Json::Null) => Ok(()),
            (Self::FlatObject, value) => {
                let is_object = |value: &Json| matches!(value, Json::Object(_));
                let fits = match value {
                    Json::Array(items) => items.iter().all(is_object),
                    value => is_object(value),
                };
                if fits { check_leaves(path, path, value) } else { unfit("flat_object") }
            }
            (_, Json::Array(_)) if arrays >= MAX_ARRAYS => Err(unparsable()),
            (_, Json::Array(items)) => {
                items.iter().try_for_each(|item| self.check(path, item, arrays + 1))
            }
            (Self::Group(fields), Json::Object(members)) => {
                members.iter().try_for_each(|(key, value)| {
                    check_member(fields, &format!("{path}.{key}"), key, value)
                })
            }
            (Self::Group(_), _) => Err(Failure::mapper_parsing(&format!(
                "object mapping for [{path}] tried to parse field [{path}] as object, but found a \
                 concrete value"
            ))),
            (Self::Date, Json::Text(text)) if nanoseconds(text).is_some() => Ok(()),
            (Self::Date, _) => unfit("date_nanos"),
            (Self::Number { .. }, Json::Object(_)) => unfit("number"),
            (Self::Number { ignore_malformed: false }, value) => {
                if value.scalar().and_then(number).is_some() { Ok(()) } else { unfit("number") }
            }
            (Self::Keyword { .. }, Json::Object(_)) => unfit("keyword"),
            (Self::Number { .. } | Self::Keyword { .. }, _) => Ok(()),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// A key may name a field below by a dotted path, so its segments are names.
fn path_segments(key: &str) -> Result<Vec<&str>, Failure> {
    if !key.contains('.') {
        return if key.is_empty() { Err(unparsable()) } else { Ok(vec![key]) };
    }
    let segments: Vec<_> = key.trim_end_matches('.').split('.').collect();
    let blank = segments.iter().any(|segment| segment.trim().is_empty());
    if blank { Err(unparsable()) } else { Ok(segments) }
}

fn check_member(
    fields: &BTreeMap<String, Field>,
    path: &str,
    key: &str,
    value: &Json,
) -> Result<(), Failure> {
    let segments = path_segments(key)?;
    let (last, groups) = segments.split_last().unwrap_or((&key, &[]));
    let mut fields = fields;
    for group in groups {
        match fields.get(*group) {
            Some(Field::Group(members)) => fields = members,
            Some(Field::Disabled) | None => return Ok(()),
            Some(_) => return Err(refused(path, key)),
        }
    }
    fields.get(*last).map_or(Ok(()), |field| field.check(path, value, 0))
}

/// Every leaf of a flat object becomes the term `path=value`.
fn check_leaves(root: &str, path: &str, value: &Json) -> Result<(), Failure> {
    match value {
        Json::Object(members) => members
            .iter()
            .try_for_each(|(key, value)| check_leaves(root, &format!("{path}.{key}"), value)),
        Json::Array(items) => items.iter().try_for_each(|item| check_leaves(root, path, item)),
        leaf => {
            // The longest form of it, in the doc values, has the field's name before the path again.
            let bytes = root.len() + 1 + path.len() + 1 + leaf.scalar().map_or(0, str::len);
            if bytes > MAX_TERM_BYTES {
                let reason =
                    format!("Document contains at least one immense term in field=\"{root}\"");
                return Err(Failure::illegal_argument(&reason));
            }
            Ok(())
        }
    }
}

fn unparsable() -> Failure {
    Failure::mapper_parsing("failed to parse")
}

fn refused(path: &str, kind: &str) -> Failure {
    Failure::mapper_parsing(&format!("failed to parse field [{path}] of type [{kind}]"))
}
