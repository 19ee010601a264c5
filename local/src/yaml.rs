//! Parses the YAML of a template into JSON, with its tags in their long form: `!Ref X` becomes
//! `{"Ref": "X"}`, and `!Sub X` becomes `{"Fn::Sub": "X"}`.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// Parses `text`, which contains one document.
///
/// # Errors
/// What is invalid.
pub fn parse(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| format!("not YAML: {error}"))?;
    match documents.as_slice() {
        [document] => convert(document),
        documents => Err(format!("{} YAML documents instead of one", documents.len())),
    }
}

fn convert(node: &Yaml<'_>) -> Result<Value, String> {
    match node {
        Yaml::Value(scalar) => Ok(convert_scalar(scalar)),
        Yaml::Sequence(items) => items.iter().map(convert).collect(),
        Yaml::Mapping(members) => {
            let members = members.iter().map(|(name, value)| Ok((key(name)?, convert(value)?)));
            members.collect::<Result<_, _>>().map(Value::Object)
        }
        Yaml::Tagged(tag, value) => {
            let name = match tag.suffix.as_str() {
                name @ ("Ref" | "Condition") => name.to_owned(),
                name => format!("Fn::{name}"),
            };
            Ok(Value::Object(Map::from_iter([(name, convert(value)?)])))
        }
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            Err(format!("unexpected in a template: {node:?}"))
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

fn key(node: &Yaml<'_>) -> Result<String, String> {
    let key = node.as_str().map(str::to_owned);
    key.ok_or_else(|| format!("the key is no string: {node:?}"))
}
