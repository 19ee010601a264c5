//! Functions that consume messages.

use serde_json::{Value, json};
use testkit::Script;

/// A function that always returns this answer.
pub(crate) fn answering(answer: &str) -> Script {
    let answer = answer.to_owned();
    Script::new(move |_, _| Ok(answer.clone()))
}

/// A function for which the messages with this text in their body fail.
pub(crate) fn failing_on(text: &'static str) -> Script {
    Script::new(move |event, _| {
        let failed = records(event).iter().filter(|record| body(record).contains(text));
        let failed = failed.map(|record| json!({"itemIdentifier": record["messageId"]}));
        Ok(json!({"batchItemFailures": failed.collect::<Vec<_>>()}))
    })
}

/// The bodies of each event so far.
pub(crate) fn bodies(script: &Script) -> Vec<Vec<String>> {
    let bodies =
        |event: &Value| records(event).iter().map(|record| body(record).to_owned()).collect();
    script.events().iter().map(bodies).collect()
}

pub(crate) fn records(event: &Value) -> &[Value] {
    event["Records"].as_array().unwrap()
}

fn body(record: &Value) -> &str {
    record["body"].as_str().unwrap()
}
