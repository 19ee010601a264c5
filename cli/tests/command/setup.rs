//! `sluice setup` with embedded and scripted OpenSearch servers.

use local::opensearch::{Choice, INDEX_TEMPLATE_NAME, OpenSearch, PASSTHROUGH_TEMPLATE};
use serde_json::{Value, json};
use testkit::{Endpoint, Reply};

use super::support::{finish, interrupt, run, sluice};

#[tokio::test]
async fn the_template_is_created_and_replaced() {
    let opensearch = OpenSearch::start(Choice::Embedded, |_| ()).await.unwrap();
    let url = opensearch.url();
    let other = r#"{"index_patterns":["music-events-*"],"template":{"mappings":{"dynamic":true}}}"#;
    for change in ["created", "unchanged", "replaced"] {
        if change == "replaced" {
            opensearch.client().put_index_template(INDEX_TEMPLATE_NAME, other).await.unwrap();
        }
        let finished = run(&["setup", "--opensearch", url, "--json"]).await;
        assert_eq!(finished.code, 0, "{finished:?}");
        let report = finished.json();
        assert_eq!(report["change"], change);
        assert_eq!(report["index_template"], INDEX_TEMPLATE_NAME);
        assert_eq!(report["index_patterns"], json!(["music-events-*"]));
        assert_eq!(report["url"], url);
    }
    let finished = run(&["setup", "--opensearch", url]).await;
    assert!(finished.stdout.contains("music-events (unchanged)"), "{finished:?}");
    opensearch.stop().await;
}

#[tokio::test]
async fn documents_that_are_the_event_have_their_own_template() {
    let opensearch = OpenSearch::start(Choice::Embedded, |_| ()).await.unwrap();
    let setup = ["setup", "--opensearch", opensearch.url(), "--json", "--document", "passthrough"];
    let report = run(&setup).await.json();
    assert_eq!(
        (&report["change"], &report["index_template"]),
        (&json!("created"), &json!("events"))
    );
    assert_eq!(report["index_patterns"], json!(["events-*"]));
    let stored = opensearch.client().index_template("events").await.unwrap().unwrap();
    assert_eq!(stored, serde_json::from_str::<Value>(PASSTHROUGH_TEMPLATE).unwrap());
    let other = run(&[&setup[..], &["--index", "logs-%Y"]].concat()).await.json();
    assert_eq!(other["index_patterns"], json!(["logs-*"]));
    opensearch.stop().await;
}

#[tokio::test]
async fn a_rejected_request_is_an_error_with_advice() {
    for (status, credentials, expected) in [
        (401, "", "/ answered 401 Unauthorized\n"),
        (401, "", "write the URL as http[s]://user:password@host"),
        (401, "ada:secret@", "The user or the password in the URL is wrong"),
        (403, "ada:secret@", "indices:admin/index_template/put"),
        (200, "", "Check that the URL is that of an OpenSearch."),
    ] {
        let server = Endpoint::start(move |_| Reply::new(status, "text/plain", "")).await;
        let url = server.url.replace("http://", &format!("http://{credentials}"));
        run(&["setup", "--opensearch", &url]).await.assert_error(1, expected);
    }
}

#[tokio::test]
async fn the_reason_of_opensearch_is_shown() {
    let same = "index template [music-events] has the same priority as [\u{9b}other]";
    for (template, policy, expected) in [
        (400, 200, "(illegal_argument_exception): index template [music-events] has the same"),
        (200, 403, "cluster:admin/opendistro/ism/policy/write"),
        (200, 400, "was rejected: 400 Bad Request: index template [music-events] has the same"),
    ] {
        let mut stored = Value::Null;
        let server = Endpoint::start(move |call| {
            let error = json!({"error": {"type": "illegal_argument_exception", "reason": same}});
            let version = json!({"distribution": "opensearch", "number": "2.19.3"});
            match (call.method.as_str(), &*call.path) {
                ("GET", "/") => Reply::json(200, &json!({"version": version})),
                ("PUT", "/_index_template/music-events") => {
                    stored = call.json();
                    Reply::json(template, &error)
                }
                ("PUT", _) => Reply::json(policy, &error),
                (_, "/_index_template/music-events") if !stored.is_null() => {
                    Reply::json(200, &json!({"index_templates": [{"index_template": stored}]}))
                }
                _ => Reply::new(404, "text/plain", ""),
            }
        })
        .await;
        let finished = run(&["setup", "--opensearch", &server.url, "--retention-days", "7"]).await;
        finished.assert_error(1, expected);
        assert!(!finished.stderr.contains('\u{9b}'), "{finished:?}");
    }
}

#[tokio::test]
async fn ctrl_c_ends_it_at_once() {
    let server = Endpoint::start(|_| Reply::Never).await;
    let command = sluice(&["setup", "--opensearch", &server.url]).spawn().unwrap();
    // After its first request it listens for Ctrl-C.
    server.called().await;
    interrupt(&command).await;
    let finished = finish(command).await;
    let expected = "interrupted: all processes of this command are stopped\n";
    assert_eq!((finished.code, &*finished.stderr), (130, expected));
}

#[tokio::test]
async fn another_index_has_its_template_and_its_policy() {
    let mut template = Value::Null;
    let server = Endpoint::start(move |call| {
        let json = |body| Reply::json(200, &body);
        match (call.method.as_str(), &*call.path) {
            ("GET", "/") => {
                let version = json!({"distribution": "opensearch", "number": "2.19.3"});
                json(json!({"version": version}))
            }
            ("PUT", "/_index_template/shop") => {
                template = call.json();
                json(json!({"acknowledged": true}))
            }
            ("GET", "/_index_template/shop") if template.is_null() => {
                Reply::new(404, "text/plain", "")
            }
            ("GET", "/_index_template/shop") => {
                json(json!({"index_templates": [{"index_template": template}]}))
            }
            ("GET", "/_plugins/_ism/policies/shop-retention") => {
                json(json!({"_seq_no": 7, "_primary_term": 2}))
            }
            ("PUT", "/_plugins/_ism/policies/shop-retention") => json(json!({})),
            other => panic!("{other:?}"),
        }
    })
    .await;
    let mapping = r#"{"order.number":["no"]}"#;
    let arguments = ["--index", "shop-%Y.%m", "--mapping", mapping, "--retention-days", "30"];
    let finished = run(&[&["setup", "--opensearch", &*server.url], &arguments[..]].concat()).await;
    for expected in [
        "Index template: shop (created)\n",
        "deleted by the policy shop-retention\n",
        "an index pattern shop-* with the time field @timestamp\n",
    ] {
        assert!(finished.stdout.contains(expected), "{finished:?}");
    }
    let calls = server.calls();
    let put = |path: &str| {
        let found = calls.iter().find(|call| call.method == "PUT" && call.path == path);
        found.unwrap_or_else(|| panic!("{path}"))
    };
    let stored = put("/_index_template/shop").json();
    assert_eq!(stored["index_patterns"], json!(["shop-*"]));
    let number = &stored["template"]["mappings"]["properties"]["order"]["properties"]["number"];
    assert_eq!(number["type"], "keyword");
    // The existing policy is replaced.
    let policy = put("/_plugins/_ism/policies/shop-retention");
    assert_eq!(policy.query, "if_seq_no=7&if_primary_term=2");
    let patterns = &policy.json()["policy"]["ism_template"][0]["index_patterns"];
    assert_eq!(*patterns, json!(["shop-*"]));
}
