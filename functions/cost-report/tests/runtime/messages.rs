//! Messages of SNS and events of EventBridge.

use std::time::Duration;

use local::account::Costs;
use serde_json::{Value, json};
use testkit::{Reply, published};

use crate::Scene;
use crate::support::outside::asked;

fn event(records: &[Value]) -> String {
    let record = |sns: &Value| json!({"EventSource": "aws:sns", "Sns": sns});
    json!({"Records": records.iter().map(record).collect::<Vec<_>>()}).to_string()
}

fn message(subject: &str, text: &str) -> Value {
    json!({"Subject": subject, "Message": text, "Timestamp": "2026-11-27T05:06:07.890Z"})
}

#[tokio::test]
async fn one_that_cannot_be_published_does_not_stop_the_others() {
    let event = event(&[message("a", "1"), message("b", "2"), message("c", "3")]);
    let replies = vec![Reply::published(), Reply::query_error(400, "InvalidParameter")];
    let mut scene = Scene::scripted(Costs::default(), [("Publish", replies)]).await;
    let observed = scene.binary.invoke(event.clone()).await;
    let expected = "failed to publish 1 of the notices: InvalidParameter: no";
    assert_eq!(observed.error(), ("NotPublished".to_owned(), expected.to_owned()));
    let titles = || {
        let all = published(&scene.endpoint);
        all.iter().map(|told| told.notice["title"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(titles(), ["a", "b", "c"]);
    // The second delivery publishes the same three notices.
    let first = published(&scene.endpoint);
    let observed = scene.binary.invoke(event).await;
    assert_eq!(observed.json(), json!({"published": 3}));
    assert_eq!(published(&scene.endpoint)[3..], first);
    assert!(asked(&scene.endpoint).is_empty(), "no request of Cost Explorer");
}

#[tokio::test]
async fn a_record_that_is_not_of_sns_does_not_lose_the_others() {
    let event = event(&[message("a", "1"), json!("odd"), message("c", "3")]);
    let mut scene = Scene::new(Costs::default(), &[]).await;
    assert_eq!(scene.binary.invoke(event).await.json(), json!({"published": 3}));
    let told = published(&scene.endpoint);
    let titles: Vec<_> = told.iter().map(|told| told.notice["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["a", "A record that is not of SNS", "c"]);
    let odd = &told[1].notice;
    assert_eq!((&odd["kind"], &odd["state"]), (&json!("cost-message"), &json!("INFO")));
    assert_eq!(odd["text"], r#"{"EventSource":"aws:sns","Sns":"odd"}"#);
}

#[tokio::test]
async fn an_anomaly_without_an_amount_is_an_alarm() {
    let anomaly = r#"{"anomalyId":"a-1","dimensionalValue":"Amazon EC2","impact":{}}"#;
    let mut scene = Scene::new(Costs::default(), &[]).await;
    let observed = scene.binary.invoke(event(&[message("AWS", anomaly)])).await;
    assert_eq!(observed.json(), json!({"published": 1}));
    let notice = scene.notice();
    assert_eq!((&notice["kind"], &notice["state"]), (&json!("cost-anomaly"), &json!("ALARM")));
    assert_eq!(notice["title"], "Cost anomaly: Amazon EC2");
    assert_eq!(notice["thread"], "cost-anomaly/a-1");
}

#[tokio::test]
async fn one_that_is_throttled_leaves_time_for_the_others() {
    let event = event(&[message("a", "1"), message("b", "2")]);
    let replies = vec![Reply::Never, Reply::Never];
    let scripts = [("Publish", replies)];
    let margin = [("DEADLINE_MARGIN_MS", "1000")];
    let timeout = Duration::from_secs(10);
    let mut scene = Scene::with(Costs::default(), scripts, &margin, timeout).await;
    let observed = scene.binary.invoke(event).await;
    assert_eq!(observed.error().0, "NotPublished");
    let told = published(&scene.endpoint);
    let titles: Vec<_> = told.iter().map(|told| told.notice["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["a", "a", "b"]);
}

#[tokio::test]
async fn odd_messages_are_told_as_they_came() {
    for (subject, text, title) in [
        ("A subject", "a text\nof two lines", "A subject"),
        ("", "a text\nof two lines", "a text"),
        ("", "{\"anomalyId\":\"a\"}", "{\"anomalyId\":\"a\"}"),
        (
            "",
            "{\"anomalyId\":7,\"impact\":{\"totalImpact\":7}}",
            "{\"anomalyId\":7,\"impact\":{\"totalImpact\":7}}",
        ),
        ("A budget without a name", "Budget Name:\n", "A budget without a name"),
        ("", "재생 \u{202e}실패", "재생 실패"),
    ] {
        let mut scene = Scene::new(Costs::default(), &[]).await;
        let observed = scene.binary.invoke(event(&[message(subject, text)])).await;
        assert_eq!(observed.json(), json!({"published": 1}));
        let notice = scene.notice();
        let expected = text.trim().replace('\u{202e}', "");
        assert_eq!((&notice["kind"], &notice["state"]), (&json!("cost-message"), &json!("INFO")));
        assert_eq!((&notice["title"], &notice["text"]), (&json!(title), &json!(expected)));
        assert_eq!(notice["thread"], format!("cost-message/123456789012/{title}"));
        assert_eq!(notice["at"], "2026-11-27T05:06:07.89Z");
    }
}

#[tokio::test]
async fn a_message_without_text_is_told_too() {
    let mut scene = Scene::new(Costs::default(), &[]).await;
    let observed = scene.binary.invoke(event(&[json!({})])).await;
    assert_eq!(observed.json(), json!({"published": 1}));
    assert_eq!(scene.notice()["title"], "A cost message without text");
}

#[tokio::test]
async fn secrets_are_masked_and_long_texts_cut() {
    let lines: Vec<_> = (0..2_000).map(|at| format!("Line {at}: {}", "é".repeat(20))).collect();
    let text = format!("Budget Name: plays\npassword: hush-hush\n{}", lines.join("\n"));
    let mut scene = Scene::new(Costs::default(), &[]).await;
    let observed = scene.binary.invoke(event(&[message("a", &text)])).await;
    observed.assert_hidden(&["hush-hush", "Line 7"]);
    let notice = scene.notice();
    assert!(!notice.to_string().contains("hush-hush"));
    assert_eq!(notice["facts"].as_array().unwrap().len(), 20);
    assert!(notice["text"].as_str().unwrap().contains("characters are missing"));
}
