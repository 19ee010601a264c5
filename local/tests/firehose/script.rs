//! Functions that transform records.

use serde_json::{Value, json};
use testkit::Script;

use super::base64;

/// Each record becomes itself.
pub(crate) fn echo() -> Script {
    each(|data| answered("Ok", Some(data)))
}

/// A function that answers each record with the result of `answer`, to which the id is added.
pub(crate) fn each(answer: impl Fn(&str) -> Value + Send + Sync + 'static) -> Script {
    Script::new(move |request, _| Ok(answer_each(request, &answer)))
}

/// The number of records in each request so far.
pub(crate) fn batches(script: &Script) -> Vec<usize> {
    script.events().iter().map(|request| records(request).len()).collect()
}

pub(crate) fn records(request: &Value) -> &[Value] {
    request["records"].as_array().unwrap()
}

/// The data of a record, as the function receives it.
pub(crate) fn data(record: &Value) -> String {
    let data = record["data"].as_str().unwrap();
    String::from_utf8(base64_simd::STANDARD.decode_to_vec(data).unwrap()).unwrap()
}

pub(crate) fn answered(result: &str, data: Option<&str>) -> Value {
    match data {
        Some(data) => json!({"result": result, "data": base64(data)}),
        None => json!({"result": result}),
    }
}

pub(crate) fn answer_each(request: &Value, answer: impl Fn(&str) -> Value) -> Value {
    let answers = records(request).iter().map(|record| {
        let mut answer = answer(&data(record));
        answer["recordId"] = record["recordId"].clone();
        answer
    });
    json!({"records": answers.collect::<Vec<_>>()})
}
