//! Which documents are refused, as the real server refuses them.

use super::date;
use super::json::Json;
use super::mapping::{Field, Mapping};
use super::reply::Failure;
use std::collections::BTreeMap;

/// The most nested arrays of a mapped field (`index.mapping.depth.limit`).
const MAX_ARRAYS: usize = 20;

/// The most bytes of a term that Lucene takes.
const MAX_TERM_BYTES: usize = 32_766;

/// Names that a document may not use at its top.
const METADATA: [&str; 6] = ["_id", "_index", "_source", "_routing", "_field_names", "_ignored"];

/// Reads a document's line and checks it against the index's mapping.
pub(super) fn document(line: &[u8], mapping: &Mapping) -> Result<Json, Failure> {
    if line.is_empty() {
        return Err(Failure::mapper_parsing("failed to parse, document is empty"));
    }
    let unreadable = || Failure::mapper_parsing("failed to parse");
    let document = std::str::from_utf8(line).ok().and_then(|text| Json::parse(text).ok());
    let document = document.ok_or_else(unreadable)?;
    let Json::Object(members) = &document else { return Err(unreadable()) };
    for (key, value) in members {
        if METADATA.contains(&key.as_str()) {
            return Err(refused(key, key));
        }
        if let Mapping::Fixed(fields) = mapping {
            member(fields, key, key, value)?;
        } else {
            path_segments(key)?;
        }
    }
    Ok(document)
}

/// A key may name a field below by a dotted path, so its segments are names.
fn path_segments(key: &str) -> Result<Vec<&str>, Failure> {
    if key.is_empty() {
        return Err(Failure::mapper_parsing("failed to parse"));
    }
    if !key.contains('.') {
        return Ok(vec![key]);
    }
    let segments: Vec<_> = key.trim_end_matches('.').split('.').collect();
    if segments.iter().any(|segment| segment.trim().is_empty()) {
        return Err(Failure::mapper_parsing("failed to parse"));
    }
    Ok(segments)
}

fn member(
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
    fields.get(*last).map_or(Ok(()), |field| field_value(field, path, value, 0))
}

fn field_value(field: &Field, path: &str, value: &Json, arrays: usize) -> Result<(), Failure> {
    match (field, value) {
        (Field::Disabled, _) | (_, Json::Null) => Ok(()),
        (Field::FlatObject, _) => flat_object(path, value),
        (_, Json::Array(items)) => {
            if arrays >= MAX_ARRAYS {
                return Err(Failure::mapper_parsing("failed to parse"));
            }
            items.iter().try_for_each(|item| field_value(field, path, item, arrays + 1))
        }
        (Field::Group(fields), Json::Object(members)) => members
            .iter()
            .try_for_each(|(key, value)| member(fields, &format!("{path}.{key}"), key, value)),
        (Field::Group(_), _) => Err(Failure::mapper_parsing(&format!(
            "object mapping for [{path}] tried to parse field [{path}] as object, but found a \
             concrete value"
        ))),
        (_, Json::Object(_)) => Err(refused(path, kind(field))),
        (Field::Date, _) => match value {
            Json::Text(text) if date::nanoseconds(text).is_some() => Ok(()),
            _ => Err(refused(path, kind(field))),
        },
        (Field::Number { ignore_malformed: false }, _) => {
            let number = value.scalar().and_then(|text| text.parse::<f64>().ok());
            let number = number.filter(|number| number.is_finite());
            number.map(drop).ok_or_else(|| refused(path, kind(field)))
        }
        (Field::Number { .. } | Field::Keyword { .. }, _) => Ok(()),
    }
}

fn flat_object(path: &str, value: &Json) -> Result<(), Failure> {
    let is_object = |value: &Json| matches!(value, Json::Object(_));
    let fits = match value {
        Json::Array(items) => items.iter().all(is_object),
        value => is_object(value),
    };
    if fits { leaves(path, path, value) } else { Err(refused(path, "flat_object")) }
}

/// Every leaf becomes the term `path=value`.
fn leaves(root: &str, path: &str, value: &Json) -> Result<(), Failure> {
    match value {
        Json::Object(members) => members
            .iter()
            .try_for_each(|(key, value)| leaves(root, &format!("{path}.{key}"), value)),
        Json::Array(items) => items.iter().try_for_each(|item| leaves(root, path, item)),
        leaf => {
            // The longest form of it, in the doc values, has the field's name before the path again.
            let bytes = root.len() + 1 + path.len() + 1 + leaf.scalar().map_or(0, str::len);
            if bytes > MAX_TERM_BYTES {
                return Err(Failure::new(
                    400,
                    "illegal_argument_exception",
                    &format!("Document contains at least one immense term in field=\"{root}\""),
                ));
            }
            Ok(())
        }
    }
}

fn kind(field: &Field) -> &'static str {
    match field {
        Field::Keyword { .. } => "keyword",
        Field::Number { .. } => "number",
        Field::Date => "date_nanos",
        Field::FlatObject => "flat_object",
        Field::Disabled | Field::Group(_) => "object",
    }
}

fn refused(path: &str, kind: &str) -> Failure {
    Failure::mapper_parsing(&format!("failed to parse field [{path}] of type [{kind}]"))
}
