//! Secrets in settings: in the wrong variable, or in an invalid one.

use std::collections::BTreeMap;
use std::fs;

use futures_util::stream::{self, StreamExt};

use crate::canaries::{AT_ONCE, NOWHERE, SHORT, build};
use crate::subjects::{SUBJECTS, Subject};
use crate::world::SECRET;

/// Parts of the names of variables whose values are secrets or lead to them.
const OF_SECRETS: [&str; 5] = ["CREDENTIALS", "PASSWORD", "SECRET", "TOKEN", "WEBHOOK"];
/// Parts of the names of variables whose values are URLs, which can contain a user and a password.
const OF_URLS: [&str; 2] = ["ENDPOINT", "URL"];

/// The variables in the tables of a function's README.
fn variables(function: &str) -> Vec<String> {
    let readme = suite::project().join("functions").join(function).join("README.md");
    let text = fs::read_to_string(readme).unwrap();
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split("`, `")).map(|name| name.trim_end_matches('`'));
    let is_name = |name: &&str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    names.filter(is_name).map(str::to_owned).collect()
}

fn hostile(name: &str) -> Vec<String> {
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let secret = has(&OF_SECRETS).then(|| SECRET.to_owned());
    let url = |path: &str| format!("http://ada:{SECRET}@127.0.0.1:1/{path}");
    let urls = if has(&OF_SECRETS) || has(&OF_URLS) { vec![url("a"), url("a b")] } else { vec![] };
    secret.into_iter().chain(urls).collect()
}

#[tokio::test]
async fn no_error_about_a_setting_shows_a_secret() {
    // A function with several events has one environment: that of the last event.
    let subjects: BTreeMap<_, _> =
        SUBJECTS.iter().map(|subject| (subject.function, subject)).collect();
    let cases: Vec<(&Subject, String, String)> = subjects
        .values()
        .flat_map(|subject| {
            let names = variables(subject.function).into_iter();
            names
                .flat_map(|name| hostile(&name).into_iter().map(move |value| (name.clone(), value)))
                .map(|(name, value)| (*subject, name, value))
        })
        .collect();
    build();
    assert!(cases.len() > 60, "{}", cases.len());
    let runs = cases.iter().map(|(subject, name, value)| async move {
        let observed = subject.invoke(NOWHERE, &[(name, value)], SHORT).await;
        subject.found(&observed, &format!("{name}={value}"))
    });
    let found: Vec<_> = stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
    let found: Vec<_> = found.into_iter().flatten().collect();
    assert!(found.is_empty(), "{found:#?}");
}
