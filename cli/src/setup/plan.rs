//! What is put into OpenSearch: the index template for the indices in use, and the policy that
//! deletes old ones.

use std::fs::File;
use std::io::Read;

use local::opensearch::INDEX_TEMPLATE;
use serde_json::{Map, Value, json};
use shared::config::Environment;
use shared::event::Timestamp;
use sqs_consumer::IndexPattern;

use crate::failure::Failure;

/// The largest file of a mapping, in bytes, as the functions take it.
const MAX_MAPPING_BYTES: u64 = 1_048_576;

/// What is put into OpenSearch.
#[derive(Debug)]
pub(crate) struct Plan {
    index: IndexPattern,
    /// The name of the template: what all names of the indices begin with.
    pub(super) name: String,
    /// The names of the indices, with wildcards.
    pub(super) patterns: Vec<String>,
    /// The index template.
    pub(super) template: Value,
    /// The policy of Index State Management that deletes old indices, if there is to be one.
    pub(super) policy: Option<Value>,
}

impl Plan {
    /// The plan for the indices that `INDEX` names, with the fields of `MAPPING`.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a value that the functions refuse too, or for an index whose names
    /// have no beginning in common.
    pub(crate) fn new(
        index: &str,
        mapping: Option<&str>,
        retention_days: Option<u32>,
    ) -> Result<Self, Failure> {
        let parsed = IndexPattern::parse(index)
            .map_err(|error| Failure::usage(format_args!("--index {index}: {error}")))?;
        let (beginning, patterns) = match index.split_once('%') {
            Some((beginning, _)) => (beginning, vec![format!("{beginning}*")]),
            // A data stream, or an alias with indices that are numbered.
            None => (index, vec![index.to_owned(), format!("{index}-*")]),
        };
        let name = beginning.trim_end_matches(['-', '.', '_']);
        if name.is_empty() {
            let problem = "the names of the indices have no beginning in common";
            return Err(Failure::usage(format_args!("--index {index}: {problem}")));
        }
        let mut template: Value = serde_json::from_str(INDEX_TEMPLATE).map_err(Failure::failed)?;
        template["index_patterns"] = json!(patterns);
        if let Some(mapping) = mapping {
            let properties = template.pointer_mut("/template/mappings/properties");
            add_fields(properties.unwrap_or(&mut Value::Null), &fields(mapping)?);
        }
        let policy = retention_days.map(|days| policy(&patterns, days));
        Ok(Self { index: parsed, name: name.to_owned(), patterns, template, policy })
    }

    /// The name of the policy.
    pub(super) fn policy_name(&self) -> String {
        format!("{}-retention", self.name)
    }

    /// The index that documents of this time go to.
    pub(crate) fn index(&self, time: Timestamp) -> String {
        let mut name = Vec::new();
        self.index.write(time, &mut name);
        String::from_utf8_lossy(&name).into_owned()
    }

    /// The fields of this plan that an index with these properties lacks, or maps in a way that
    /// refuses or loses documents: as a dotted path each.
    pub(crate) fn unfit_fields(&self, properties: &Value) -> Vec<String> {
        let mut unfit = Vec::new();
        let ours = self.template.pointer("/template/mappings/properties").unwrap_or(&Value::Null);
        for (name, ours) in ours.as_object().into_iter().flatten() {
            let theirs = &properties[name];
            match ours["properties"].as_object() {
                Some(fields) => {
                    let is_lacking = |field: &&String| theirs["properties"][*field].is_null();
                    unfit.extend(
                        fields.keys().filter(is_lacking).map(|field| format!("{name}.{field}")),
                    );
                }
                None if is_as_good(theirs, ours) => {}
                None => unfit.push(name.clone()),
            }
        }
        unfit
    }
}

/// The document fields of a mapping, which the functions take.
fn fields(mapping: &str) -> Result<Map<String, Value>, Failure> {
    let environment: Environment = [("MAPPING", mapping)].into_iter().collect();
    shared::event::model(&environment).map_err(Failure::usage)?;
    let mut text = String::new();
    let mut json = mapping;
    if let Some(path) = mapping.strip_prefix('@') {
        let file = File::open(path).map_err(Failure::usage)?;
        #[expect(clippy::disallowed_methods, reason = "bounded by take")]
        file.take(MAX_MAPPING_BYTES).read_to_string(&mut text).map_err(Failure::usage)?;
        json = &text;
    }
    serde_json::from_str(json).map_err(Failure::usage)
}

/// Maps the fields that the template does not know as keywords, which take every value.
fn add_fields(properties: &mut Value, fields: &Map<String, Value>) {
    for (group, name) in fields.keys().filter_map(|field| field.split_once('.')) {
        let members = &mut properties[group]["properties"];
        if members[name].is_null() {
            members[name] = json!({"type": "keyword", "ignore_above": 1024});
        }
    }
}

/// Whether a field at the top level does for documents what ours does: `@timestamp` may be a `date`
/// too, `extra` must not become a field for each of its members, and `overflow` not searched.
fn is_as_good(theirs: &Value, ours: &Value) -> bool {
    let kind = |field: &Value| match field["type"].as_str() {
        Some("date") => Some("date_nanos".to_owned()),
        kind => kind.map(str::to_owned),
    };
    kind(theirs) == kind(ours) && theirs["enabled"] == ours["enabled"]
}

/// Deletes an index so many days after it was created (source: OpenSearch documentation, "Index
/// State Management", "Policies").
fn policy(patterns: &[String], days: u32) -> Value {
    json!({"policy": {
        "description": format!("Deletes indices {days} days after they were created (sluice setup)"),
        "default_state": "kept",
        "states": [
            {
                "name": "kept",
                "actions": [],
                "transitions": [
                    {"state_name": "deleted", "conditions": {"min_index_age": format!("{days}d")}},
                ],
            },
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
    fn the_template_is_for_the_indices_in_use() {
        for (index, name, patterns, today) in [
            (
                "music-events-%Y.%m.%d",
                "music-events",
                &["music-events-*"][..],
                "music-events-2000.01.01",
            ),
            ("shop-%Y.%m", "shop", &["shop-*"], "shop-2000.01"),
            ("plays_%G-w%V", "plays", &["plays_*"], "plays_1999-w52"),
            ("plays", "plays", &["plays", "plays-*"], "plays"),
        ] {
            let plan = plan(index, None);
            assert_eq!(plan.name, name);
            assert_eq!(plan.patterns, patterns);
            assert_eq!(plan.template["index_patterns"], json!(patterns));
            assert_eq!(plan.index(Timestamp::YEAR_2000), today);
        }
        let built_in: Value = serde_json::from_str(INDEX_TEMPLATE).unwrap();
        assert_eq!(plan("music-events-%Y.%m.%d", None).template, built_in);
    }

    #[test]
    fn fields_of_a_mapping_are_keywords_where_they_are_new() {
        let mapping = r#"{"event.id":["uuid"],"order.number":["no"],"song.duration_ms":["d"]}"#;
        let template = plan("shop-%Y.%m", Some(mapping)).template;
        let properties = &template["template"]["mappings"]["properties"];
        let keyword = json!({"type": "keyword", "ignore_above": 1024});
        assert_eq!(properties["order"], json!({"properties": {"number": keyword}}));
        assert_eq!(properties["song"]["properties"]["duration_ms"]["type"], "double");
        assert_eq!(properties["extra"]["type"], "flat_object");
    }

    #[test]
    fn a_template_that_lacks_a_field_does_not_fit() {
        let plan = plan("shop-%Y.%m", Some(r#"{"order.number":["no"],"song.id":["s"]}"#));
        let ours = &plan.template["template"]["mappings"]["properties"];
        let unfit = |change: fn(&mut Value)| {
            let mut theirs = ours.clone();
            change(&mut theirs);
            plan.unfit_fields(&theirs)
        };
        assert_eq!(unfit(|_| ()), [""; 0]);
        assert_eq!(unfit(|theirs| theirs["@timestamp"] = json!({"type": "date"})), [""; 0]);
        assert_eq!(
            unfit(|theirs| theirs["@timestamp"] = json!({"type": "keyword"})),
            ["@timestamp"]
        );
        assert_eq!(unfit(|theirs| theirs["order"] = json!({"type": "object"})), ["order.number"]);
        assert_eq!(unfit(|theirs| theirs["extra"] = json!({"type": "object"})), ["extra"]);
        assert_eq!(unfit(|theirs| theirs["overflow"]["enabled"] = json!(true)), ["overflow"]);
        assert_eq!(
            unfit(|theirs| theirs["song"]["properties"]["id"]["type"] = json!("text")),
            [""; 0]
        );
    }

    #[test]
    fn a_policy_deletes_what_is_old() {
        assert_eq!(plan("shop", None).policy, None);
        let plan = Plan::new("shop-%Y", None, Some(30)).unwrap();
        assert_eq!(plan.policy_name(), "shop-retention");
        let policy = plan.policy.unwrap();
        let condition = policy.pointer("/policy/states/0/transitions/0/conditions/min_index_age");
        assert_eq!(condition, Some(&json!("30d")));
        let patterns = policy.pointer("/policy/ism_template/0/index_patterns");
        assert_eq!(patterns, Some(&json!(["shop-*"])));
    }

    #[test]
    fn what_the_functions_refuse_is_refused() {
        for (index, mapping) in [
            ("Shop", None),
            ("shop-%Q", None),
            ("%Y.%m", None),
            ("shop", Some(r#"{"order":["no"]}"#)),
        ] {
            assert!(Plan::new(index, mapping, None).is_err(), "{index} {mapping:?}");
        }
    }
}
