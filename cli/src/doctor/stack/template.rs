//! The templates of this version, and their differences from the deployed ones.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// The templates of this version, by path.
const TEMPLATES: [(&str, &str); 6] = [
    ("template.yaml", include_str!("../../../../template.yaml")),
    ("templates/dashboard.yaml", include_str!("../../../../templates/dashboard.yaml")),
    ("templates/function.yaml", include_str!("../../../../templates/function.yaml")),
    ("templates/health.yaml", include_str!("../../../../templates/health.yaml")),
    (
        "templates/ingestion-alarms.yaml",
        include_str!("../../../../templates/ingestion-alarms.yaml"),
    ),
    ("templates/objects.yaml", include_str!("../../../../templates/objects.yaml")),
];

/// The templates, parsed.
static PARSED: LazyLock<BTreeMap<&str, Value>> = LazyLock::new(|| {
    let parsed = TEMPLATES.iter().map(|(path, text)| (*path, local::yaml::parse(text)));
    parsed.filter_map(|(path, parsed)| Some((path, parsed.ok()?))).collect()
});

/// The logical ids that differ between a deployed template and that of this version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::doctor) struct Difference {
    /// Only in this version.
    pub(in crate::doctor) added: Vec<String>,
    /// Only in the deployed template.
    pub(in crate::doctor) removed: Vec<String>,
    pub(in crate::doctor) changed: Vec<String>,
}

/// Compares a deployed template with that of this version. `path` has the logical ids from the root
/// stack to it. `None` if this version has no such template.
pub(in crate::doctor) fn difference(path: &[String], deployed: &Value) -> Option<Difference> {
    let ours = PARSED.get(&*file(path)?)?;
    let resources = |template: &Value| -> Map<String, Value> {
        let resources = template["Resources"].as_object().into_iter().flatten();
        resources.map(|(name, resource)| (name.clone(), normalized(resource))).collect()
    };
    let (ours, deployed) = (resources(ours), resources(deployed));
    let absent = |from: &Map<String, Value>, of: &Map<String, Value>| {
        of.keys().filter(|name| !from.contains_key(*name)).cloned().collect()
    };
    let is_changed = |(name, resource): &(&String, &Value)| {
        deployed.get(*name).is_some_and(|deployed| deployed != *resource)
    };
    Some(Difference {
        added: absent(&deployed, &ours),
        removed: absent(&ours, &deployed),
        changed: ours.iter().filter(is_changed).map(|(name, _)| name.clone()).collect(),
    })
}

/// Returns the path of the template of a nested stack.
fn file(path: &[String]) -> Option<String> {
    let mut file = "template.yaml".to_owned();
    for name in path {
        let location = &PARSED.get(&*file)?["Resources"][name]["Properties"]["Location"];
        let location = location.as_str()?;
        let is_in_root = location.starts_with("templates/");
        file = if is_in_root { location.to_owned() } else { format!("templates/{location}") };
    }
    Some(file)
}

/// Returns a resource without the parts that `sam build` and `sam deploy` add and replace, in one
/// canonical form.
fn normalized(resource: &Value) -> Value {
    let mut resource = resource.clone();
    if let Some(members) = resource.as_object_mut() {
        members.remove("Metadata");
    }
    if let Some(properties) = resource["Properties"].as_object_mut() {
        for replaced in ["CodeUri", "Location"] {
            properties.remove(replaced);
        }
    }
    uniform(resource)
}

fn uniform(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(uniform).collect(),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| {
                let value = match (&*name, value) {
                    // `A.B`, or a list of both parts.
                    ("Fn::GetAtt", Value::Array(path)) => {
                        path.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(".").into()
                    }
                    ("DependsOn", Value::Array(names)) if names.len() == 1 => names[0].clone(),
                    (_, value) => uniform(value),
                };
                (name, value)
            });
            Value::Object(members.collect())
        }
        // The same number, with or without a fraction.
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        scalar => scalar,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn every_nested_stack_has_its_template() {
        assert_eq!(PARSED.len(), TEMPLATES.len());
        for (names, expected) in [
            (&[][..], "template.yaml"),
            (&["SqsConsumer"], "templates/function.yaml"),
            (&["Health"], "templates/health.yaml"),
            (&["Health", "LogMetrics"], "templates/function.yaml"),
        ] {
            assert_eq!(file(&path(names)).as_deref(), Some(expected));
        }
        assert_eq!(file(&path(&["Other"])), None);
    }

    #[test]
    fn what_sam_replaces_is_no_difference() {
        let mut deployed = PARSED["templates/health.yaml"].clone();
        let health = path(&["Health"]);
        assert_eq!(difference(&health, &deployed), Some(Difference::default()));
        let resources = deployed["Resources"].as_object_mut().unwrap();
        let function = &mut resources["LogMetricsFunction"];
        function["Metadata"] = json!({"SamResourceId": "LogMetricsFunction"});
        function["Properties"]["CodeUri"] = json!("s3://bucket/abc");
        function["Properties"]["Role"] = json!({"Fn::GetAtt": ["LogMetrics", "Outputs.RoleArn"]});
        assert_eq!(difference(&health, &deployed), Some(Difference::default()));
        let resources = deployed["Resources"].as_object_mut().unwrap();
        resources["LogMetricsFunction"]["Properties"]["Timeout"] = json!(3);
        resources.remove("LogMetrics");
        resources.insert("Own".to_owned(), json!({}));
        let expected = Difference {
            added: path(&["LogMetrics"]),
            removed: path(&["Own"]),
            changed: path(&["LogMetricsFunction"]),
        };
        assert_eq!(difference(&health, &deployed), Some(expected));
    }
}
