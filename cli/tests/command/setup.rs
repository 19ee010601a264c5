//! `sluice setup` against an OpenSearch, and against none.

use std::net::TcpListener;
use std::process::{Output, Stdio};

use local::opensearch::{Choice, INDEX_TEMPLATE_NAME, OpenSearch};
use testkit::{Endpoint, Reply};
use tokio::process::Command;

async fn setup(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluice")).arg("setup").args(arguments).output().await.unwrap()
}

#[tokio::test]
async fn is_idempotent_and_says_what_it_did() {
    let opensearch = OpenSearch::start(Choice::Embedded, |_| ()).await.unwrap();
    let url = opensearch.url();
    for change in ["created", "unchanged"] {
        let output = setup(&["--opensearch", url, "--json"]).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{error}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["change"], change);
        assert_eq!(report["index_template"], INDEX_TEMPLATE_NAME);
        assert_eq!(report["index_patterns"], serde_json::json!(["music-events-*"]));
        assert_eq!(report["url"], url);
    }
    let output = setup(&["--opensearch", url]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("music-events (already there, unchanged)"), "{text}");
    opensearch.stop().await;
}

#[tokio::test]
async fn replaces_a_template_of_another_version() {
    let opensearch = OpenSearch::start(Choice::Embedded, |_| ()).await.unwrap();
    let other = r#"{"index_patterns":["music-events-*"],"template":{"mappings":{"dynamic":true}}}"#;
    opensearch.client().put_index_template(INDEX_TEMPLATE_NAME, other).await.unwrap();
    let output = setup(&["--opensearch", opensearch.url(), "--json"]).await;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["change"], "replaced");
    opensearch.stop().await;
}

#[tokio::test]
async fn nobody_there() {
    // A port that was free a moment ago, and is free again.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = setup(&["--opensearch", &format!("http://ada:secret@127.0.0.1:{port}")]).await;
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains(&format!("OpenSearch at http://127.0.0.1:{port} is not set up")),
        "{message}"
    );
    assert!(message.contains("Is it up"), "{message}");
    assert!(!message.contains("secret"), "{message}");
}

/// What setup says to a server that gives this answer to everything.
async fn said_to(status: u16, credentials: &str) -> String {
    let server = Endpoint::start(move |_| Reply::new(status, "text/plain", "")).await;
    let url = server.url.replace("http://", &format!("http://{credentials}"));
    let output = setup(&["--opensearch", &url]).await;
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(!message.contains("secret"), "{message}");
    message
}

#[tokio::test]
async fn not_let_in() {
    let message = said_to(401, "").await;
    assert!(message.contains("/ answered 401 Unauthorized\n"), "{message}");
    assert!(message.contains("write the URL as http[s]://user:password@host"), "{message}");
    let message = said_to(401, "ada:secret@").await;
    assert!(message.contains("The user or the password in the URL is wrong"), "{message}");
    let message = said_to(403, "ada:secret@").await;
    assert!(message.contains("indices:admin/index_template/put"), "{message}");
    let message = said_to(200, "").await;
    assert!(message.contains("Is that an OpenSearch?"), "{message}");
}

#[tokio::test]
async fn a_domain_of_aws_without_credentials() {
    let output = Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(["setup", "--opensearch", "https://search-music-abc123.eu-west-1.es.amazonaws.com"])
        .env_remove("AWS_ACCESS_KEY_ID")
        .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
        .output()
        .await
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), "{message}");
    let remedy = "`eval \"$(aws configure export-credentials --format env)\"`";
    assert!(message.contains(remedy), "{message}");
    assert!(!message.contains("wJalrXUtnFEMI"), "{message}");
}

#[tokio::test]
async fn ctrl_c_ends_it_at_once() {
    let server = Endpoint::start(|_| Reply::Never).await;
    let command = Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(["setup", "--opensearch", &server.url])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // It asks: so it listens for Ctrl-C, too.
    server.called().await;
    let id = command.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    let output = command.wait_with_output().await.unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert_eq!(message, "interrupted: everything started is stopped\n");
}

#[tokio::test]
async fn an_index_of_ones_own_has_its_template_and_its_policy() {
    let mut template = serde_json::Value::Null;
    let server = Endpoint::start(move |call| {
        let json = |body| Reply::json(200, &body);
        match (call.method.as_str(), &*call.path) {
            ("GET", "/") => {
                let version = serde_json::json!({"distribution": "opensearch", "number": "2.19.3"});
                json(serde_json::json!({"version": version}))
            }
            ("PUT", "/_index_template/shop") => {
                template = call.json();
                json(serde_json::json!({"acknowledged": true}))
            }
            ("GET", "/_index_template/shop") if template.is_null() => {
                Reply::new(404, "text/plain", "")
            }
            ("GET", "/_index_template/shop") => {
                json(serde_json::json!({"index_templates": [{"index_template": template}]}))
            }
            ("GET", "/_plugins/_ism/policies/shop-retention") => {
                json(serde_json::json!({"_seq_no": 7, "_primary_term": 2}))
            }
            ("PUT", "/_plugins/_ism/policies/shop-retention") => json(serde_json::json!({})),
            other => panic!("{other:?}"),
        }
    })
    .await;
    let mapping = r#"{"order.number":["no"]}"#;
    let arguments = ["--index", "shop-%Y.%m", "--mapping", mapping, "--retention-days", "30"];
    let output = setup(&[&["--opensearch", &*server.url], &arguments[..]].concat()).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Index template: shop (created)\n"), "{text} {:?}", output.stderr);
    assert!(text.contains("deleted by the policy shop-retention\n"), "{text}");
    assert!(text.contains("an index pattern shop-* with the time field @timestamp\n"), "{text}");
    let calls = server.calls();
    let put = |path: &str| {
        let found = calls.iter().find(|call| call.method == "PUT" && call.path == path);
        found.unwrap_or_else(|| panic!("{path}"))
    };
    let stored = put("/_index_template/shop").json();
    assert_eq!(stored["index_patterns"], serde_json::json!(["shop-*"]));
    let number = &stored["template"]["mappings"]["properties"]["order"]["properties"]["number"];
    assert_eq!(number["type"], "keyword");
    let policy = put("/_plugins/_ism/policies/shop-retention");
    // The one that was there is replaced.
    assert_eq!(policy.query, "if_seq_no=7&if_primary_term=2");
    let patterns = &policy.json()["policy"]["ism_template"][0]["index_patterns"];
    assert_eq!(*patterns, serde_json::json!(["shop-*"]));
}
