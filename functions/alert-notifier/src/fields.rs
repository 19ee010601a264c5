//! Reads JSON members that may be missing or of any type.

use serde_json::Value;

/// Returns a member of an object by one of its names: SNS writes `AlarmName`, EventBridge
/// `alarmName`. A member that is null is missing.
pub(crate) fn member<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| value.get(name).filter(|found| !found.is_null()))
}

/// Returns a member as text, as [`scalar`] does.
pub(crate) fn text(value: &Value, names: &[&str]) -> Option<String> {
    scalar(member(value, names)?)
}

/// Returns a text that is not blank, a number or a boolean as text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(without_zero(&number.to_string()).to_owned()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Returns `50` for `50.0`.
pub(crate) fn without_zero(number: &str) -> &str {
    number.strip_suffix(".0").unwrap_or(number)
}

/// Returns the items of a member that is an array.
pub(crate) fn items<'a>(value: &'a Value, names: &[&str]) -> &'a [Value] {
    member(value, names).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns names and values of a member: an object, or an array of objects with a name and a value.
pub(crate) fn pairs(value: &Value, names: &[&str]) -> Vec<(String, String)> {
    match member(value, names) {
        Some(Value::Object(members)) => {
            let pair = |(name, value): (&String, _)| Some((name.clone(), scalar(value)?));
            members.iter().filter_map(pair).collect()
        }
        Some(Value::Array(items)) => {
            let pair =
                |item| Some((text(item, &["name", "Name"])?, text(item, &["value", "Value"])?));
            items.iter().filter_map(pair).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_are_text_and_other_values_are_missing() {
        let value = json!({"a": null, "A": 50.0, "b": " ", "c": [1], "d": true, "e": 0.5});
        assert_eq!(text(&value, &["a", "A"]).as_deref(), Some("50"));
        assert_eq!(text(&value, &["b"]), None);
        assert_eq!(text(&value, &["c"]), None);
        assert_eq!(text(&value, &["d"]).as_deref(), Some("true"));
        assert_eq!(text(&value, &["e"]).as_deref(), Some("0.5"));
        assert_eq!(text(&json!("a"), &["a"]), None);
        assert_eq!(items(&value, &["c"]), [json!(1)]);
        assert_eq!(items(&value, &["d"]), [] as [Value; 0]);
    }

    #[test]
    fn dimensions_are_an_array_or_an_object() {
        let expected = vec![("FunctionName".to_owned(), "plays".to_owned())];
        for value in [
            json!({"d": {"FunctionName": "plays", "x": null, "y": []}}),
            json!({"d": [{"name": "FunctionName", "value": "plays"}, {"name": "x"}, 5]}),
            json!({"d": [{"Name": "FunctionName", "Value": "plays"}]}),
        ] {
            assert_eq!(pairs(&value, &["d"]), expected);
        }
        assert_eq!(pairs(&json!({"d": 5}), &["d"]), []);
    }
}
