//! The real binary with a Lambda Runtime API, a space and AWS services in this process.

#![cfg(test)]

mod support {
    pub(crate) mod space;
}

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use testkit::{
    Binary, Endpoint, FUNCTION_NAME, Fixture, Observed, fixtures, metric_line, pairs, refusal,
};

use support::space::{
    Chat, KEY, Posted, Script, TOKEN, aws_calls, operation, posts, space, webhook,
};

const BINARY: &str = env!("CARGO_BIN_EXE_alert-notifier");
const MINUTE: Duration = Duration::from_mins(1);

/// The expected messages, with settings and the data of AWS services.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Golden {
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    cloudwatch: Script,
    /// Number of alerts, if a message has several.
    alerts: Option<u64>,
    /// The messages, in order.
    posts: Vec<Posted>,
}

fn fixture(name: &str) -> Fixture<Golden> {
    testkit::fixture("alert-notifier", name)
}

/// The binary with its space and AWS services.
struct Scene {
    endpoint: Endpoint,
    binary: Binary,
}

impl Scene {
    async fn new(
        script: Script,
        chat: impl IntoIterator<Item = Chat>,
        variables: &[(&str, &str)],
        timeout: Duration,
    ) -> Self {
        let endpoint = space(script, chat).await;
        let own = [
            ("AWS_ENDPOINT_URL", &*endpoint.url),
            ("LOG_LEVEL", "trace"),
            ("GOOGLE_CHAT_WEBHOOK_URL", &webhook(&endpoint)),
        ];
        let binary = Binary::with_timeout(BINARY, &[&own, variables].concat(), timeout).await;
        Self { endpoint, binary }
    }

    /// Creates a scene with replies of the space, and without data in AWS services.
    async fn chatting(chat: impl IntoIterator<Item = Chat>, timeout: Duration) -> Self {
        Self::new(Script::default(), chat, &[], timeout).await
    }

    /// Invokes the function and asserts that it does not log the webhook's key.
    async fn invoke(&mut self, event: impl Into<Vec<u8>>) -> Observed {
        let observed = self.binary.invoke(event).await;
        observed.assert_hidden(&[KEY, TOKEN, "hush"]);
        observed
    }
}

/// Number of posted alerts in the answer.
fn posted(observed: &Observed) -> u64 {
    observed.json()["posted"].as_u64().unwrap()
}

/// The metrics: alerts, posted, failed, requests.
fn metrics(observed: &Observed) -> [u64; 4] {
    let metrics = observed.metrics();
    ["AlertsIn", "AlertsPosted", "AlertsFailed", "ChatRequests"].map(|name| metrics[name])
}

/// An event of SNS with these messages.
fn sns(messages: &[&str]) -> String {
    let record = |(at, message): (usize, &&str)| json!({"EventSource": "aws:sns", "Sns": {"MessageId": format!("id-{at}"), "Message": message}});
    json!({"Records": messages.iter().enumerate().map(record).collect::<Vec<_>>()}).to_string()
}

/// Number of log lines with a text.
fn logged(observed: &Observed, text: &str) -> usize {
    observed.stderr.iter().filter(|line| line.contains(text)).count()
}

fn status(status: u16) -> Chat {
    Chat::Status(status, Vec::new())
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    for Fixture { name, event, golden } in fixtures::<Golden>("alert-notifier", 15) {
        let variables = pairs(&golden.environment);
        let mut scene = Scene::new(golden.cloudwatch, [], &variables, MINUTE).await;
        let observed = scene.invoke(event.clone()).await;
        let count = golden.posts.len() as u64;
        let mut posts = posts(&scene.endpoint);
        for post in &mut posts {
            // The invocation's id if the event has none; notices and summaries have a hash.
            let id_bytes = post.request_id.len();
            if !String::from_utf8_lossy(&event).contains(&post.request_id) && id_bytes != 64 {
                assert_eq!(id_bytes, 36, "{name}: {}", post.request_id);
                post.request_id = "<invocation>".to_owned();
            }
        }
        assert_eq!(posts, golden.posts, "{name}");
        let alerts = golden.alerts.unwrap_or(count);
        assert_eq!(posted(&observed), alerts, "{name}");
        assert_eq!(metrics(&observed), [alerts, alerts, 0, count], "{name}");
    }
}

#[tokio::test]
async fn a_temporary_failure_is_retried() {
    let chat = [Chat::Status(429, vec![("retry-after", "0".to_owned())]), Chat::Close, status(503)];
    let mut scene = Scene::chatting(chat, MINUTE).await;
    let observed = scene.invoke(sns(&["text"])).await;
    assert_eq!(posted(&observed), 1);
    assert_eq!(metrics(&observed), [1, 1, 0, 3]);
    let posts = posts(&scene.endpoint);
    // The request on the closed connection was sent again on a new one. All have the same id.
    assert_eq!(posts.len(), 4);
    assert!(posts.iter().all(|post| *post == posts[0]), "{posts:?}");
}

#[tokio::test]
async fn requests_are_sent_to_the_webhook() {
    let mut scene = Scene::chatting([], MINUTE).await;
    let alarm = r#"{"AlarmName":"plays","NewStateValue":"ALARM"}"#;
    assert_eq!(posted(&scene.invoke(sns(&[alarm, "text"])).await), 2);
    let [call, note] = &scene.endpoint.calls()[..] else { panic!() };
    assert_eq!(call.path, "/v1/spaces/AAA/messages");
    let mut query: Vec<_> =
        call.query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    query.sort_unstable();
    let expected = [
        ("key", KEY),
        ("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"),
        ("requestId", "id-0"),
        ("token", TOKEN),
    ];
    assert_eq!(query, expected);
    // A message without a thread has no reply option.
    assert_eq!(note.query, format!("key={KEY}&token={TOKEN}&requestId=id-1"));
}

#[tokio::test]
async fn an_unavailable_space_fails_the_invocation_before_its_deadline() {
    let timeout = Duration::from_secs(5);
    for reply in [status(500), Chat::Never, Chat::Close] {
        let mut scene = Scene::chatting(vec![reply.clone(); 100], timeout).await;
        let observed = scene.invoke(sns(&["a", "b"])).await;
        let (error_type, message) = observed.error();
        assert_eq!(error_type, "NotPosted", "{reply:?}: {message}");
        assert!(message.starts_with("2 of 2 alerts not posted: "), "{message}");
        let posts = posts(&scene.endpoint);
        // Both were tried.
        assert!(posts.iter().any(|post| post.request_id == "id-0"), "{reply:?}");
        assert!(posts.iter().any(|post| post.request_id == "id-1"), "{reply:?}");
        assert_eq!(metrics(&observed), [2, 0, 2, posts.len() as u64]);
        assert_eq!(logged(&observed, "alert not posted"), 2, "{:?}", observed.stderr);
    }
}

#[tokio::test]
async fn a_deleted_space_fails_the_invocation_at_once() {
    for code in [400, 403, 404] {
        let mut scene = Scene::chatting([status(code)], MINUTE).await;
        let observed = scene.invoke(sns(&["a", "b"])).await;
        let (error_type, message) = observed.error();
        assert_eq!(error_type, "NotPosted");
        let expected = format!("1 of 2 alerts not posted: Google Chat answered {code} SOME_CODE");
        assert!(message.starts_with(&expected), "{message}");
        // The other alert is posted, and again without effect when Lambda retries.
        assert_eq!(metrics(&observed), [2, 1, 1, 2]);
        let again = scene.invoke(sns(&["a", "b"])).await;
        assert_eq!(posted(&again), 2);
        let ids: Vec<_> = posts(&scene.endpoint).into_iter().map(|post| post.request_id).collect();
        assert_eq!(ids, ["id-0", "id-1", "id-0", "id-1"]);
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = space(Script::default(), []).await;
    for code in [301, 302, 307, 308] {
        let location = vec![("location", webhook(&elsewhere))];
        let mut scene = Scene::chatting([Chat::Status(code, location)], MINUTE).await;
        let (_, message) = scene.invoke(sns(&["text"])).await.error();
        assert!(message.contains(&format!("answered {code}")), "{message}");
        assert!(message.ends_with("redirects are not followed)"), "{message}");
    }
    assert_eq!(posts(&elsewhere), []);
}

#[tokio::test]
async fn an_error_does_not_contain_the_address() {
    // A port without a listener.
    let url = "http://127.0.0.1:1/v1/spaces/AAA/messages?key=hush&token=hush";
    let variables = [("GOOGLE_CHAT_WEBHOOK_URL", url)];
    let timeout = Duration::from_secs(3);
    let mut scene = Scene::new(Script::default(), [], &variables, timeout).await;
    let (_, message) = scene.invoke(sns(&["text"])).await.error();
    let expected = "1 of 1 alerts not posted: no answer from Google Chat: Connection refused";
    assert!(message.starts_with(expected), "{message}");
}

#[tokio::test]
async fn the_secret_with_the_webhook_is_read_once() {
    let elsewhere = space(Script::default(), [status(403)]).await;
    // With a line break at the end.
    let secret = Some(format!("{}\n", webhook(&elsewhere)));
    let script = Script { secret, ..Script::default() };
    let variables = [("GOOGLE_CHAT_WEBHOOK_URL", ""), ("GOOGLE_CHAT_SECRET_ARN", "arn:secret")];
    let mut scene = Scene::new(script, [], &variables, MINUTE).await;
    // A rejected webhook may have been replaced: the next invocation reads the secret again.
    assert_eq!(scene.invoke(sns(&["text"])).await.error().0, "NotPosted");
    for _ in 0..2 {
        assert_eq!(posted(&scene.invoke(sns(&["text"])).await), 1);
    }
    assert_eq!(posts(&elsewhere).len(), 3);
    let calls = aws_calls(&scene.endpoint);
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!(calls[0].operation, "GetSecretValue");
    assert_eq!(calls[0].json()["SecretId"], "arn:secret");
}

#[tokio::test]
async fn an_invalid_secret_fails_the_invocation_and_is_not_logged() {
    for (secret, reason) in [
        (None, "failed to read the secret: ResourceNotFoundException: no"),
        (Some("hush"), "the secret's text must be the URL of a Google Chat webhook"),
        (Some("http://chat.example/?key=hush"), "the secret's text must be the URL"),
    ] {
        let script = Script { secret: secret.map(str::to_owned), ..Script::default() };
        let variables = [("GOOGLE_CHAT_WEBHOOK_URL", ""), ("GOOGLE_CHAT_SECRET_ARN", "arn:secret")];
        let mut scene = Scene::new(script, [], &variables, MINUTE).await;
        let observed = scene.invoke(sns(&["a", "b"])).await;
        let (error_type, message) = observed.error();
        assert_eq!(error_type, "SecretUnusable");
        let expected = format!("GOOGLE_CHAT_SECRET_ARN: {reason}");
        assert!(message.starts_with(&expected), "{message}");
        assert_eq!(metrics(&observed), [2, 0, 2, 0]);
    }
}

#[tokio::test]
async fn an_alert_is_posted_without_logs_that_do_not_answer() {
    let script = Script { logs_hang: true, ..Script::default() };
    let mut scene = Scene::new(script, [], &[], Duration::from_secs(10)).await;
    let Fixture { event, golden, .. } = fixture("log-group-missing");
    let observed = scene.invoke(event).await;
    assert_eq!(posted(&observed), 1);
    assert_eq!(posts(&scene.endpoint), golden.posts);
    assert_eq!(logged(&observed, "alarm posted without error lines"), 1);
}

#[tokio::test]
async fn the_last_errors_of_the_function_are_requested() {
    let mut scene = Scene::chatting([], MINUTE).await;
    assert_eq!(posted(&scene.invoke(fixture("single-metric").event).await), 1);
    let [lookup, call] = &aws_calls(&scene.endpoint)[..] else { panic!() };
    assert_eq!(operation(lookup), "GetFunctionConfiguration");
    assert_eq!(lookup.path, "/2015-03-31/functions/plays-transform/configuration");
    assert_eq!(call.operation, "FilterLogEvents");
    let at_ms = 1_732_204_840_989_u64;
    let expected = json!({
        "logGroupName": "/aws/lambda/plays-transform",
        "filterPattern": alert_notifier::ERROR_LINES,
        "startTime": at_ms - 21 * 60_000,
        "endTime": at_ms + 60_000,
        "startFromHead": false,
    });
    assert_eq!(call.json(), expected);
}

#[tokio::test]
async fn only_necessary_services_are_called() {
    for (name, expected) in [
        // For the link to the log group.
        ("recovery-with-previous-state", Some("GetFunctionConfiguration")),
        ("lambda-action", Some("GetFunctionConfiguration")),
        ("missing-data", None),
        ("plain-text", None),
    ] {
        let Fixture { event, golden, .. } = fixture(name);
        let variables = pairs(&golden.environment);
        let mut scene = Scene::new(Script::default(), [], &variables, MINUTE).await;
        assert_eq!(posted(&scene.invoke(event).await), 1, "{name}");
        let calls = aws_calls(&scene.endpoint);
        let called: Vec<_> = calls.iter().map(operation).collect();
        assert_eq!(called, expected.into_iter().collect::<Vec<_>>(), "{name}");
    }
}

#[tokio::test]
async fn metrics_are_one_line_of_embedded_metric_format() {
    let variables = [("METRICS_NAMESPACE", "Team/Music")];
    let mut scene = Scene::new(Script::default(), [], &variables, MINUTE).await;
    let observed = scene.invoke(sns(&["text"])).await;
    let counts = [
        ("AlertsIn", "Count", 1),
        ("AlertsPosted", "Count", 1),
        ("AlertsFailed", "Count", 0),
        ("ChatRequests", "Count", 1),
    ];
    let expected = metric_line("Team/Music", &[("FunctionName", FUNCTION_NAME)], &counts);
    assert_eq!(observed.metric_line(), expected);
}

#[tokio::test]
async fn an_invalid_setting_fails_the_start() {
    for (variable, value, allowed) in [
        ("GOOGLE_CHAT_WEBHOOK_URL", "", "or else GOOGLE_CHAT_SECRET_ARN must name a secret"),
        ("GOOGLE_CHAT_WEBHOOK_URL", "http://chat.example/hush", "the URL of a Google Chat webhook"),
        ("TIME_ZONE", "KST", "the IANA name of a time zone"),
        ("ERROR_LINES", "-1", "a whole number from 0 to 50"),
    ] {
        let webhook = ("GOOGLE_CHAT_WEBHOOK_URL", "https://chat.example/?key=hush");
        let message = refusal(BINARY, &[webhook, (variable, value)]).await;
        assert!(message.starts_with(&format!("{variable} is ")), "{message}");
        assert!(message.contains(allowed) && !message.contains("hush"), "{message}");
    }
}
