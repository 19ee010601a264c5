//! Reading JSON of which nothing is certain.

use serde_json::{Map, Value};

/// A member of an object, by one of its names: SNS writes `AlarmName` where EventBridge writes
/// `alarmName`. What is null is not there.
#[must_use]
pub(crate) fn member<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| value.get(name).filter(|found| !found.is_null()))
}

/// A member as text: a text that is not blank, a number or a boolean.
#[must_use]
pub(crate) fn text(value: &Value, names: &[&str]) -> Option<String> {
    scalar(member(value, names)?)
}

/// A text that is not blank, a number or a boolean.
#[must_use]
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
        Value::Number(number) => {
            let text = number.to_string();
            // 50.0 says no more than 50.
            Some(text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned))
        }
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The items of a member that is an array.
#[must_use]
pub(crate) fn items<'a>(value: &'a Value, names: &[&str]) -> &'a [Value] {
    member(value, names).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Names and values of a member: an object, or an array of objects with a name and a value.
#[must_use]
pub(crate) fn pairs(value: &Value, names: &[&str]) -> Vec<(String, String)> {
    match member(value, names) {
        Some(Value::Object(map)) => of_map(map),
        Some(Value::Array(items)) => {
            let pair =
                |item| Some((text(item, &["name", "Name"])?, text(item, &["value", "Value"])?));
            items.iter().filter_map(pair).collect()
        }
        _ => Vec::new(),
    }
}

fn of_map(map: &Map<String, Value>) -> Vec<(String, String)> {
    map.iter().filter_map(|(name, value)| Some((name.clone(), scalar(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn takes_what_is_there_and_nothing_else() {
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
