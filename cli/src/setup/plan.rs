//! The index template for the indices in use, and the policy that deletes old indices.

use std::fs::File;
use std::io::Read;

use local::opensearch::{INDEX_TEMPLATE, PASSTHROUGH_TEMPLATE};
use serde_json::{Map, Value, json};
use shared::config::Environment;
use shared::event::{DocumentForm, Timestamp};
use shared::opensearch::{DEFAULT_INDEX, IndexPattern};

use crate::error::CliError;

/// Maximum size of a mapping file, in bytes: that of the functions.
const MAX_MAPPING_BYTES: u64 = 1_048_576;

/// The default indices of passthrough documents.
pub(super) const PASSTHROUGH_INDEX: &str = "events-%Y.%m.%d";

/// The resources that `setup` puts into OpenSearch.
#[derive(Debug)]
pub(crate) struct Plan {
    form: DocumentForm,
    index: IndexPattern,
    /// The name of the template: the common prefix of all index names.
    pub(super) name: String,
    /// The names of the indices, with wildcards.
    pub(crate) patterns: Vec<String>,
    pub(super) template: Value,
    /// The policy of Index State Management that deletes old indices.
    pub(super) policy: Option<Value>,
}

impl Plan {
    /// Creates the plan for documents of this form in the indices of `INDEX`, with the fields of
    /// `MAPPING`.
    ///
    /// # Errors
    /// [`CliError::Usage`] for a value that the functions also reject, if the index names have no
    /// common prefix, or for a mapping with documents that have no mapped fields.
    pub(crate) fn new(
        form: DocumentForm,
        index: Option<&str>,
        mapping: Option<&str>,
        retention_days: Option<u32>,
    ) -> Result<Self, CliError> {
        let (template, default) = match form {
            DocumentForm::Mapped => (INDEX_TEMPLATE, DEFAULT_INDEX),
            DocumentForm::Passthrough => (PASSTHROUGH_TEMPLATE, PASSTHROUGH_INDEX),
        };
        let index = index.unwrap_or(default);
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
        let mut template: Value = serde_json::from_str(template).map_err(CliError::failed)?;
        template["index_patterns"] = json!(patterns);
        if let Some(mapping) = mapping {
            if form == DocumentForm::Passthrough {
                let problem = "the documents of --document passthrough have no mapped fields";
                return Err(CliError::usage(format_args!("--mapping: {problem}")));
            }
            let properties = template.pointer_mut("/template/mappings/properties");
            add_fields(properties.unwrap_or(&mut Value::Null), &fields(mapping)?);
        }
        let policy = retention_days.map(|days| policy(&patterns, days));
        Ok(Self { form, index: parsed, name: name.to_owned(), patterns, template, policy })
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

    /// Returns the fields of this plan, as dotted paths, that `mapping` does not map, or maps in a way
    /// that rejects or loses documents; and its settings that do so with new fields.
    pub(crate) fn unfit_fields(&self, mapping: &Value) -> Vec<String> {
        let ours = &self.template["template"]["mappings"];
        let mut unfit = match self.form {
            DocumentForm::Mapped => Vec::new(),
            DocumentForm::Passthrough => unfit_settings(mapping, ours),
        };
        for (name, ours) in ours["properties"].as_object().into_iter().flatten() {
            let theirs = &mapping["properties"][name];
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
    let valid = shared::event::model(&environment);
    valid.map_err(|error| CliError::usage(format_args!("--mapping: {error}")))?;
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

/// Whether a top-level field is mapped like ours: `@timestamp` may also be a `date`, the members of
/// `extra` must not become fields, and `overflow` must not be indexed.
fn is_compatible(theirs: &Value, ours: &Value) -> bool {
    let kind = |field: &Value| match field["type"].as_str() {
        Some("date") => Some("date_nanos".to_owned()),
        kind => kind.map(str::to_owned),
    };
    kind(theirs) == kind(ours) && theirs["enabled"] == ours["enabled"]
}

/// Returns the settings for new fields that differ from ours. A mapping may have additional rules
/// for them, and other types in our rules.
fn unfit_settings(theirs: &Value, ours: &Value) -> Vec<String> {
    let mut unfit = Vec::new();
    for (name, default) in
        [("dynamic", true), ("date_detection", true), ("numeric_detection", false)]
    {
        // OpenSearch returns some values as texts.
        let is = |mapping: &Value| match &mapping[name] {
            Value::Null => default.to_string(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if is(theirs) != is(ours) {
            unfit.push(name.to_owned());
        }
    }
    let rules = |mapping: &Value| {
        let rules = mapping["dynamic_templates"].as_array().into_iter().flatten();
        let rules = rules.filter_map(Value::as_object).flat_map(Map::values);
        rules.map(|rule| rule["match_mapping_type"].clone()).collect::<Vec<_>>()
    };
    let theirs = rules(theirs);
    if rules(ours).iter().any(|rule| !theirs.contains(rule)) {
        unfit.push("dynamic_templates".to_owned());
    }
    unfit
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
        Plan::new(DocumentForm::Mapped, Some(index), mapping, None).unwrap()
    }

    fn passthrough() -> Plan {
        Plan::new(DocumentForm::Passthrough, None, None, None).unwrap()
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
        let default = Plan::new(DocumentForm::Mapped, None, None, None).unwrap();
        assert_eq!(default.template, built_in);
        assert_eq!(default.index(Timestamp::YEAR_2000), "music-events-2000.01.01");
    }

    #[test]
    fn documents_that_are_the_event_have_their_own_template_and_indices() {
        let default = passthrough();
        let built_in: Value = serde_json::from_str(PASSTHROUGH_TEMPLATE).unwrap();
        assert_eq!(default.template, built_in);
        assert_eq!((&*default.name, default.patterns), ("events", vec!["events-*".to_owned()]));
        assert_eq!(passthrough().index(Timestamp::YEAR_2000), "events-2000.01.01");
        let other = Plan::new(DocumentForm::Passthrough, Some("logs-%Y"), None, Some(7)).unwrap();
        assert_eq!((other.policy_name(), &*other.name), ("logs-retention".to_owned(), "logs"));
        assert_eq!(other.template["template"], built_in["template"]);
        let mapping = Some(r#"{"order.number":["no"]}"#);
        let error = Plan::new(DocumentForm::Passthrough, None, mapping, None).unwrap_err();
        assert!(matches!(&error, CliError::Usage(_)), "{error:?}");
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
        let ours = &plan.template["template"]["mappings"];
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
            *theirs["properties"].pointer_mut(pointer).unwrap() = value;
            assert_eq!(plan.unfit_fields(&theirs), Vec::from_iter(unfit), "{pointer}");
        }
    }

    #[test]
    fn rules_for_new_fields_are_unfit_where_they_reject_or_lose_documents() {
        let passthrough = passthrough();
        let ours = &passthrough.template["template"]["mappings"];
        assert_eq!(passthrough.unfit_fields(ours), [""; 0]);
        let keyword = json!({"match_mapping_type": "string", "mapping": {"type": "keyword"}});
        for (pointer, value, unfit) in [
            ("/dynamic", json!("true"), &[][..]),
            ("/dynamic", Value::Null, &[]),
            ("/dynamic", json!(false), &["dynamic"]),
            ("/dynamic", json!("strict"), &["dynamic"]),
            ("/date_detection", Value::Null, &["date_detection"]),
            ("/date_detection", json!("true"), &["date_detection"]),
            ("/numeric_detection", Value::Null, &[]),
            ("/numeric_detection", json!(true), &["numeric_detection"]),
            ("/dynamic_templates/0/texts/mapping/ignore_above", json!(256), &[]),
            ("/dynamic_templates/2", json!({"other": keyword}), &["dynamic_templates"]),
            ("/dynamic_templates", Value::Null, &["dynamic_templates"]),
            ("/properties/@timestamp/type", json!("date"), &[]),
            ("/properties/@timestamp", Value::Null, &["@timestamp"]),
        ] {
            let mut theirs = ours.clone();
            *theirs.pointer_mut(pointer).unwrap() = value;
            assert_eq!(passthrough.unfit_fields(&theirs), unfit, "{pointer}");
        }
        // Neither template fits the other documents.
        let mapped = plan("music-events-%Y", None);
        assert!(mapped.unfit_fields(ours).contains(&"event.id".to_owned()));
        let unfit = passthrough.unfit_fields(&mapped.template["template"]["mappings"]);
        assert_eq!(unfit, ["dynamic", "dynamic_templates"]);
    }

    #[test]
    fn the_policy_deletes_old_indices() {
        assert_eq!(plan("shop", None).policy, None);
        let plan = Plan::new(DocumentForm::Mapped, Some("shop-%Y"), None, Some(30)).unwrap();
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
            let plan = Plan::new(DocumentForm::Mapped, Some(index), mapping, None);
            assert!(plan.is_err(), "{index} {mapping:?}");
        }
    }
}
