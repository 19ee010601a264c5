//! The format of BigQuery's requests and answers, as Google publishes it.

use std::sync::LazyLock;

use serde_json::Value;

/// The part of Google's discovery document that sluice uses, with its revision.
static DISCOVERY: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("bigquery.json")).unwrap());

/// Checks a request or an answer, such as a `JobList`, against Google's schema of that name: each
/// member must be in the schema and have its type.
///
/// # Panics
/// If the check fails. A member that BigQuery has and `bigquery.json` does not is added there from
/// the discovery document.
pub fn assert_bigquery(schema: &str, value: &Value) {
    assert_is(&DISCOVERY["schemas"][schema], value, schema);
}

/// Checks the query of a URL against the parameters of a method, such as `jobs.list`.
///
/// # Panics
/// If a parameter does not belong to the method, or has another type.
pub fn assert_bigquery_query(method: &str, query: &str) {
    for (name, text) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let known = &DISCOVERY["parameters"][method]["properties"][name];
        let value = match known["type"].as_str() {
            Some("string") => text.into(),
            _ => serde_json::from_str(text).unwrap_or_default(),
        };
        assert_is(known, &value, &format!("{method}, {name}"));
    }
}

fn assert_is(schema: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        return assert_is(&DISCOVERY["schemas"][name], value, &format!("{at}: {name}"));
    }
    let is_right = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        // 64-bit numbers are text.
        Some("string") if schema["format"].is_string() => {
            value.as_str().is_some_and(|text| text.parse::<i64>().is_ok())
        }
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("any") => return,
        _ => panic!("{at} is not in the discovery document: {value}"),
    };
    assert!(is_right, "{at} is not of the type that it has in the discovery document: {value}");
    for (name, member) in value.as_object().into_iter().flatten() {
        assert_is(&schema["properties"][name], member, &format!("{at}.{name}"));
    }
    for item in value.as_array().into_iter().flatten() {
        assert_is(&schema["items"], item, &format!("{at}[]"));
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use serde_json::json;

    use super::*;

    #[test]
    fn other_members_and_types_are_noticed() {
        let job = |statistics: Value| json!({"jobs": [{ "statistics": statistics }]});
        let row = |row: Value| json!({"jobComplete": true, "rows": [row]});
        for (schema, value, is_right) in [
            ("JobList", job(json!({"query": {"totalBytesBilled": "7"}})), true),
            ("JobList", job(json!({"query": {"totalBytesBilled": 7}})), false),
            ("JobList", job(json!({"query": {"totalBytesBilled": "many"}})), false),
            ("JobList", job(json!({"query": {"bytesBilled": "7"}})), false),
            ("JobList", job(json!([])), false),
            ("JobList", json!({"jobs": {}}), false),
            ("QueryResponse", row(json!({"f": [{"v": null}, {"v": [{"v": "1"}]}]})), true),
            ("QueryResponse", row(json!({"f": {}})), false),
            ("QueryResponse", json!({"jobComplete": "true"}), false),
            ("QueryRequest", json!({"maxResults": "1"}), false),
            ("Jobs", json!({}), false),
        ] {
            let found = catch_unwind(|| assert_bigquery(schema, &value)).is_ok();
            assert_eq!(found, is_right, "{value}");
        }
        for (query, is_right) in [
            ("", true),
            ("allUsers=true&maxResults=1000&pageToken=7", true),
            ("allUsers=yes", false),
            ("maxResults=many", false),
            ("users=all", false),
        ] {
            let found = catch_unwind(|| assert_bigquery_query("jobs.list", query)).is_ok();
            assert_eq!(found, is_right, "{query}");
        }
    }
}
