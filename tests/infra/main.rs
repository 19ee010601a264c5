//! The templates of `infra/`: the workload management configuration is valid in Redshift, and the
//! lake's table matches the documents.

#![cfg(test)]

mod lake;
mod wlm;

use serde_json::Value;

/// The resources of a template, with its functions in their long form.
fn resources(template: &str) -> Value {
    suite::read(&format!("infra/{template}"))["Resources"].clone()
}
