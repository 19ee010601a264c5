//! Documents that a real OpenSearch rejects, and the fate of their messages: those that can be
//! accepted after a change by an operator are retried with advice, the others go to quarantine.

use http::Method;
use local::opensearch::Client;
use serde_json::{Value, json};
use testkit::{Binary, Endpoint, Observed};

use super::passthrough;
use crate::support::event::{event, message, play};
use crate::support::queues::{entries, sqs};
use crate::{BINARY, reasons, redelivered};

/// Method, path and body of a request to OpenSearch.
type Request = (&'static str, &'static str, &'static str);

/// A fault of the setup.
struct Fault {
    /// The reason in the log.
    reason: &'static str,
    /// A text in the advice.
    advice: &'static str,
    /// `INDEX`
    index: &'static str,
    /// The requests that cause it.
    causes: &'static [Request],
    /// The requests that end it; empty if there are none, and for settings of the cluster, which
    /// are reset anyway.
    ends: &'static [Request],
}

const SETTINGS: &str = "/_cluster/settings";

const FAULTS: &[Fault] = &[
    Fault {
        reason: "shard_limit",
        advice: "cluster.max_shards_per_node",
        index: "one-more",
        causes: &[
            ("PUT", "/full", "{}"),
            ("PUT", SETTINGS, r#"{"persistent":{"cluster.max_shards_per_node":1}}"#),
        ],
        ends: &[],
    },
    Fault {
        reason: "index_closed",
        advice: "open it",
        index: "closed",
        causes: &[("PUT", "/closed", "{}"), ("POST", "/closed/_close", "")],
        ends: &[("POST", "/closed/_open", "")],
    },
    Fault {
        reason: "write_block",
        advice: "index.blocks.write",
        index: "blocked",
        causes: &[("PUT", "/blocked", r#"{"settings":{"index.blocks.write":true}}"#)],
        ends: &[("PUT", "/blocked/_settings", r#"{"index.blocks.write":null}"#)],
    },
    Fault {
        reason: "read_only",
        advice: "index.blocks.read_only",
        index: "read-only",
        causes: &[
            ("PUT", "/read-only", "{}"),
            ("PUT", "/read-only/_settings", r#"{"index.blocks.read_only":true}"#),
        ],
        ends: &[("PUT", "/read-only/_settings", r#"{"index.blocks.read_only":null}"#)],
    },
    Fault {
        reason: "read_only",
        advice: "cluster.blocks.read_only",
        index: "cluster-read-only",
        causes: &[("PUT", SETTINGS, r#"{"persistent":{"cluster.blocks.read_only":true}}"#)],
        ends: &[],
    },
    Fault {
        reason: "disk_full",
        advice: "watermark",
        index: "flooded",
        causes: &[
            ("PUT", "/flooded", "{}"),
            ("PUT", "/flooded/_settings", r#"{"index.blocks.read_only_allow_delete":true}"#),
        ],
        ends: &[("PUT", "/flooded/_settings", r#"{"index.blocks.read_only_allow_delete":null}"#)],
    },
    Fault {
        reason: "disk_full",
        advice: "watermark",
        index: "cluster-flooded",
        causes: &[(
            "PUT",
            SETTINGS,
            r#"{"persistent":{"cluster.blocks.read_only_allow_delete":true}}"#,
        )],
        ends: &[],
    },
    Fault {
        reason: "pipeline_missing",
        advice: "index.default_pipeline",
        index: "default-pipeline",
        causes: &[(
            "PUT",
            "/default-pipeline",
            r#"{"settings":{"index.default_pipeline":"missing"}}"#,
        )],
        ends: &[("PUT", "/_ingest/pipeline/missing", r#"{"processors":[]}"#)],
    },
    Fault {
        reason: "pipeline_missing",
        advice: "index.final_pipeline",
        index: "final-pipeline",
        causes: &[("PUT", "/final-pipeline", r#"{"settings":{"index.final_pipeline":"absent"}}"#)],
        ends: &[("PUT", "/final-pipeline/_settings", r#"{"index.final_pipeline":"_none"}"#)],
    },
    Fault {
        reason: "alias_without_write_index",
        advice: "is_write_index",
        index: "alias-of-two",
        causes: &[
            ("PUT", "/first", r#"{"aliases":{"alias-of-two":{}}}"#),
            ("PUT", "/second", r#"{"aliases":{"alias-of-two":{}}}"#),
        ],
        ends: &[("PUT", "/second/_alias/alias-of-two", r#"{"is_write_index":true}"#)],
    },
    Fault {
        reason: "alias_without_write_index",
        advice: "is_write_index",
        index: "alias-to-read",
        causes: &[("PUT", "/third", r#"{"aliases":{"alias-to-read":{"is_write_index":false}}}"#)],
        ends: &[("PUT", "/third/_alias/alias-to-read", r#"{"is_write_index":true}"#)],
    },
    // A titlecase letter, which is neither lowercase nor uppercase.
    Fault {
        reason: "invalid_index_name",
        advice: "check INDEX",
        index: "\u{1C5}",
        causes: &[],
        ends: &[],
    },
    Fault {
        reason: "routing_missing",
        advice: "_routing",
        index: "routed",
        causes: &[("PUT", "/routed", r#"{"mappings":{"_routing":{"required":true}}}"#)],
        ends: &[("DELETE", "/routed", "")],
    },
    Fault {
        reason: "no_such_index",
        advice: "action.auto_create_index",
        index: "not-created",
        causes: &[("PUT", SETTINGS, r#"{"persistent":{"action.auto_create_index":"false"}}"#)],
        ends: &[],
    },
    Fault {
        reason: "unknown_error",
        advice: "its template",
        index: "by-an-invalid-template",
        causes: &[(
            "PUT",
            "/_index_template/invalid",
            r#"{"index_patterns":["by-an-*"],"template":{"settings":{"index.sort.field":"x"}}}"#,
        )],
        ends: &[("DELETE", "/_index_template/invalid", "")],
    },
];

/// A real OpenSearch, and an SQS that accepts everything.
pub(super) struct Scene {
    pub(super) client: Client,
    queues: Endpoint,
}

impl Scene {
    async fn send(&self, requests: &[Request]) {
        for &(method, path, body) in requests {
            let method = method.parse().unwrap();
            self.request(method, path, body.to_owned()).await;
        }
    }

    async fn request(&self, method: Method, path: &str, body: String) {
        let body = (!body.is_empty()).then(|| ("application/json", body.into()));
        let answer = self.client.send(method, path, body).await.unwrap();
        assert!(answer.status.is_success(), "{path}: {:?}", answer.body);
    }

    /// The function that writes to this index, with documents of this form.
    pub(super) async fn function(&self, index: &str, form: &str) -> Binary {
        let quarantine = format!("{}/123456789012/quarantine", self.queues.url);
        let variables = [
            ("OPENSEARCH_ENDPOINT", self.client.url()),
            ("OPENSEARCH_AUTH", "none"),
            ("INDEX", index),
            ("DOCUMENT", form),
            ("AWS_ENDPOINT_URL_SQS", &self.queues.url),
            ("QUARANTINE_QUEUE_URL", &quarantine),
        ];
        Binary::new(BINARY, &variables).await
    }

    /// The reasons of the messages sent to quarantine since the last time.
    pub(super) fn quarantined(&self, seen: &mut usize) -> Vec<String> {
        let calls = self.queues.calls();
        let new = calls[*seen..].iter().filter(|call| call.operation == "SendMessageBatch");
        let reason = |entry: Value| {
            entry["MessageAttributes"]["sluice.reason"]["StringValue"].as_str().unwrap().to_owned()
        };
        let reasons = new.flat_map(entries).map(reason).collect();
        *seen = calls.len();
        reasons
    }
}

/// Asserts that one message is logged for this reason, with this text in the advice.
pub(super) fn assert_reason(observed: &Observed, reason: &str, advice: &str, row: &str) {
    assert_eq!(reasons(observed), [(reason.to_owned(), (1, "m0".to_owned()))].into(), "{row}");
    let log = observed.log();
    let line = log.iter().find(|line| line["reason"] == reason).unwrap();
    assert!(line["advice"].as_str().unwrap_or_default().contains(advice), "{row}: {line}");
}

/// A single test, because settings of the cluster affect all.
#[tokio::test]
async fn a_real_opensearch_tells_a_wrong_set_up_from_a_wrong_document() {
    let Some(real) = testkit::real_opensearch().await else { return };
    let scene = Scene { client: Client::new(real.url()).unwrap(), queues: sqs([]).await };
    let mut seen = 0;
    for Fault { reason, advice, index, causes, ends } in FAULTS {
        let event = event(&[message("m0", &play("a"))]);
        let mut function = scene.function(index, "mapped").await;
        scene.send(causes).await;
        let observed = function.invoke(event.clone()).await;
        assert_eq!(redelivered(&observed), ["m0"], "{index}");
        assert_reason(&observed, reason, advice, index);
        assert_eq!(scene.quarantined(&mut seen), [""; 0], "{index}");

        scene.send(ends).await;
        let settings = causes.iter().filter(|(_, path, _)| *path == SETTINGS);
        for (.., body) in settings.clone() {
            let body: Value = serde_json::from_str(body).unwrap();
            let (name, _) = body["persistent"].as_object().unwrap().iter().next().unwrap();
            let body = json!({"persistent": {name: null}}).to_string();
            scene.request(Method::PUT, SETTINGS, body).await;
        }
        if !ends.is_empty() || settings.count() > 0 {
            let observed = function.invoke(event).await;
            assert_eq!(redelivered(&observed), [""; 0], "{index}");
            assert_eq!(observed.metrics()["DocumentsIndexed"], 1, "{index}");
        }
    }

    let deep = (0..30).fold(json!(1), |inner, _| json!({"in": inner}));
    let title = |kind: Value| json!({"mappings": {"properties": {"song": {"properties": {"title": kind}}}}});
    for (index, body, member, error_type, advice) in [
        (
            "immense-term",
            title(json!({"type": "keyword"})),
            json!("x".repeat(32_767)),
            "illegal_argument_exception",
            "ignore_above",
        ),
        (
            "few-fields",
            json!({"settings": {"index.mapping.total_fields.limit": 5}}),
            json!("t"),
            "illegal_argument_exception",
            "MAPPING",
        ),
        ("number", title(json!({"type": "long"})), json!("t"), "mapper_parsing_exception", ""),
        ("object", title(json!({"type": "object"})), json!("t"), "mapper_parsing_exception", ""),
        ("deep", json!({}), deep, "mapper_parsing_exception", ""),
        (
            "strict",
            json!({"mappings": {"dynamic": "strict"}}),
            json!("t"),
            "strict_dynamic_mapping_exception",
            "",
        ),
    ] {
        scene.request(Method::PUT, &format!("/{index}"), body.to_string()).await;
        let mut function = scene.function(index, "mapped").await;
        let body = json!({"event_id": "a", "ts": 1_709_296_496, "title": member}).to_string();
        let observed = function.invoke(event(&[message("m0", &body)])).await;
        assert_eq!(redelivered(&observed), [""; 0], "{index}");
        assert_reason(&observed, error_type, advice, index);
        assert_eq!(scene.quarantined(&mut seen), [error_type], "{index}");
    }
    passthrough::check(&scene, &mut seen).await;
}
