//! Whatever a resource or an output refers to is deployed with it, with any options.

use serde_json::Value;

use crate::stack::{Stack, texts};

/// The names in `${Name}` and `${Name.Attribute}`, except the variables of IAM policies.
fn named(value: &Value) -> Vec<String> {
    let text = value.to_string();
    let references = text.split("${").skip(1).filter_map(|rest| rest.split(['}', '.']).next());
    references.filter(|name| !name.starts_with("aws:")).map(str::to_owned).collect()
}

#[test]
fn everything_that_is_named_is_deployed() {
    for stack in Stack::variants() {
        let mut count = 0;
        for (from, member) in stack.resources().chain(stack.outputs()) {
            let first = texts(&member["DependsOn"]).into_iter().map(str::to_owned);
            for name in named(member).into_iter().chain(first) {
                assert!(stack.has(&name), "{from} names {name}, which is not deployed");
                count += 1;
            }
        }
        assert!(count >= 200, "only {count} references");
    }
}
