//! Replaces nested applications by their resources, so that several templates read as one.
//!
//! The resource `X` of the application `A` becomes `AX`. References to parameters are replaced by
//! the values that the parent passes, and references to outputs by the values of the outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use local::yaml;
use serde_json::{Map, Value, json};

use crate::{project, single, text};

const APPLICATION: &str = "AWS::Serverless::Application";
const FUNCTION: &str = "AWS::Serverless::Function";

/// `template.yaml` with its nested applications in place, tags in their long form, the functions'
/// globals merged, and each `CodeUri` relative to the project.
///
/// # Panics
/// If a template cannot be read, or an application does not match its template.
#[must_use]
pub fn template() -> Value {
    load(&project().join("template.yaml"))
}

/// One template as written, with tags in their long form.
///
/// # Panics
/// If the project has no such file, or it is not YAML.
#[must_use]
pub fn read(path: &str) -> Value {
    parsed(&project().join(path))
}

fn parsed(path: &Path) -> Value {
    let content = fs::read_to_string(path).map_err(|error| error.to_string());
    let parsed = content.and_then(|content| yaml::parse(&content));
    parsed.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn load(path: &Path) -> Value {
    let mut template = parsed(path);
    let folder = path.parent().unwrap_or(path);
    let globals = template["Globals"]["Function"].take();
    if let Some(members) = template.as_object_mut() {
        members.remove("Globals");
    }
    for resource in template["Resources"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if resource["Type"] == FUNCTION {
            merge(&mut resource["Properties"], &globals);
            let code = &mut resource["Properties"]["CodeUri"];
            *code = json!(in_project(folder, text(code)));
        }
    }
    let resources = members(&template["Resources"]).into_iter();
    let applications = resources.filter(|(_, resource)| resource["Type"] == APPLICATION);
    for name in applications.map(|(name, _)| name).collect::<Vec<_>>() {
        // After the changes of the previous applications.
        let application = template["Resources"][&name].clone();
        template = inline(&template, &name, &application, folder);
    }
    let names_no_output = !template.to_string().contains(".Outputs.");
    assert!(names_no_output, "{} names an output that does not exist", path.display());
    template
}

/// The template with the resources of the application in its place.
fn inline(template: &Value, name: &str, application: &Value, folder: &Path) -> Value {
    for attribute in members(application).keys() {
        let known = ["Condition", "DependsOn", "Properties", "Type"].contains(&attribute.as_str());
        assert!(known, "{name} has the attribute {attribute}, which is not supported here");
    }
    let properties = &application["Properties"];
    let nested = load(&folder.join(text(&properties["Location"])));
    let sections = ["Conditions", "Resources"];
    let inner = Scope {
        prefix: name,
        own: sections.iter().flat_map(|section| members(&nested[section]).into_keys()).collect(),
        values: arguments(name, &nested["Parameters"], &properties["Parameters"]),
    };
    let outputs = members(&nested["Outputs"]).into_iter().map(|(output, declared)| {
        (format!("{name}.Outputs.{output}"), inner.rewrite(&declared["Value"]))
    });
    let outer = Scope { prefix: "", own: BTreeSet::new(), values: outputs.collect() };

    let mut whole = outer.rewrite(template);
    if let Some(resources) = whole["Resources"].as_object_mut() {
        resources.remove(name);
    }
    for section in sections {
        for (member, value) in members(&nested[section]) {
            let mut value = inner.rewrite(&value);
            if section == "Resources" && application["DependsOn"].is_string() {
                assert!(value["DependsOn"].is_null(), "{name}{member} depends on two resources");
                value["DependsOn"] = application["DependsOn"].clone();
            }
            if let Some(condition) = application["Condition"].as_str() {
                restrict(&mut value, section, condition);
            }
            let member = format!("{name}{member}");
            assert!(whole[section][&member].is_null(), "{member} exists twice");
            whole[section][member] = value;
        }
    }
    whole
}

/// Adds the condition of the application to a resource or a condition.
fn restrict(member: &mut Value, section: &str, condition: &str) {
    if section == "Conditions" {
        *member = json!({ "Fn::And": [{ "Condition": condition }, member.take()] });
    } else if member["Condition"].is_null() {
        member["Condition"] = json!(condition);
    }
}

/// The value of each parameter of a nested template.
fn arguments(name: &str, declared: &Value, passed: &Value) -> BTreeMap<String, Value> {
    let mut passed = members(passed);
    let arguments = members(declared)
        .into_iter()
        .map(|(parameter, declaration)| {
            let value = passed.remove(&parameter).unwrap_or_else(|| declaration["Default"].clone());
            assert!(!value.is_null(), "{name} is not given {parameter}");
            (parameter, value)
        })
        .collect();
    assert!(passed.is_empty(), "{name} is given unknown parameters: {passed:?}");
    arguments
}

/// The meaning of names in a template that becomes part of another one.
struct Scope<'a> {
    prefix: &'a str,
    /// The names that get the prefix.
    own: BTreeSet<String>,
    /// The names that are replaced by a value.
    values: BTreeMap<String, Value>,
}

impl Scope<'_> {
    fn rewrite(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.rewrite(item)).collect(),
            Value::Object(members) => {
                match single(members) {
                    Some(("Ref" | "Fn::GetAtt", name)) => {
                        if let Some(value) = self.values.get(text(name)) {
                            return value.clone();
                        }
                    }
                    Some(("Fn::Sub", argument)) => return self.substitution(argument),
                    _ => {}
                }
                let rewritten = members.iter().map(|(key, value)| {
                    let value = match (key.as_str(), value) {
                        ("Ref" | "Fn::GetAtt" | "Condition" | "DependsOn", Value::String(name)) => {
                            json!(self.renamed(name))
                        }
                        ("Fn::If", Value::Array(items)) => {
                            let mut items: Vec<_> = items.iter().map(|i| self.rewrite(i)).collect();
                            items[0] = json!(self.renamed(text(&items[0])));
                            json!(items)
                        }
                        _ => self.rewrite(value),
                    };
                    (key.clone(), value)
                });
                Value::Object(rewritten.collect())
            }
            scalar => scalar.clone(),
        }
    }

    fn substitution(&self, argument: &Value) -> Value {
        let (pattern, mut variables) = match argument {
            Value::Array(items) => (text(&items[0]), members(&self.rewrite(&items[1]))),
            pattern => (text(pattern), BTreeMap::new()),
        };
        let mut parts = pattern.split("${");
        let mut result = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) =
                part.split_once('}').unwrap_or_else(|| panic!("no closing brace: {pattern}"));
            let name = match self.values.get(name) {
                _ if variables.contains_key(name) => name.to_owned(),
                None => self.renamed(name),
                Some(Value::String(value)) => {
                    result += value;
                    result += rest;
                    continue;
                }
                Some(value) => {
                    let variable = name.replace('.', "");
                    variables.insert(variable.clone(), value.clone());
                    variable
                }
            };
            result.extend(["${", &name, "}", rest]);
        }
        if variables.is_empty() {
            json!({ "Fn::Sub": result })
        } else {
            json!({ "Fn::Sub": [result, variables] })
        }
    }

    fn renamed(&self, name: &str) -> String {
        let resource = name.split('.').next().unwrap_or(name);
        let prefix = if self.own.contains(resource) { self.prefix } else { "" };
        format!("{prefix}{name}")
    }
}

/// Adds the members of `globals` that the properties do not have themselves, as SAM does.
fn merge(properties: &mut Value, globals: &Value) {
    match (properties, globals) {
        (Value::Object(own), Value::Object(globals)) => {
            for (name, global) in globals {
                merge(own.entry(name.clone()).or_insert(Value::Null), global);
            }
        }
        (own @ Value::Null, global) => *own = global.clone(),
        _ => {}
    }
}

/// A path below `folder`, relative to the project.
fn in_project(folder: &Path, path: &str) -> String {
    let resolved = |path: &Path| {
        fs::canonicalize(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let (path, project) = (resolved(&folder.join(path)), resolved(&project()));
    match path.strip_prefix(&project).unwrap_or(&path) {
        root if root == Path::new("") => ".".to_owned(),
        path => path.display().to_string(),
    }
}

fn members(value: &Value) -> BTreeMap<String, Value> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), value.clone())).collect()
}
