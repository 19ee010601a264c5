//! The index template for the indices in use, and the policy that deletes old indices.

use std::fs::File;
use std::io::Read;

use local::opensearch::INDEX_TEMPLATE;
use serde_json::{Map, Value, json};
use shared::config::Environment;
use shared::event::Timestamp;
use shared::opensearch::IndexPattern;

use crate::error::CliError;

/// Maximum size of a mapping file, in bytes: that of the functions.
const MAX_MAPPING_BYTES: u64 = 1_048_576;

/// What `setup` puts into OpenSearch.
#[derive(Debug)]
pub(crate) struct Plan {
    index: IndexPattern,
    /// The name of the template: the common prefix of all index names.
    pub(super) name: String,
    /// The names of the indices, with wildcards.
    pub(super) patterns: Vec<String>,
    pub(super) template: Value,
    /// The policy of Index State Management that deletes old indices.
    pub(super) policy: Option<Value>,
}

impl Plan {
    /// Creates the plan for the indices of `INDEX` with the fields of `MAPPING`.
    ///
    /// # Errors
    /// [`CliError::Usage`] for a value that the functions reject too, or if the index names have no
    /// common prefix.
    pub(crate) fn new(
        index: &str,
        mapping: Option<&str>,
        retention_days: Option<u32>,
    ) -> Result<Self, CliError> {
        let parsed = IndexPattern::parse(index)
            .map_err(|error| CliError::usage(format_args!("--index {index}: {error}")))?;
        let (prefix, patterns) = match index.split_once('%') {
            Some((prefix, _)) => (prefix, vec![format!("{prefix}*")]),
            // A data stream, or an alias with numbered indices.
            None => (index, vec![index.to_owned(), format!("{index}-*")]),
        };
        let name = prefix.trim_end_matches(['-', '.', '_']);
        if name.is_empty() {
            let problem = "the index names have no common prefix";
            return Err(CliError::usage(format_args!("--index {index}: {problem}")));
        }
        let mut template: Value = serde_json::from_str(INDEX_TEMPLATE).map_err(CliError::failed)?;
        template["index_patterns"] = json!(patterns);
        if let Some(mapping) = mapping {
            let properties = template.pointer_mut("/template/mappings/properties");
            add_fields(properties.unwrap_or(&mut Value::Null), &fields(mapping)?);
        }
        let policy = retention_days.map(|days| policy(&patterns, days));
        Ok(Self { index: parsed, name: name.to_owned(), patterns, template, policy })
    }

    pub(super) fn policy_name(&self) -> String {
        format!("{}-retention", self.name)
    }

    /// Returns the index for documents of this time.
    pub(crate) fn index(&self, time: Timestamp) -> String {
        let mut name = Vec::new();
        self.index.write(time, &mut name);
        String::from_utf8_lossy(&name).into_owned()
    }

    /// Returns the fields of this plan, as dotted paths, that `properties` does not map, or maps in a
    /// way that rejects or loses documents.
    pub(crate) fn unfit_fields(&self, properties: &Value) -> Vec<String> {
        let mut unfit = Vec::new();
        let ours = self.template.pointer("/template/mappings/properties").unwrap_or(&Value::Null);
        for (name, ours) in ours.as_object().into_iter().flatten() {
            let theirs = &properties[name];
            if let Some(fields) = ours["properties"].as_object() {
                let missing = fields.keys().filter(|field| theirs["properties"][*field].is_null());
                unfit.extend(missing.map(|field| format!("{name}.{field}")));
            } else if !is_compatible(theirs, ours) {
                unfit.push(name.clone());
            }
        }
        unfit
    }
}

/// Returns the document fields of a mapping that the functions accept.
fn fields(mapping: &str) -> Result<Map<String, Value>, CliError> {
    let environment: Environment = [("MAPPING", mapping)].into_iter().collect();
    shared::event::model(&environment).map_err(CliError::usage)?;
    let mut text = String::new();
    let mut json = mapping;
    if let Some(path) = mapping.strip_prefix('@') {
        let file = File::open(path).map_err(CliError::usage)?;
        #[expect(clippy::disallowed_methods, reason = "bounded by take")]
        file.take(MAX_MAPPING_BYTES).read_to_string(&mut text).map_err(CliError::usage)?;
        json = &text;
    }
    serde_json::from_str(json).map_err(CliError::usage)
}

/// Maps fields that are not in the template as keywords, which accept every value.
fn add_fields(properties: &mut Value, fields: &Map<String, Value>) {
    for (group, name) in fields.keys().filter_map(|field| field.split_once('.')) {
        let members = &mut properties[group]["properties"];
        if members[name].is_null() {
            members[name] = json!({"type": "keyword", "ignore_above": 1024});
        }
    }
}

/// Whether a top-level field is mapped like ours: `@timestamp` may be a `date` too, the members of
/// `extra` must not become fields, and `overflow` must not be indexed.
fn is_compatible(theirs: &Value, ours: &Value) -> bool {
    let kind = |field: &Value| match field["type"].as_str() {
        Some("date") => Some("date_nanos".to_owned()),
        kind => kind.map(str::to_owned),
    };
    kind(theirs) == kind(ours) && theirs["enabled"] == ours["enabled"]
}

/// Source: OpenSearch documentation, "Index State Management", "Policies".
fn policy(patterns: &[String], days: u32) -> Value {
    json!({"policy": {
        "description": format!("Deletes indices {days} days after they were created (sluice setup)"),
        "default_state": "kept",
        "states": [
            {"name": "kept", "actions": [], "transitions": [
                {"state_name": "deleted", "conditions": {"min_index_age": format!("{days}d")}},
            ]},
            {"name": "deleted", "actions": [{"delete": {}}], "transitions": []},
        ],
        "ism_template": [{"index_patterns": patterns, "priority": 100}],
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(index: &str, mapping: Option<&str>) -> Plan {
        Plan::new(index, mapping, None).unwrap()
    }

    #[test]
    fn the_template_matches_the_indices() {
        for (index, name, patterns, in_2000) in [
            ("music-events-%Y.%m", "music-events", &["music-events-*"][..], "music-events-2000.01"),
            ("shop-%Y.%m", "shop", &["shop-*"], "shop-2000.01"),
            ("plays_%G-w%V", "plays", &["plays_*"], "plays_1999-w52"),
            ("plays", "plays", &["plays", "plays-*"], "plays"),
        ] {
            let plan = plan(index, None);
            assert_eq!(plan.name, name);
            assert_eq!(plan.patterns, patterns);
            assert_eq!(plan.template["index_patterns"], json!(patterns));
            assert_eq!(plan.index(Timestamp::YEAR_2000), in_2000);
        }
        let built_in: Value = serde_json::from_str(INDEX_TEMPLATE).unwrap();
        assert_eq!(plan("music-events-%Y.%m.%d", None).template, built_in);
    }

    #[test]
    fn new_fields_of_a_mapping_are_keywords() {
        let mapping = r#"{"event.id":["uuid"],"order.number":["no"],"song.duration_ms":["d"]}"#;
        let template = plan("shop-%Y.%m", Some(mapping)).template;
        let properties = &template["template"]["mappings"]["properties"];
        let keyword = json!({"type": "keyword", "ignore_above": 1024});
        assert_eq!(properties["order"], json!({"properties": {"number": keyword}}));
        assert_eq!(properties["song"]["properties"]["duration_ms"]["type"], "double");
        assert_eq!(properties["extra"]["type"], "flat_object");
    }

    #[test]
    fn missing_and_incompatible_fields_are_unfit() {
        let plan = plan("shop-%Y.%m", Some(r#"{"order.number":["no"],"song.id":["s"]}"#));
        let ours = &plan.template["template"]["mappings"]["properties"];
        assert_eq!(plan.unfit_fields(ours), [""; 0]);
        for (pointer, value, unfit) in [
            ("/@timestamp/type", json!("date"), None),
            ("/@timestamp/type", json!("keyword"), Some("@timestamp")),
            ("/order", json!({"type": "object"}), Some("order.number")),
            ("/extra/type", json!("object"), Some("extra")),
            ("/overflow/enabled", json!(true), Some("overflow")),
            ("/song/properties/id/type", json!("text"), None),
        ] {
            let mut theirs = ours.clone();
            *theirs.pointer_mut(pointer).unwrap() = value;
            assert_eq!(plan.unfit_fields(&theirs), Vec::from_iter(unfit), "{pointer}");
        }
    }

    #[test]
    fn the_policy_deletes_old_indices() {
        assert_eq!(plan("shop", None).policy, None);
        let plan = Plan::new("shop-%Y", None, Some(30)).unwrap();
        assert_eq!(plan.policy_name(), "shop-retention");
        let policy = plan.policy.unwrap();
        let age = "/policy/states/0/transitions/0/conditions/min_index_age";
        assert_eq!(policy.pointer(age), Some(&json!("30d")));
        let patterns = policy.pointer("/policy/ism_template/0/index_patterns");
        assert_eq!(patterns, Some(&json!(["shop-*"])));
    }

    #[test]
    fn what_the_functions_reject_is_rejected() {
        let incomplete = Some(r#"{"order":["no"]}"#);
        for (index, mapping) in
            [("Shop", None), ("shop-%Q", None), ("%Y.%m", None), ("shop", incomplete)]
        {
            assert!(Plan::new(index, mapping, None).is_err(), "{index} {mapping:?}");
        }
    }
}
