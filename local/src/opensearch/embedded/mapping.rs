//! What an index template says of fields, as far as it decides what is refused and what is found.

use serde_json::Value;
use std::collections::BTreeMap;

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
    /// No template holds for the index: every object is taken, every scalar is found by its text.
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

    /// The field of a dotted path, and the rest of the path inside a flat object.
    pub(super) fn field<'a>(&self, path: &'a str) -> Option<(&Field, Option<&'a str>)> {
        let Self::Fixed(fields) = self else { return None };
        let mut fields = fields;
        let mut rest = path;
        loop {
            let (name, below) = match rest.split_once('.') {
                Some((name, below)) => (name, Some(below)),
                None => (rest, None),
            };
            match (fields.get(name)?, below) {
                (Field::Group(members), Some(below)) => {
                    fields = members;
                    rest = below;
                }
                (Field::FlatObject, below) => return Some((&Field::FlatObject, below)),
                (_, Some(_)) => return None,
                (field, None) => return Some((field, None)),
            }
        }
    }
}

fn fields(properties: &Value) -> BTreeMap<String, Field> {
    let members = properties.as_object().into_iter().flatten();
    members.map(|(name, definition)| (name.clone(), field(definition))).collect()
}

fn field(definition: &Value) -> Field {
    let flag = |name: &str| definition.get(name).and_then(Value::as_bool);
    match definition.get("type").and_then(Value::as_str).unwrap_or("object") {
        "object" if flag("enabled") == Some(false) => Field::Disabled,
        "object" => Field::Group(definition.get("properties").map(fields).unwrap_or_default()),
        "flat_object" => Field::FlatObject,
        "date" | "date_nanos" => Field::Date,
        "byte" | "short" | "integer" | "long" | "float" | "double" => {
            Field::Number { ignore_malformed: flag("ignore_malformed").unwrap_or_default() }
        }
        // Every other type is taken for text.
        _ => {
            let limit = definition.get("ignore_above").and_then(Value::as_u64);
            let ignore_above = limit.and_then(|limit| usize::try_from(limit).ok());
            Field::Keyword { ignore_above: ignore_above.unwrap_or(usize::MAX) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_template_of_the_documents() {
        let template = serde_json::from_str(crate::opensearch::INDEX_TEMPLATE).unwrap();
        let mapping = Mapping::of_template(&template);
        assert_eq!(mapping.field("@timestamp"), Some((&Field::Date, None)));
        let keyword = Field::Keyword { ignore_above: 1_024 };
        assert_eq!(mapping.field("artist.name"), Some((&keyword, None)));
        let number = Field::Number { ignore_malformed: true };
        assert_eq!(mapping.field("song.duration_ms"), Some((&number, None)));
        assert_eq!(
            mapping.field("extra.track.isrc"),
            Some((&Field::FlatObject, Some("track.isrc")))
        );
        assert_eq!(mapping.field("overflow"), Some((&Field::Disabled, None)));
        assert_eq!(mapping.field("artist.nothing"), None);
        assert_eq!(mapping.field("artist.name.more"), None);
    }
}
