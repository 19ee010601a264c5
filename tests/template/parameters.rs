//! Each parameter has an effect, and the parameters and outputs in the README exist.

use serde_json::Value;

use crate::stack::{BUCKET, Stack, list, object, read, template};

#[test]
fn every_parameter_reaches_a_resource() {
    let complete = Stack::complete();
    for (name, parameter) in object(&template()["Parameters"]) {
        let allowed = list(&parameter["AllowedValues"]).into_iter();
        let other = allowed.filter_map(Value::as_str).find(|value| parameter["Default"] != *value);
        let changed = Stack::with(&[BUCKET, (name, other.unwrap_or("changed"))]);
        assert!(!changed.resources().eq(complete.resources()), "{name} has no effect");
    }
}

#[test]
fn the_parameters_and_outputs_that_the_readme_names_exist() {
    let readme = read("README.md");
    let named = readme.split('`').skip(1).step_by(2).filter(|word| {
        word.chars().all(|letter| letter.is_ascii_alphabetic())
            && ["Arn", "Url", "LogGroupName", "Endpoint"].iter().any(|end| word.ends_with(end))
    });
    let mut count = 0;
    for name in named {
        let declared = ["Parameters", "Outputs"].map(|section| object(&template()[section]));
        assert!(declared.iter().any(|section| section.contains_key(name)), "{name}");
        count += 1;
    }
    assert!(count >= 10, "only {count} names");
}
