//! Facts that are well, and what is found where one of them is not.

use std::collections::BTreeMap;

use super::super::facts::{
    Answer, Consumed, Facts, Found, Function, Mapping, OpenSearch, Queue, RedrivePolicy, TakesFrom,
    Template,
};
use super::super::finding::Severity::{self, Error, Warning};
use super::check;

const DOMAIN: &str = "https://search-music-abc123.eu-west-1.es.amazonaws.com";

fn queue(name: &str) -> Queue {
    Queue {
        name: name.to_owned(),
        url: format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"),
        arn: format!("arn:aws:sqs:eu-west-1:123456789012:{name}"),
        visibility_seconds: Some(365),
        retention_seconds: Some(1_209_600),
        redrive: None,
        takes_from: None,
        is_encrypted: Some(true),
    }
}

/// As the template deploys it.
fn well() -> Facts {
    let dead = queue("music-dlq");
    let redrive = RedrivePolicy { dead_letter_arn: dead.arn.clone(), max_receive_count: 3 };
    let main = Queue { redrive: Some(redrive), ..queue("music") };
    let variables =
        [("OPENSEARCH_ENDPOINT", DOMAIN), ("QUARANTINE_QUEUE_URL", &queue("quarantine").url)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Facts {
        function: Some(Function {
            name: "consumer".to_owned(),
            timeout_seconds: 60,
            state: Some("Active".to_owned()),
            last_update: Some("Successful".to_owned()),
            reserved_concurrency: None,
            environment: Some(variables.into()),
        }),
        mappings: vec![Mapping {
            id: "5e1f".to_owned(),
            queue_arn: main.arn.clone(),
            state: "Enabled".to_owned(),
            reports_failures: true,
            window_seconds: 5,
            max_concurrency: Some(10),
            has_filter: false,
            last_result: Some("OK".to_owned()),
        }],
        queues: vec![Consumed {
            queue: Found::Queue(main),
            dead_letters: Some(Found::Queue(dead)),
        }],
        quarantine: Some(Found::Queue(queue("quarantine"))),
        opensearch: Some(OpenSearch {
            url: DOMAIN.to_owned(),
            answer: up("green", Template::Fits),
        }),
    }
}

fn up(health: &str, template: Template) -> Answer {
    let index = "music-events-2024.03.01".to_owned();
    Answer::Up { version: "2.19.3".to_owned(), health: health.to_owned(), index, template }
}

/// What is found where something is changed: how bad, and the check.
fn found(change: impl FnOnce(&mut Facts)) -> Vec<(Severity, &'static str)> {
    let mut facts = well();
    change(&mut facts);
    check(&facts).iter().map(|finding| (finding.severity, finding.check)).collect()
}

fn function(change: impl FnOnce(&mut Function)) -> Vec<(Severity, &'static str)> {
    found(|facts| change(facts.function.as_mut().unwrap()))
}

fn variable(name: &str, value: &str) -> Vec<(Severity, &'static str)> {
    function(|function| {
        let variables = function.environment.as_mut().unwrap();
        variables.insert(name.to_owned(), value.to_owned());
    })
}

fn mapping(change: impl FnOnce(&mut Mapping)) -> Vec<(Severity, &'static str)> {
    found(|facts| change(&mut facts.mappings[0]))
}

fn changed(found: &mut Found, change: impl FnOnce(&mut Queue)) {
    match found {
        Found::Queue(queue) => change(queue),
        other => panic!("{other:?}"),
    }
}

fn main_queue(change: impl FnOnce(&mut Queue)) -> Vec<(Severity, &'static str)> {
    found(|facts| changed(&mut facts.queues[0].queue, change))
}

fn dead(change: impl FnOnce(&mut Queue)) -> Vec<(Severity, &'static str)> {
    found(|facts| changed(facts.queues[0].dead_letters.as_mut().unwrap(), change))
}

fn quarantine(change: impl FnOnce(&mut Queue)) -> Vec<(Severity, &'static str)> {
    found(|facts| changed(facts.quarantine.as_mut().unwrap(), change))
}

fn answer(answer: Answer) -> Vec<(Severity, &'static str)> {
    found(|facts| facts.opensearch.as_mut().unwrap().answer = answer)
}

#[test]
fn the_templates_stack_is_well() {
    assert_eq!(found(|_| ()), []);
    assert_eq!(check(&Facts::default()), []);
}

#[test]
fn the_function() {
    let failed = || Some("Failed (no such image)".to_owned());
    assert_eq!(function(|f| f.state = failed()), [(Error, "function_state")]);
    assert_eq!(function(|f| f.last_update = failed()), [(Error, "function_state")]);
    assert_eq!(function(|f| f.reserved_concurrency = Some(0)), [(Error, "concurrency")]);
    assert_eq!(function(|f| f.reserved_concurrency = Some(9)), [(Warning, "concurrency")]);
    assert_eq!(function(|f| f.reserved_concurrency = Some(10)), []);
    assert_eq!(function(|f| f.environment = None), [(Warning, "settings")]);
    let empty = function(|f| f.environment = Some(BTreeMap::new()));
    assert_eq!(empty, [(Error, "settings")]);
    assert_eq!(function(|f| f.timeout_seconds = 2), [(Error, "deadline_margin")]);
    assert_eq!(function(|f| f.timeout_seconds = 3), []);
}

#[test]
fn its_settings_are_read_as_it_reads_them() {
    assert_eq!(variable("BULK_GZIP", "yes"), [(Error, "settings")]);
    assert_eq!(variable("MAPPING", "@/var/task/mapping.json"), []);
    assert_eq!(variable("MAPPING", "{"), [(Error, "settings")]);
    assert_eq!(variable("DEADLINE_MARGIN_MS", "60000"), [(Error, "deadline_margin")]);
    assert_eq!(variable("DEADLINE_MARGIN_MS", "59999"), []);
    let mut facts = well();
    let variables = facts.function.as_mut().unwrap().environment.as_mut().unwrap();
    variables.insert("BULK_GZIP".to_owned(), "yes".to_owned());
    let finding = &check(&facts)[0];
    let expected = "The function cannot start: BULK_GZIP is \"yes\", but must be on or off.";
    assert_eq!((finding.subject.as_str(), finding.problem.as_str()), ("consumer", expected));
}

#[test]
fn the_mapping() {
    assert_eq!(found(|facts| facts.mappings.clear()), [(Error, "no_mapping")]);
    assert_eq!(mapping(|m| m.queue_arn = queue("other").arn), [(Error, "no_mapping")]);
    let ignored = mapping(|m| m.reports_failures = false);
    assert_eq!(ignored, [(Error, "report_batch_item_failures")]);
    for (state, expected) in [
        ("Disabled", &[(Error, "mapping_disabled")][..]),
        ("Disabling", &[(Error, "mapping_disabled")]),
        ("Enabling", &[]),
        ("Updating", &[]),
    ] {
        assert_eq!(mapping(|m| state.clone_into(&mut m.state)), expected, "{state}");
    }
    assert_eq!(mapping(|m| m.has_filter = true), [(Warning, "mapping_filter")]);
    let problem = Some("PROBLEM: Function call failed".to_owned());
    assert_eq!(mapping(|m| m.last_result = problem), [(Warning, "last_batch")]);
    let unlimited = found(|facts| {
        facts.mappings[0].max_concurrency = None;
        facts.function.as_mut().unwrap().reserved_concurrency = Some(50);
    });
    assert_eq!(unlimited, [(Warning, "concurrency")]);
}

#[test]
fn the_visibility_timeout_is_six_timeouts_and_the_window() {
    assert_eq!(main_queue(|q| q.visibility_seconds = Some(364)), [(Error, "visibility_timeout")]);
    assert_eq!(main_queue(|q| q.visibility_seconds = Some(365)), []);
    assert_eq!(main_queue(|q| q.visibility_seconds = None), []);
    assert_eq!(mapping(|m| m.window_seconds = 6), [(Error, "visibility_timeout")]);
    assert_eq!(function(|f| f.timeout_seconds = 61), [(Error, "visibility_timeout")]);
    let mut facts = well();
    facts.mappings[0].window_seconds = 300;
    let remedy = "aws sqs set-queue-attributes --queue-url \
                  https://sqs.eu-west-1.amazonaws.com/123456789012/music \
                  --attributes VisibilityTimeout=660";
    assert_eq!(check(&facts)[0].remedy, remedy);
    // A queue alone tells nothing of the function.
    facts.function = None;
    assert_eq!(check(&facts), []);
}

#[test]
fn the_queue() {
    let none = found(|facts| {
        changed(&mut facts.queues[0].queue, |queue| queue.redrive = None);
        facts.queues[0].dead_letters = None;
    });
    assert_eq!(none, [(Error, "no_redrive_policy")]);
    for (count, expected) in [
        (1, &[(Warning, "max_receive_count")][..]),
        (2, &[(Warning, "max_receive_count")]),
        (3, &[]),
    ] {
        let found = main_queue(|q| q.redrive.as_mut().unwrap().max_receive_count = count);
        assert_eq!(found, expected, "{count}");
    }
    assert_eq!(main_queue(|q| q.retention_seconds = Some(345_600)), [(Warning, "retention")]);
    assert_eq!(main_queue(|q| q.is_encrypted = Some(false)), [(Warning, "encryption")]);
    assert_eq!(main_queue(|q| q.is_encrypted = None), []);
    let missing = || Found::Missing("music".to_owned());
    assert_eq!(found(|facts| facts.queues[0].queue = missing()), [(Error, "queue_missing")]);
    let unknown =
        || Found::Unknown { name: "music".to_owned(), why: "AccessDenied: no".to_owned() };
    assert_eq!(found(|facts| facts.queues[0].queue = unknown()), [(Warning, "queue_unknown")]);
}

#[test]
fn the_dead_letter_queue() {
    assert_eq!(dead(|q| q.retention_seconds = Some(345_600)), [(Error, "dead_letter_retention")]);
    let both = found(|facts| {
        let days = |queue: &mut Queue| queue.retention_seconds = Some(345_600);
        changed(&mut facts.queues[0].queue, days);
        changed(facts.queues[0].dead_letters.as_mut().unwrap(), days);
    });
    assert_eq!(both, [(Warning, "retention"), (Warning, "retention")]);
    let bare = dead(|q| (q.retention_seconds, q.is_encrypted) = (Some(60), Some(false)));
    assert_eq!(bare, [(Error, "dead_letter_retention"), (Warning, "encryption")]);
    assert_eq!(dead(|q| q.name.push_str(".fifo")), [(Error, "dead_letter_type")]);
    assert_eq!(main_queue(|q| q.name.push_str(".fifo")), [(Error, "dead_letter_type")]);
    let main = queue("music").arn;
    for (takes_from, expected) in [
        (TakesFrom::All, &[][..]),
        (TakesFrom::Nobody, &[(Error, "redrive_allow_policy")]),
        (TakesFrom::These(vec!["arn:other".to_owned(), main]), &[]),
        (TakesFrom::These(vec!["arn:other".to_owned()]), &[(Error, "redrive_allow_policy")]),
    ] {
        let found = dead(|q| q.takes_from = Some(takes_from.clone()));
        assert_eq!(found, expected, "{takes_from:?}");
    }
    let missing = Found::Missing("music-dlq".to_owned());
    let missing = found(|facts| facts.queues[0].dead_letters = Some(missing));
    assert_eq!(missing, [(Error, "queue_missing")]);
}

#[test]
fn the_quarantine() {
    let none = found(|facts| {
        facts.quarantine = None;
        let variables = facts.function.as_mut().unwrap().environment.as_mut().unwrap();
        variables.remove("QUARANTINE_QUEUE_URL");
    });
    assert_eq!(none, [(Warning, "quarantine")]);
    let missing = Found::Missing("quarantine".to_owned());
    assert_eq!(found(|facts| facts.quarantine = Some(missing)), [(Error, "queue_missing")]);
    assert_eq!(quarantine(|q| *q = queue("music")), [(Error, "quarantine")]);
    assert_eq!(quarantine(|q| q.retention_seconds = Some(60)), [(Warning, "retention")]);
}

#[test]
fn opensearch_as_the_function_is_told_of_it() {
    let endpoint = |url: &str| {
        found(|facts| {
            facts.opensearch = None;
            let variables = facts.function.as_mut().unwrap().environment.as_mut().unwrap();
            variables.insert("OPENSEARCH_ENDPOINT".to_owned(), url.to_owned());
        })
    };
    let wrong = [(Error, "opensearch_endpoint")];
    assert_eq!(endpoint(&DOMAIN.replace("https", "http")), wrong);
    assert_eq!(endpoint("https://abc123.eu-west-1.aoss.amazonaws.com"), wrong);
    assert_eq!(endpoint(&format!("{DOMAIN}/_dashboards")), wrong);
    assert_eq!(endpoint("http://10.0.0.1:9200"), []);
    assert_eq!(endpoint("search:9200"), [(Error, "settings")]);
    assert_eq!(variable("OPENSEARCH_SERVICE", "aoss"), wrong);
    assert_eq!(variable("OPENSEARCH_ENDPOINT", "https://search.example"), wrong);
    assert_eq!(variable("OPENSEARCH_ENDPOINT", &format!("{DOMAIN}:443/")), []);
}

#[test]
fn opensearch_as_it_answers() {
    assert_eq!(answer(up("yellow", Template::Fits)), []);
    assert_eq!(answer(up("red", Template::Fits)), [(Error, "opensearch_health")]);
    for template in
        [Template::Missing, Template::Unfit(vec!["extra".to_owned()]), Template::Unknown(403)]
    {
        assert_eq!(answer(up("green", template)), [(Warning, "index_template")]);
    }
    assert_eq!(answer(Answer::Refused(403)), [(Error, "opensearch_refused")]);
    let other = Answer::Other("/ answered 404 Not Found".to_owned());
    assert_eq!(answer(other), [(Error, "opensearch_endpoint")]);
    let silent = Answer::Silent("no answer: connection refused".to_owned());
    assert_eq!(answer(silent), [(Error, "opensearch_endpoint")]);
}

#[test]
fn the_worst_comes_first() {
    let found = found(|facts| {
        facts.mappings[0].has_filter = true;
        changed(&mut facts.queues[0].queue, |queue| queue.visibility_seconds = Some(30));
    });
    assert_eq!(found, [(Error, "visibility_timeout"), (Warning, "mapping_filter")]);
}
