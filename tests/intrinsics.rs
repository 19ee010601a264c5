//! The intrinsic functions that the templates use.
//!
//! Values that only a deployment knows remain references: `${Name}` for a resource, and
//! `${Name.Attribute}` for an attribute.

use std::collections::BTreeMap;

use crate::{single, text};
use serde_json::{Map, Value, json};

/// Evaluates conditions and functions for one choice of parameters.
#[derive(Debug)]
pub(crate) struct Resolver<'a> {
    parameters: BTreeMap<&'a str, Value>,
    conditions: &'a Map<String, Value>,
    mappings: &'a Value,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(
        parameters: BTreeMap<&'a str, Value>,
        conditions: &'a Map<String, Value>,
        mappings: &'a Value,
    ) -> Self {
        Self { parameters, conditions, mappings }
    }

    /// Whether the condition of this name holds.
    pub(crate) fn holds(&self, name: &str) -> bool {
        let condition = self.conditions.get(name);
        self.decide(condition.unwrap_or_else(|| panic!("no condition {name}")))
    }

    /// The value with its functions evaluated; `None` for `AWS::NoValue`.
    pub(crate) fn evaluate(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => {
                Some(items.iter().filter_map(|item| self.evaluate(item)).collect())
            }
            Value::Object(members) => match single(members) {
                Some(("Ref", name)) => self.reference(text(name)),
                Some(("Fn::Sub", argument)) => Some(json!(self.substitute(argument))),
                Some(("Fn::GetAtt", path)) => Some(json!(format!("${{{}}}", text(path)))),
                Some(("Fn::If", argument)) => {
                    let [condition, then, otherwise] = array(argument);
                    self.evaluate(if self.holds(text(condition)) { then } else { otherwise })
                }
                Some(("Fn::FindInMap", argument)) => {
                    let path = items(argument).iter().map(|key| self.evaluate(key));
                    let found =
                        path.fold(self.mappings, |map, key| &map[text(&key.unwrap_or_default())]);
                    assert!(!found.is_null(), "not in the mappings: {argument}");
                    Some(found.clone())
                }
                Some(("Fn::Select", argument)) => {
                    let [index, list] = array(argument);
                    let list = self.evaluate(list)?;
                    let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
                    index.and_then(|index| items(&list).get(index).cloned())
                }
                Some(("Fn::Split", argument)) => {
                    let [separator, whole] = array(argument);
                    let whole = self.evaluate(whole)?;
                    Some(text(&whole).split(text(separator)).collect())
                }
                Some((name, _)) if name.starts_with("Fn::") => panic!("unknown function {name}"),
                _ => Some(Value::Object(
                    members
                        .iter()
                        .filter_map(|(name, value)| Some((name.clone(), self.evaluate(value)?)))
                        .collect(),
                )),
            },
            scalar => Some(scalar.clone()),
        }
    }

    fn reference(&self, name: &str) -> Option<Value> {
        if name == "AWS::NoValue" {
            return None;
        }
        Some(self.parameters.get(name).cloned().unwrap_or_else(|| match name {
            "AWS::AccountId" => json!("123456789012"),
            "AWS::Partition" => json!("aws"),
            "AWS::Region" => json!("eu-west-1"),
            "AWS::URLSuffix" => json!("amazonaws.com"),
            resource => json!(format!("${{{resource}}}")),
        }))
    }

    fn substitute(&self, argument: &Value) -> String {
        let nothing = Value::Null;
        let (pattern, variables) = match argument {
            Value::Array(_) => {
                let [pattern, variables] = array(argument);
                (text(pattern), variables)
            }
            pattern => (text(pattern), &nothing),
        };
        let mut parts = pattern.split("${");
        let mut result = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) =
                part.split_once('}').unwrap_or_else(|| panic!("no closing brace: {pattern}"));
            let value = match variables.get(name) {
                Some(value) => self.evaluate(value),
                None => self.reference(name),
            };
            match value {
                Some(Value::String(value)) => result.push_str(&value),
                Some(value) => result.push_str(&value.to_string()),
                None => panic!("no value for {name} in {pattern}"),
            }
            result.push_str(rest);
        }
        result
    }

    pub(crate) fn decide(&self, condition: &Value) -> bool {
        let members = condition.as_object().unwrap_or_else(|| panic!("no condition: {condition}"));
        match single(members) {
            Some(("Condition", name)) => self.holds(text(name)),
            Some(("Fn::Equals", argument)) => {
                let [left, right] = array(argument);
                self.evaluate(left) == self.evaluate(right)
            }
            Some(("Fn::Not", argument)) => {
                let [negated] = array(argument);
                !self.decide(negated)
            }
            Some(("Fn::And", argument)) => items(argument).iter().all(|item| self.decide(item)),
            Some(("Fn::Or", argument)) => items(argument).iter().any(|item| self.decide(item)),
            _ => panic!("unknown condition: {condition}"),
        }
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

fn array<const N: usize>(value: &Value) -> &[Value; N] {
    items(value).try_into().unwrap_or_else(|_| panic!("not a list of {N}: {value}"))
}
