//! Facts without a problem, and the findings after a change.

use std::collections::BTreeMap;

use super::super::facts::{
    ConsumedQueue, Facts, Function, Lookup, Mapping, OpenSearch, OpenSearchReply, Queue,
    RedriveAllowPolicy, RedrivePolicy, Template,
};
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
        redrive_allow: None,
        is_encrypted: Some(true),
        ..Queue::default()
    }
}

/// The stack that the template deploys.
fn deployed() -> Facts {
    let dead = queue("music-dlq");
    let redrive = RedrivePolicy { dead_letter_target_arn: dead.arn.clone(), max_receive_count: 3 };
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
            ..Function::default()
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
        queues: vec![ConsumedQueue {
            queue: Lookup::Found(main),
            dead_letters: Some(Lookup::Found(dead)),
        }],
        quarantine: Some(Lookup::Found(queue("quarantine"))),
        opensearch: Some(OpenSearch { url: DOMAIN.to_owned(), reply: up("green", Template::Fits) }),
    }
}

fn up(health: &str, template: Template) -> OpenSearchReply {
    let index = "music-events-2024.03.01".to_owned();
    OpenSearchReply::Up { version: "2.19.3".to_owned(), health: health.to_owned(), index, template }
}

fn function(facts: &mut Facts) -> &mut Function {
    facts.function.as_mut().unwrap()
}

fn variables(facts: &mut Facts) -> &mut BTreeMap<String, String> {
    function(facts).environment.as_mut().unwrap()
}

fn set(facts: &mut Facts, name: &str, value: &str) {
    variables(facts).insert(name.to_owned(), value.to_owned());
}

fn set_endpoint(facts: &mut Facts, url: &str) {
    facts.opensearch = None;
    set(facts, "OPENSEARCH_ENDPOINT", url);
}

fn found(lookup: Option<&mut Lookup>) -> &mut Queue {
    match lookup {
        Some(Lookup::Found(queue)) => queue,
        other => panic!("{other:?}"),
    }
}

fn main_queue(facts: &mut Facts) -> &mut Queue {
    found(Some(&mut facts.queues[0].queue))
}

fn dead(facts: &mut Facts) -> &mut Queue {
    found(facts.queues[0].dead_letters.as_mut())
}

fn reply(facts: &mut Facts) -> &mut OpenSearchReply {
    &mut facts.opensearch.as_mut().unwrap().reply
}

fn missing(name: &str) -> Lookup {
    Lookup::Missing(name.to_owned())
}

fn allow(facts: &mut Facts, arns: &[&str]) {
    let source_queue_arns = arns.iter().map(|arn| (*arn).to_owned()).collect();
    dead(facts).redrive_allow = Some(RedriveAllowPolicy::ByQueue { source_queue_arns });
}

/// A change, and severity and check of its findings.
type Case<'a> = (fn(&mut Facts), &'a str);

fn assert_findings<const N: usize>(cases: [Case<'_>; N]) {
    for (at, (change, expected)) in cases.into_iter().enumerate() {
        let mut facts = deployed();
        change(&mut facts);
        let findings = check(&facts);
        let shown = findings.iter().map(|one| format!("{} {}", one.severity.name(), one.check));
        assert_eq!(shown.collect::<Vec<_>>().join(", "), expected, "case {at}");
    }
}

#[test]
fn the_function() {
    assert_findings([
        (|_| (), ""),
        (|facts| *facts = Facts::default(), ""),
        (|facts| function(facts).state = Some("Failed (x)".to_owned()), "error function_state"),
        (|facts| function(facts).last_update = Some("Failed".to_owned()), "error function_state"),
        (|facts| function(facts).reserved_concurrency = Some(0), "error concurrency"),
        (|facts| function(facts).reserved_concurrency = Some(9), "warning concurrency"),
        (|facts| function(facts).reserved_concurrency = Some(10), ""),
        (|facts| function(facts).environment = None, "warning settings"),
        (|facts| variables(facts).clear(), "error settings"),
        (|facts| function(facts).timeout_seconds = 2, "error deadline_margin"),
        (|facts| function(facts).timeout_seconds = 3, ""),
        (|facts| set(facts, "BULK_GZIP", "yes"), "error settings"),
        (|facts| set(facts, "MAPPING", "@/var/task/mapping.json"), ""),
        (|facts| set(facts, "MAPPING", "{"), "error settings"),
        (|facts| set(facts, "DEADLINE_MARGIN_MS", "60000"), "error deadline_margin"),
        (|facts| set(facts, "DEADLINE_MARGIN_MS", "59999"), ""),
    ]);
    let mut facts = deployed();
    set(&mut facts, "BULK_GZIP", "yes");
    let finding = &check(&facts)[0];
    let expected = "The function cannot start: BULK_GZIP is \"yes\", but must be on or off.";
    assert_eq!((&*finding.subject, &*finding.problem), ("consumer", expected));
}

#[test]
fn the_mapping() {
    assert_findings([
        (|facts| facts.mappings.clear(), "error no_mapping"),
        (|facts| facts.mappings[0].queue_arn = queue("other").arn, "error no_mapping"),
        (|facts| facts.mappings[0].reports_failures = false, "error report_batch_item_failures"),
        (|facts| facts.mappings[0].state = "Disabled".to_owned(), "error mapping_disabled"),
        (|facts| facts.mappings[0].state = "Disabling".to_owned(), "error mapping_disabled"),
        (|facts| facts.mappings[0].state = "Enabling".to_owned(), ""),
        (|facts| facts.mappings[0].state = "Updating".to_owned(), ""),
        (|facts| facts.mappings[0].has_filter = true, "warning mapping_filter"),
        (
            |facts| facts.mappings[0].last_result = Some("PROBLEM: call failed".to_owned()),
            "warning last_batch",
        ),
        (
            |facts| {
                facts.mappings[0].max_concurrency = None;
                function(facts).reserved_concurrency = Some(50);
            },
            "warning concurrency",
        ),
    ]);
}

#[test]
fn the_visibility_timeout_is_six_timeouts_and_the_window() {
    assert_findings([
        (|facts| main_queue(facts).visibility_seconds = Some(364), "error visibility_timeout"),
        (|facts| main_queue(facts).visibility_seconds = Some(365), ""),
        (|facts| main_queue(facts).visibility_seconds = None, ""),
        (|facts| facts.mappings[0].window_seconds = 6, "error visibility_timeout"),
        (|facts| function(facts).timeout_seconds = 61, "error visibility_timeout"),
        // Errors are before warnings.
        (
            |facts| {
                facts.mappings[0].has_filter = true;
                main_queue(facts).visibility_seconds = Some(30);
            },
            "error visibility_timeout, warning mapping_filter",
        ),
    ]);
    let mut facts = deployed();
    facts.mappings[0].window_seconds = 300;
    let remedy = "aws sqs set-queue-attributes --queue-url \
                  https://sqs.eu-west-1.amazonaws.com/123456789012/music \
                  --attributes VisibilityTimeout=660";
    assert_eq!(check(&facts)[0].remedy, remedy);
    // Without the function, the timeout is not known.
    facts.function = None;
    assert_eq!(check(&facts), []);
}

#[test]
fn the_queue() {
    let receives = "warning max_receive_count";
    assert_findings([
        (
            |facts| {
                main_queue(facts).redrive = None;
                facts.queues[0].dead_letters = None;
            },
            "error no_redrive_policy",
        ),
        (|facts| main_queue(facts).redrive.as_mut().unwrap().max_receive_count = 1, receives),
        (|facts| main_queue(facts).redrive.as_mut().unwrap().max_receive_count = 2, receives),
        (|facts| main_queue(facts).redrive.as_mut().unwrap().max_receive_count = 3, ""),
        (|facts| main_queue(facts).retention_seconds = Some(345_600), "warning retention"),
        (|facts| main_queue(facts).is_encrypted = Some(false), "warning encryption"),
        (|facts| main_queue(facts).is_encrypted = None, ""),
        (|facts| facts.queues[0].queue = missing("music"), "error queue_missing"),
        (
            |facts| {
                let (name, reason) = ("music".to_owned(), "AccessDenied: no".to_owned());
                facts.queues[0].queue = Lookup::Unknown { name, reason };
            },
            "warning queue_unknown",
        ),
    ]);
}

#[test]
fn the_dead_letter_queue() {
    assert_findings([
        (|facts| dead(facts).retention_seconds = Some(345_600), "error dead_letter_retention"),
        (
            |facts| {
                main_queue(facts).retention_seconds = Some(345_600);
                dead(facts).retention_seconds = Some(345_600);
            },
            "warning retention, warning retention",
        ),
        (
            |facts| {
                dead(facts).retention_seconds = Some(60);
                dead(facts).is_encrypted = Some(false);
            },
            "error dead_letter_retention, warning encryption",
        ),
        (|facts| dead(facts).name.push_str(".fifo"), "error dead_letter_type"),
        (|facts| main_queue(facts).name.push_str(".fifo"), "error dead_letter_type"),
        (|facts| dead(facts).redrive_allow = Some(RedriveAllowPolicy::AllowAll), ""),
        (
            |facts| dead(facts).redrive_allow = Some(RedriveAllowPolicy::DenyAll),
            "error redrive_allow_policy",
        ),
        (|facts| allow(facts, &["arn:other", &queue("music").arn]), ""),
        (|facts| allow(facts, &["arn:other"]), "error redrive_allow_policy"),
        (|facts| facts.queues[0].dead_letters = Some(missing("music-dlq")), "error queue_missing"),
    ]);
}

#[test]
fn the_quarantine() {
    assert_findings([
        (
            |facts| {
                facts.quarantine = None;
                variables(facts).remove("QUARANTINE_QUEUE_URL");
            },
            "warning quarantine",
        ),
        (|facts| facts.quarantine = Some(missing("quarantine")), "error queue_missing"),
        (|facts| facts.quarantine = Some(Lookup::Found(queue("music"))), "error quarantine"),
        (
            |facts| found(facts.quarantine.as_mut()).retention_seconds = Some(60),
            "warning retention",
        ),
    ]);
}

/// The function is `object-loader`.
fn is_loader(facts: &mut Facts) {
    facts.quarantine = None;
    variables(facts).remove("QUARANTINE_QUEUE_URL");
    set(facts, "CONTINUE_QUEUE_URL", &queue("music").url);
    set(facts, "FAILURES_BUCKET", "backup");
}

#[test]
fn the_loader() {
    assert_findings([
        (is_loader, ""),
        (
            |facts| {
                is_loader(facts);
                set(facts, "FAILURES_BUCKET", "");
            },
            "error settings",
        ),
        (
            |facts| {
                is_loader(facts);
                function(facts).timeout_seconds = 10;
            },
            "error deadline_margin",
        ),
        (
            |facts| {
                is_loader(facts);
                facts.mappings[0].reports_failures = false;
            },
            "error report_batch_item_failures",
        ),
    ]);
    let mut facts = deployed();
    is_loader(&mut facts);
    set(&mut facts, "FORMAT", "csv");
    let expected = "Change the variable; functions/object-loader/README.md lists all of them.";
    assert_eq!(check(&facts)[0].remedy, expected);
}

#[test]
fn opensearch() {
    let endpoint = "error opensearch_endpoint";
    let template = "warning index_template";
    assert_findings([
        (|facts| set_endpoint(facts, &DOMAIN.replace("https", "http")), endpoint),
        (|facts| set_endpoint(facts, "https://abc123.eu-west-1.aoss.amazonaws.com"), endpoint),
        (|facts| set_endpoint(facts, &format!("{DOMAIN}/_dashboards")), endpoint),
        (|facts| set_endpoint(facts, "http://10.0.0.1:9200"), ""),
        (|facts| set_endpoint(facts, "search:9200"), "error settings"),
        (|facts| set(facts, "OPENSEARCH_SERVICE", "aoss"), endpoint),
        (|facts| set(facts, "OPENSEARCH_ENDPOINT", "https://search.example"), endpoint),
        (|facts| set(facts, "OPENSEARCH_ENDPOINT", &format!("{DOMAIN}:443/")), ""),
        (|facts| *reply(facts) = up("yellow", Template::Fits), ""),
        (|facts| *reply(facts) = up("red", Template::Fits), "error opensearch_health"),
        (|facts| *reply(facts) = up("green", Template::Missing), template),
        (|facts| *reply(facts) = up("green", Template::Unfit(vec!["a".to_owned()])), template),
        (|facts| *reply(facts) = up("green", Template::Unknown(403)), template),
        (|facts| *reply(facts) = OpenSearchReply::Rejected(403), "error opensearch_refused"),
        (|facts| *reply(facts) = OpenSearchReply::Other("404".to_owned()), endpoint),
        (|facts| *reply(facts) = OpenSearchReply::Unreachable("refused".to_owned()), endpoint),
    ]);
}
