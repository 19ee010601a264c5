//! Workload management.
//!
//! Source: "Workload management configuration", Amazon Redshift Management Guide.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Map, Value, json};

use crate::resources;

const MAX_QUEUES: usize = 8;
const MAX_RULES: usize = 25;
const MAX_PREDICATES: usize = 3;

fn file(name: &str) -> Value {
    let path = suite::project().join("infra").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The first error of a configuration, if any.
fn wrong(configuration: &Value) -> Option<String> {
    let entries = configuration.as_array()?;
    let is_queue = |entry: &&Value| entry.get("short_query_queue").is_none();
    let queues: Vec<_> = entries.iter().filter(is_queue).collect();
    let (mut names, mut rules, mut memory) = (BTreeSet::new(), 0, Vec::new());
    for queue in &queues {
        let members = queue.as_object()?;
        if let Some(error) = wrong_queue(members) {
            return Some(error);
        }
        if !names.insert(members["name"].as_str()?) {
            return Some("two queues have one name".to_owned());
        }
        memory.push(members.get("memory_percent_to_use").and_then(Value::as_u64));
        rules += members.get("rules").and_then(Value::as_array).map_or(0, Vec::len);
    }
    let is_given = |percent: &Option<u64>| percent.is_some();
    let last = queues.last()?;
    let error = if queues.len() > MAX_QUEUES {
        "too many queues"
    } else if rules > MAX_RULES {
        "too many rules"
    } else if memory.iter().any(is_given) && !memory.iter().all(is_given) {
        "memory is given for some queues only"
    } else if memory.iter().flatten().sum::<u64>() > 100 {
        "more memory than there is"
    } else if ["query_group", "user_group"].iter().any(|group| last[*group] != json!([])) {
        "the last queue takes what no other takes"
    } else {
        return None;
    };
    Some(error.to_owned())
}

fn wrong_queue(queue: &Map<String, Value>) -> Option<String> {
    let is_name = |value: &Value| {
        value.as_str().is_some_and(|name| {
            let mut letters = name.chars();
            (1..=64).contains(&name.len())
                && letters.all(|one| one.is_ascii_alphanumeric() || "_ ".contains(one))
        })
    };
    let is_one_of = |value: &Value, allowed: &[&str]| {
        value.as_str().is_some_and(|text| allowed.contains(&text))
    };
    let is_auto = queue.get("auto_wlm") == Some(&json!(true));
    for (key, value) in queue {
        let fits = match key.as_str() {
            "name" => is_name(value),
            "query_group" | "user_group" => {
                value.as_array().is_some_and(|groups| groups.iter().all(Value::is_string))
            }
            "query_group_wild_card" | "user_group_wild_card" => {
                [json!(0), json!(1)].contains(value)
            }
            "queue_type" => *value == if is_auto { "auto" } else { "manual" },
            "auto_wlm" => value.is_boolean(),
            "priority" => {
                is_auto && is_one_of(value, &["highest", "high", "normal", "low", "lowest"])
            }
            "concurrency_scaling" => is_one_of(value, &["auto", "off"]),
            "query_concurrency" => {
                !is_auto && value.as_u64().is_some_and(|n| (1..=50).contains(&n))
            }
            "memory_percent_to_use" => {
                !is_auto && value.as_u64().is_some_and(|n| (1..=100).contains(&n))
            }
            "rules" => value
                .as_array()
                .is_some_and(|rules| rules.iter().all(|rule| is_rule(rule, is_auto))),
            _ => false,
        };
        if !fits {
            return Some(format!("{key} is {value}"));
        }
    }
    let missing = ["name", "query_group", "user_group", "queue_type", "concurrency_scaling"]
        .into_iter()
        .find(|key| !queue.contains_key(*key));
    missing.map(|key| format!("{key} is missing"))
}

fn is_rule(rule: &Value, is_auto: bool) -> bool {
    let action = rule["action"].as_str().unwrap_or_default();
    let actions = if is_auto { "change_query_priority" } else { "hop" };
    let is_predicate = |predicate: &Value| {
        predicate["metric_name"].is_string()
            && ["=", "<", ">"].contains(&predicate["operator"].as_str().unwrap_or_default())
            && predicate["value"].is_u64()
    };
    rule["rule_name"].as_str().is_some_and(|name| (1..=32).contains(&name.len()))
        && ["log", "abort", actions].contains(&action)
        && rule["predicate"].as_array().is_some_and(|all| {
            (1..=MAX_PREDICATES).contains(&all.len()) && all.iter().all(is_predicate)
        })
}

#[test]
fn the_configurations_are_what_redshift_takes_and_the_template_holds_one() {
    let (automatic, manual) = (file("wlm-auto.json"), file("wlm-manual.json"));
    assert_eq!((wrong(&automatic), wrong(&manual)), (None, None));
    let parameters =
        resources("redshift.yaml")["ProductionParameters"]["Properties"]["Parameters"].clone();
    let held = parameters.as_array().unwrap().iter();
    let held = held.filter(|parameter| parameter["ParameterName"] == "wlm_json_configuration");
    let held: Vec<Value> = held
        .map(|parameter| {
            serde_json::from_str(parameter["ParameterValue"].as_str().unwrap()).unwrap()
        })
        .collect();
    assert_eq!(held, std::slice::from_ref(&automatic));
    // Both have the same queues, with the same groups, scaling and rules.
    for (one, other) in automatic.as_array().unwrap().iter().zip(manual.as_array().unwrap()) {
        for key in ["name", "query_group", "user_group", "concurrency_scaling", "rules"] {
            assert_eq!(one.get(key), other.get(key), "{key}");
        }
    }
}

#[test]
fn a_configuration_that_redshift_would_refuse_is_found() {
    let change = |file: &Value, pointer: &str, value: Value| {
        let mut changed = file.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        wrong(&changed).unwrap_or_else(|| panic!("{pointer} is taken"))
    };
    let (automatic, manual) = (file("wlm-auto.json"), file("wlm-manual.json"));
    for (pointer, value) in [
        ("/0/name", json!("x".repeat(65))),
        ("/0/name", json!("analytics")),
        ("/0/priority", json!("urgent")),
        ("/0/query_group", json!("etl")),
        ("/0/concurrency_scaling", json!("on")),
        ("/0/queue_type", json!("manual")),
        ("/0/user_group_wild_card", json!(true)),
        ("/3/user_group", json!(["all"])),
        ("/2/rules/0/action", json!("hop")),
        ("/2/rules/0/predicate/0/operator", json!(">=")),
        ("/2/rules/0/predicate/0/value", json!("300")),
        ("/2/rules/0/rule_name", json!("x".repeat(33))),
        ("/2/rules/0/predicate", json!([{}, {}, {}, {}])),
    ] {
        change(&automatic, pointer, value);
    }
    for (pointer, value) in [
        ("/0/memory_percent_to_use", json!(61)),
        ("/0/query_concurrency", json!(51)),
        ("/2/rules/0/action", json!("change_query_priority")),
    ] {
        change(&manual, pointer, value);
    }
    let with = |file: &Value, key: &str, value: Value| {
        let mut changed = file.clone();
        changed[0][key] = value;
        wrong(&changed).unwrap_or_else(|| panic!("{key} is taken"))
    };
    with(&automatic, "query_concurrency", json!(5));
    with(&automatic, "memory_percent_to_use", json!(5));
    with(&automatic, "target_queue_time", json!(5));
    with(&manual, "priority", json!("high"));
    let mut some = manual;
    some[0].as_object_mut().unwrap().remove("memory_percent_to_use");
    assert!(wrong(&some).is_some());
    let mut many = automatic;
    let queue = many[0].clone();
    let more = (0..6).map(|number| {
        let mut queue = queue.clone();
        queue["name"] = json!(format!("q{number}"));
        queue
    });
    many.as_array_mut().unwrap().splice(0..0, more);
    assert!(wrong(&many).is_some());
}
