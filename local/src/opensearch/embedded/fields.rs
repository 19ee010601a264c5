//! What an index template says of fields: which documents are refused, as the real server refuses
//! them, and what is found.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{Json, is_time};
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

impl Mapping {
    /// The mapping of an index template's body.
    pub(super) fn of_template(template: &Value) -> Self {
        match template.pointer("/template/mappings/properties") {
            Some(properties) => Self::Fixed(fields(properties)),
            None => Self::Dynamic,
        }
    }

    /// The texts of a keyword field of a document, named by its dotted path, that can be found.
    pub(super) fn terms<'a>(&self, document: &'a Json, path: &str) -> Vec<&'a str> {
        let ignore_above = match self {
            Self::Dynamic => usize::MAX,
            Self::Fixed(fields) => match field(fields, path) {
                Some(Field::Keyword { ignore_above }) => *ignore_above,
                _ => return Vec::new(),
            },
        };
        let mut leaves = Vec::new();
        collect(document, path, &mut leaves);
        leaves.retain(|leaf| leaf.chars().count() <= ignore_above);
        leaves
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

/// The field of a dotted path.
fn field<'a>(fields: &'a BTreeMap<String, Field>, path: &str) -> Option<&'a Field> {
    match path.split_once('.') {
        None => fields.get(path),
        Some((group, below)) => match fields.get(group)? {
            Field::Group(members) => field(members, below),
            _ => None,
        },
    }
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
            (Self::Date, Json::Text(text)) if is_time(text) => Ok(()),
            (Self::Date, _) => unfit("date_nanos"),
            (Self::Number { .. }, Json::Object(_)) => unfit("number"),
            (Self::Number { ignore_malformed: false }, value) => {
                if value.scalar().is_some_and(is_number) { Ok(()) } else { unfit("number") }
            }
            (Self::Keyword { .. }, Json::Object(_)) => unfit("keyword"),
            (Self::Number { .. } | Self::Keyword { .. }, _) => Ok(()),
        }
    }
}

fn is_number(text: &str) -> bool {
    text.trim().parse().is_ok_and(|number: f64| number.is_finite())
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
