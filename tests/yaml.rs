//! Reads a template's YAML into JSON, its tags in their long form: `!Ref X` becomes
//! `{"Ref": "X"}`, and `!Sub X` becomes `{"Fn::Sub": "X"}`.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The only document of `text`.
pub(crate) fn parse(text: &str) -> Value {
    let documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("not YAML: {error}"));
    let [document] = documents.as_slice() else {
        panic!("{} YAML documents instead of one", documents.len());
    };
    convert(document)
}

fn convert(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(scalar) => convert_scalar(scalar),
        Yaml::Sequence(items) => items.iter().map(convert).collect(),
        Yaml::Mapping(members) => {
            Value::Object(members.iter().map(|(name, value)| (key(name), convert(value))).collect())
        }
        Yaml::Tagged(tag, value) => {
            let name = match tag.suffix.as_str() {
                name @ ("Ref" | "Condition") => name.to_owned(),
                name => format!("Fn::{name}"),
            };
            Value::Object(Map::from_iter([(name, convert(value))]))
        }
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            panic!("unexpected in a template: {node:?}")
        }
    }
}

fn convert_scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => json!(value),
        Scalar::Integer(value) => json!(value),
        Scalar::FloatingPoint(value) => json!(value.into_inner()),
        Scalar::String(value) => json!(value),
    }
}

fn key(node: &Yaml<'_>) -> String {
    node.as_str().unwrap_or_else(|| panic!("the key is no string: {node:?}")).to_owned()
}
