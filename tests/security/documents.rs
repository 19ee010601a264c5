//! Every row of the tables in SECURITY.md and docs/limits.md names an existing test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The tests of the crates in these folders, as `CRATE::NAME`.
fn tests() -> BTreeSet<String> {
    let project = suite::project();
    let functions = fs::read_dir(project.join("functions")).unwrap();
    let functions = functions.map(|entry| entry.unwrap().path());
    let others = ["cli", "local", "shared", "tests"].map(|folder| project.join(folder));
    let mut tests = BTreeSet::new();
    for folder in functions.chain(others) {
        let krate = folder.file_name().unwrap().to_str().unwrap().to_owned();
        add_tests(&folder, &krate, &mut tests);
    }
    tests
}

fn add_tests(path: &Path, krate: &str, tests: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            add_tests(&entry.unwrap().path(), krate, tests);
        }
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return;
    }
    let mut is_test = false;
    for line in fs::read_to_string(path).unwrap().lines().map(str::trim_start) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        let Some((name, _)) = function.and_then(|function| function.split_once('(')) else {
            continue;
        };
        if is_test {
            tests.insert(format!("{krate}::{name}"));
        }
        is_test = false;
    }
}

/// The cells of the rows of every table whose last column has this heading.
fn rows<'a>(text: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let mut rows = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        let Some(line) = line.strip_prefix("| ") else {
            is_inside &= line.starts_with("|--");
            continue;
        };
        let cells: Vec<_> = line.trim_end_matches(" |").split(" | ").collect();
        if cells.last() == Some(&heading) {
            is_inside = true;
        } else if is_inside {
            rows.push(cells);
        }
    }
    rows
}

/// The texts between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_row_names_tests_that_exist() {
    let tests = tests();
    assert!(tests.contains("tests::every_row_names_tests_that_exist"), "{tests:?}");
    for (document, least) in [("SECURITY.md", 10), ("docs/limits.md", 40)] {
        let text = fs::read_to_string(suite::project().join(document)).unwrap();
        let rows = rows(&text, "test");
        assert!(rows.len() >= least, "{document} has {} rows", rows.len());
        for row in rows {
            let names = quoted(row.last().unwrap());
            assert!(!names.is_empty(), "{document}: {row:?} names no test");
            let missing = names.iter().filter(|name| !tests.contains(**name));
            assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new(), "{document}");
        }
    }
}

#[test]
fn no_panel_shows_html() {
    const GRAPHS: [&str; 4] = ["row", "stat", "status-history", "timeseries"];
    for entry in fs::read_dir(suite::project().join("dashboards")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let dashboard: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        // Graphs show only the names of series as text.
        let others = panels.iter().filter(|panel| !GRAPHS.contains(&suite::text(&panel["type"])));
        assert_eq!(others.count(), 0, "{}", path.display());
        assert!(panels.len() > 5);
    }
}
