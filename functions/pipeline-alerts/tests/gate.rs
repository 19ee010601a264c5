//! Who is allowed to call, and that nobody else is: the handler with SNS, Secrets Manager and
//! Prefect in this process.

#![cfg(test)]

mod support {
    #[expect(dead_code, reason = "the other tests use the rest")]
    pub(crate) mod outside;
}

use std::time::Duration;

use pipeline_alerts::{App, Config, HandlerError};
use serde_json::{Value, json};
use shared::config::Environment;
use shared::event::Timestamp;
use shared::runtime::{Failure, Function, Invocation};
use testkit::{ALERTS_TOPIC, Endpoint, LAMBDA, Output, numbers, published};
use tokio::time::Instant;

use support::outside::{HANGS, Outside, SECRET_ARN, SECRETS, secret_reads};

const NOW_MS: u64 = 1_795_788_420_000;

struct Scene {
    endpoint: Endpoint,
    app: App<Output>,
    output: Output,
    timeout: Duration,
}

impl Scene {
    /// Creates a scene; the secret has one of these texts after another, one for each read.
    async fn new(secrets: &[Option<&str>]) -> Self {
        let secrets = secrets.iter().map(|text| text.map(str::to_owned)).collect();
        let endpoint = Outside { secrets, ..Outside::default() }.start().await;
        let api = format!("{}/api", endpoint.url);
        let own = [
            ("AWS_ENDPOINT_URL", &*endpoint.url),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("ALERTS_TOPIC_ARN", ALERTS_TOPIC),
            ("WEBHOOK_SECRET_ARN", SECRET_ARN),
            ("PREFECT_API_URL", &*api),
        ];
        let environment: Environment = LAMBDA.iter().chain(&own).copied().collect();
        let output = Output::default();
        let app = App::new(Config::from_environment(&environment).unwrap(), output.clone());
        Self { endpoint, app, output, timeout: Duration::from_secs(10) }
    }

    /// Sends an event at a time in seconds, and returns the status.
    async fn send(&mut self, event: &[u8], at_s: u64) -> Result<u64, HandlerError> {
        let now = Timestamp::from_nanos(u128::from(NOW_MS + at_s * 1_000) * 1_000_000).unwrap();
        let deadline = Instant::now() + self.timeout;
        let mut answer = Vec::new();
        let invocation =
            Invocation { body: event, request_id: "request", function_arn: "", now, deadline };
        self.app.handle(invocation, &mut answer).await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        Ok(answer["statusCode"].as_u64().unwrap())
    }

    async fn call(&mut self, secret: &str, at_s: u64) -> Result<u64, HandlerError> {
        self.send(&event(&json!({"X-Sluice-Secret": secret}), "load failed"), at_s).await
    }
}

fn event(headers: &Value, body: &str) -> Vec<u8> {
    let http = json!({"http": {"method": "POST"}, "timeEpoch": NOW_MS});
    json!({"headers": headers, "requestContext": http, "body": body}).to_string().into_bytes()
}

#[tokio::test]
async fn the_secret_is_read_once_and_after_a_wrong_one_again_once_a_minute() {
    let [old, new] = SECRETS;
    let both = format!("{old}\r\n  {new} \n");
    let mut scene = Scene::new(&[Some(old), Some(&both), Some(new)]).await;
    for (secret, at_s, status, reads) in [
        (old, 0, 200, 1),
        (old, 1, 200, 1),
        // The secret is being replaced: both values are valid.
        (new, 2, 200, 2),
        (old, 3, 200, 2),
        // Within a minute of the last read.
        ("music-pipelines-3-000000", 61, 403, 2),
        ("music-pipelines-3-000000", 62, 403, 3),
        ("music-pipelines-3-000000", 63, 403, 3),
        (old, 64, 403, 3),
        (new, 65, 200, 3),
    ] {
        assert_eq!(scene.call(secret, at_s).await, Ok(status), "{secret} at {at_s} s");
        assert_eq!(secret_reads(&scene.endpoint), reads, "{secret} at {at_s} s");
    }
}

#[tokio::test]
async fn an_unusable_secret_lets_nothing_in() {
    let unreadable = "WEBHOOK_SECRET_ARN: failed to read the secret: AccessDeniedException: no";
    let short = "the secret's text must have a line of at least 16 characters";
    for (text, reason) in [
        (None, unreadable),
        (Some(""), short),
        (Some("fifteen-letters\nshort"), short),
        (Some(" fifteen-letters \n\n"), short),
    ] {
        let mut scene = Scene::new(&[text]).await;
        for secret in ["fifteen-letters", "short", SECRETS[0], "a"] {
            let error = scene.call(secret, 0).await.unwrap_err();
            assert_eq!(error.error_type(), "SecretUnusable");
            assert!(error.to_string().contains(reason), "{error}");
            let metrics = numbers(&scene.output.take_line());
            assert!(metrics.values().all(|count| *count == 0), "{metrics:?}");
        }
        assert!(published(&scene.endpoint).is_empty());
        // Without a secret in the request, nothing is read.
        let reads = secret_reads(&scene.endpoint);
        assert_eq!(scene.send(&event(&json!({}), "a"), 0).await, Ok(403));
        assert_eq!(scene.call("", 0).await, Ok(403));
        assert_eq!(secret_reads(&scene.endpoint), reads);
    }
    // A line of 16 characters is enough, next to others.
    let mut scene = Scene::new(&[Some("short\nsixteen-letters!")]).await;
    assert_eq!(scene.call("sixteen-letters!", 0).await, Ok(200));
    assert_eq!(scene.call("short", 0).await, Ok(403));
}

#[tokio::test]
async fn a_secret_that_does_not_come_fails_the_invocation_before_its_deadline() {
    let mut scene = Scene::new(&[Some(HANGS)]).await;
    scene.timeout = Duration::from_millis(1_200);
    let started = Instant::now();
    let error = scene.call(SECRETS[0], 0).await.unwrap_err();
    assert!(started.elapsed() < scene.timeout);
    assert_eq!(error.error_type(), "SecretUnusable");
    assert!(error.to_string().ends_with("no answer before the deadline"), "{error}");
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_again_stays_valid() {
    let mut scene = Scene::new(&[Some(SECRETS[0]), None]).await;
    assert_eq!(scene.call(SECRETS[0], 0).await, Ok(200));
    assert_eq!(scene.call(SECRETS[1], 60).await.unwrap_err().error_type(), "SecretUnusable");
    assert_eq!(scene.call(SECRETS[1], 61).await, Ok(403));
    assert_eq!(scene.call(SECRETS[0], 61).await, Ok(200));
}

#[tokio::test]
async fn strangers_get_nothing_done_however_large_and_frequent_their_calls() {
    let mut scene = Scene::new(&[]).await;
    let large = "x".repeat(6_000_000);
    let signature = "0".repeat(64);
    let started = Instant::now();
    for headers in [
        json!({"x-sluice-secret": "music-pipelines-3-000000"}),
        json!({"x-sluice-secret": large}),
        json!({"authorization": format!("Bearer {}", &SECRETS[0][1..])}),
        json!({"authorization": signature}),
        json!({"authorization": large}),
        json!({}),
    ] {
        let event = event(&headers, &large);
        for _ in 0..3 {
            assert_eq!(scene.send(&event, 0).await, Ok(403));
            assert_eq!(numbers(&scene.output.take_line())["CallsRejected"], 1);
        }
    }
    let get = json!({"headers": {"x-sluice-secret": SECRETS[0]}, "requestContext": {"http": {"method": "GET"}}});
    assert_eq!(scene.send(get.to_string().as_bytes(), 0).await, Ok(405));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let calls = scene.endpoint.calls();
    assert!(calls.iter().all(|call| call.operation == "GetSecretValue"), "{calls:?}");
    // The first time, and one more time.
    assert!(calls.len() <= 2);
}

#[tokio::test]
async fn a_call_of_6_mb_is_told_as_text() {
    let mut scene = Scene::new(&[]).await;
    let body = format!("load failed {}", "가".repeat(1_990_000));
    let headers = json!({"x-sluice-secret": SECRETS[0]});
    assert_eq!(scene.send(&event(&headers, &body), 0).await, Ok(200));
    let text = published(&scene.endpoint)[0].notice["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("load failed 가") && text.chars().count() == 4_000, "{text}");
}

#[tokio::test]
async fn an_event_is_a_duplicate_for_ten_minutes() {
    let mut scene = Scene::new(&[]).await;
    let body = json!({"id": "1", "event": "a", "resource": {"prefect.resource.id": "b"}});
    let event = event(&json!({"x-sluice-secret": SECRETS[0]}), &body.to_string());
    for (at_s, is_told) in [(0, 1), (599, 0), (600, 1), (1_199, 0)] {
        scene.send(&event, at_s).await.unwrap();
        let metrics = numbers(&scene.output.take_line());
        assert_eq!(
            (metrics["NoticesPublished"], metrics["CallsDuplicate"]),
            (is_told, 1 - is_told)
        );
    }
    // Without `occurred`, `at` is the request's time.
    assert_eq!(published(&scene.endpoint)[0].notice["at"], "2026-11-27T14:07:00Z");
}
