//! The real binary behind a Lambda Runtime API, with a space and an AWS in this process.

#![cfg(test)]

mod support {
    pub(crate) mod endpoint;
    pub(crate) mod fixture;
    pub(crate) mod function;
}

use std::time::Duration;

use local::runtime_api::InvokeError;
use serde_json::{Value, json};

use support::endpoint::{Chat, Endpoint, Script};
use support::fixture::{Fixture, Posted};
use support::function::{Binary, Observed};

const MINUTE: Duration = Duration::from_mins(1);

/// The binary with a space and an AWS of its own.
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
        let endpoint = Endpoint::start(script, chat).await;
        let webhook = endpoint.webhook();
        let mut all = vec![("GOOGLE_CHAT_WEBHOOK_URL", &*webhook)];
        // The last of a name counts.
        all.extend(variables);
        let binary = Binary::start(&endpoint, &all, timeout).await;
        Self { endpoint, binary }
    }

    /// With a space that behaves like this and no CloudWatch.
    async fn chatting(chat: impl IntoIterator<Item = Chat>, timeout: Duration) -> Self {
        Self::new(Script::default(), chat, &[], timeout).await
    }

    async fn invoke(&mut self, event: impl Into<Vec<u8>>) -> Observed {
        self.binary.invoke(event).await
    }

    fn posted(&self) -> Vec<Posted> {
        let posts = self.endpoint.take_posts();
        let posted = |post: support::endpoint::Post| {
            assert!(post.bytes <= 32_000, "{} bytes", post.bytes);
            // Google Chat refuses the option for a message without a thread.
            let replies = post.query.iter().any(|(name, _)| name == "messageReplyOption");
            assert_eq!(replies, post.body["thread"]["threadKey"].is_string(), "{}", post.body);
            Posted { request_id: post.parameter("requestId").to_owned(), body: post.body }
        };
        posts.into_iter().map(posted).collect()
    }
}

/// An event of SNS with these messages.
fn sns(messages: &[&str]) -> String {
    let record = |(at, message): (usize, &&str)| json!({"EventSource": "aws:sns", "Sns": {"MessageId": format!("id-{at}"), "Message": message}});
    json!({"Records": messages.iter().enumerate().map(record).collect::<Vec<_>>()}).to_string()
}

fn status(status: u16) -> Chat {
    Chat::Status(status, Vec::new())
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    let fixtures = Fixture::all();
    assert!(fixtures.len() >= 15, "only {} fixtures", fixtures.len());
    for Fixture { name, event, golden } in fixtures {
        let variables: Vec<_> =
            golden.environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut scene = Scene::new(golden.cloudwatch, [], &variables, MINUTE).await;
        let observed = scene.invoke(event.clone()).await;
        let count = golden.posts.len() as u64;
        let mut posted = scene.posted();
        for post in &mut posted {
            // The invocation's own id, where the event has none; a notice and a summary have a hash.
            let id_bytes = post.request_id.len();
            if !String::from_utf8_lossy(&event).contains(&post.request_id) && id_bytes != 64 {
                assert_eq!(id_bytes, 36, "{name}: {}", post.request_id);
                post.request_id = "<invocation>".to_owned();
            }
        }
        assert_eq!(posted, golden.posts, "{name}");
        let alerts = golden.alerts.unwrap_or(count);
        assert_eq!(observed.posted(), alerts, "{name}");
        assert_eq!(observed.metrics(), [alerts, alerts, 0, count], "{name}");
    }
}

#[tokio::test]
async fn a_space_that_refuses_for_now_gets_the_message_later() {
    let chat = [Chat::Status(429, vec![("retry-after", "0".to_owned())]), Chat::Drop, status(503)];
    let mut scene = Scene::chatting(chat, MINUTE).await;
    let observed = scene.invoke(sns(&["text"])).await;
    assert_eq!(observed.posted(), 1);
    assert_eq!(observed.metrics(), [1, 1, 0, 4]);
    let posts = scene.posted();
    // The space knows by the id that it is the same.
    assert_eq!(posts.len(), 4);
    assert!(posts.iter().all(|post| *post == posts[0]), "{posts:?}");
}

#[tokio::test]
async fn requests_go_where_the_webhook_is() {
    let mut scene = Scene::chatting([], MINUTE).await;
    let alarm = r#"{"AlarmName":"plays","NewStateValue":"ALARM"}"#;
    assert_eq!(scene.invoke(sns(&[alarm, "text"])).await.posted(), 2);
    let [post, note] = &scene.endpoint.take_posts()[..] else { panic!() };
    assert_eq!(post.path, "/v1/spaces/AAA/messages");
    assert_eq!(post.parameter("key"), support::endpoint::KEY);
    assert_eq!(post.parameter("token"), support::endpoint::TOKEN);
    assert_eq!(post.parameter("messageReplyOption"), "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
    assert_eq!(post.parameter("requestId"), "id-0");
    assert_eq!(post.query.len(), 4);
    // Google Chat refuses the option for a message without a thread.
    let names: Vec<_> = note.query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["key", "token", "requestId"]);
}

#[tokio::test]
async fn a_space_that_is_away_fails_the_invocation_before_its_deadline() {
    let timeout = Duration::from_secs(5);
    for behaviour in [status(500), Chat::Never, Chat::Drop] {
        let mut scene = Scene::chatting(vec![behaviour.clone(); 100], timeout).await;
        let observed = scene.invoke(sns(&["a", "b"])).await;
        let (error_type, message) = observed.error();
        assert_eq!(error_type, "NotPosted", "{behaviour:?}: {message}");
        assert!(message.starts_with("2 of 2 alerts not posted: "), "{message}");
        let posts = scene.posted();
        // Both were tried, and more than once where there was an answer.
        assert!(posts.iter().any(|post| post.request_id == "id-0"), "{behaviour:?}");
        assert!(posts.iter().any(|post| post.request_id == "id-1"), "{behaviour:?}");
        assert_eq!(observed.metrics(), [2, 0, 2, posts.len() as u64]);
        let told = observed.stderr.iter().filter(|line| line.contains("alert not posted"));
        assert_eq!(told.count(), 2, "{:?}", observed.stderr);
    }
}

#[tokio::test]
async fn a_space_that_is_not_there_any_more_fails_at_once() {
    for code in [400, 403, 404] {
        let mut scene = Scene::chatting([status(code)], MINUTE).await;
        let observed = scene.invoke(sns(&["a", "b"])).await;
        let (error_type, message) = observed.error();
        assert_eq!(error_type, "NotPosted");
        let expected = format!("1 of 2 alerts not posted: Google Chat answered {code} SOME_CODE");
        assert!(message.starts_with(&expected), "{message}");
        // The other is posted all the same; and again without effect when Lambda tries again.
        assert_eq!(observed.metrics(), [2, 1, 1, 2]);
        let again = scene.invoke(sns(&["a", "b"])).await;
        assert_eq!(again.posted(), 2);
        let ids: Vec<_> = scene.posted().into_iter().map(|post| post.request_id).collect();
        assert_eq!(ids, ["id-0", "id-1", "id-0", "id-1"]);
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = Endpoint::start(Script::default(), []).await;
    for code in [301, 302, 307, 308] {
        let location = vec![("location", elsewhere.webhook())];
        let mut scene = Scene::chatting([Chat::Status(code, location)], MINUTE).await;
        let (_, message) = scene.invoke(sns(&["text"])).await.error();
        assert!(message.contains(&format!("answered {code}")), "{message}");
        assert!(message.ends_with("redirects are not followed)"), "{message}");
    }
    assert_eq!(elsewhere.take_posts(), []);
}

#[tokio::test]
async fn nobody_there_is_told_without_the_address() {
    // Port 1 of this machine: nobody listens there.
    let url = "http://127.0.0.1:1/v1/spaces/AAA/messages?key=hush&token=hush";
    let variables = [("GOOGLE_CHAT_WEBHOOK_URL", url)];
    let timeout = Duration::from_secs(3);
    let mut scene = Scene::new(Script::default(), [], &variables, timeout).await;
    let (_, message) = scene.invoke(sns(&["text"])).await.error();
    let expected = "1 of 1 alerts not posted: no answer from Google Chat: Connection refused";
    assert!(message.starts_with(expected), "{message}");
}

#[tokio::test]
async fn the_webhook_may_be_in_a_secret_which_is_read_once() {
    let space = Endpoint::start(Script::default(), [status(403)]).await;
    // With the line break that a file's last line has.
    let secret = Some(format!("{}\n", space.webhook()));
    let script = Script { secret, ..Script::default() };
    let variables = [("GOOGLE_CHAT_WEBHOOK_URL", ""), ("GOOGLE_CHAT_SECRET_ARN", "arn:secret")];
    let mut scene = Scene::new(script, [], &variables, MINUTE).await;
    // A webhook that is refused may have been replaced: the next invocation reads it again.
    assert_eq!(scene.invoke(sns(&["text"])).await.error().0, "NotPosted");
    for _ in 0..2 {
        assert_eq!(scene.invoke(sns(&["text"])).await.posted(), 1);
    }
    assert_eq!(space.take_posts().len(), 3);
    let calls = scene.endpoint.take_calls();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!(calls[0].operation, "GetSecretValue");
    assert_eq!(calls[0].body["SecretId"], "arn:secret");
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_fails_the_invocation_without_being_shown() {
    for (secret, reason) in [
        (None, "the secret cannot be read: ResourceNotFoundException: no"),
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
        assert_eq!(observed.metrics(), [2, 0, 2, 0]);
    }
}

#[tokio::test]
async fn logs_that_do_not_answer_hold_an_alert_up_for_seconds_only() {
    let script = Script { logs_hang: true, ..Script::default() };
    let mut scene = Scene::new(script, [], &[], Duration::from_secs(10)).await;
    let Fixture { event, golden, .. } = Fixture::named("log-group-missing");
    let observed = scene.invoke(event).await;
    assert_eq!(observed.posted(), 1);
    assert_eq!(scene.posted(), golden.posts);
    let told =
        observed.stderr.iter().filter(|line| line.contains("alarm posted without error lines"));
    assert_eq!(told.count(), 1, "{:?}", observed.stderr);
}

#[tokio::test]
async fn logs_are_asked_for_the_last_errors_of_the_function() {
    let mut scene = Scene::chatting([], MINUTE).await;
    assert_eq!(scene.invoke(Fixture::named("single-metric").event).await.posted(), 1);
    let [lookup, call] = &scene.endpoint.take_calls()[..] else { panic!() };
    assert_eq!(lookup.operation, "GetFunctionConfiguration");
    assert_eq!(lookup.body, "/2015-03-31/functions/plays-transform/configuration");
    assert_eq!(call.operation, "FilterLogEvents");
    let at_ms = 1_732_204_840_989_u64;
    let expected = json!({
        "logGroupName": "/aws/lambda/plays-transform",
        "filterPattern": alert_notifier::logs::ERROR_LINES,
        "startTime": at_ms - 21 * 60_000,
        "endTime": at_ms + 60_000,
        "startFromHead": false,
    });
    assert_eq!(call.body, expected);
}

#[tokio::test]
async fn what_is_not_asked_for_is_not_called() {
    for (name, expected) in [
        // The log group, for the link.
        ("recovery-with-previous-state", Some("GetFunctionConfiguration")),
        ("lambda-action", Some("GetFunctionConfiguration")),
        ("missing-data", None),
        ("plain-text", None),
    ] {
        let Fixture { event, golden, .. } = Fixture::named(name);
        let variables: Vec<_> =
            golden.environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut scene = Scene::new(Script::default(), [], &variables, MINUTE).await;
        assert_eq!(scene.invoke(event).await.posted(), 1, "{name}");
        let calls = scene.endpoint.take_calls();
        let called: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
        assert_eq!(called, expected.into_iter().collect::<Vec<_>>(), "{name}");
    }
}

#[tokio::test]
async fn metrics_are_one_line_of_embedded_metric_format() {
    let variables = [("METRICS_NAMESPACE", "Team/Music")];
    let mut scene = Scene::new(Script::default(), [], &variables, MINUTE).await;
    let observed = scene.invoke(sns(&["text"])).await;
    let [line] = &observed.stdout[..] else { panic!("{:?}", observed.stdout) };
    let mut line: Value = serde_json::from_str(line).unwrap();
    assert!(line["_aws"]["Timestamp"].take().as_u64().unwrap() > 1_709_296_496_789);
    let count = |name| json!({"Name": name, "Unit": "Count"});
    let expected = json!({
        "_aws": {
            "Timestamp": null,
            "CloudWatchMetrics": [{
                "Namespace": "Team/Music",
                "Dimensions": [["FunctionName"]],
                "Metrics": [
                    count("AlertsIn"), count("AlertsPosted"), count("AlertsFailed"),
                    count("ChatRequests"),
                ],
            }],
        },
        "FunctionName": support::function::NAME,
        "AlertsIn": 1, "AlertsPosted": 1, "AlertsFailed": 0, "ChatRequests": 1,
    });
    assert_eq!(line, expected);
}

#[tokio::test]
async fn a_wrong_setting_ends_the_start_and_is_named() {
    for (variable, value, allowed) in [
        ("GOOGLE_CHAT_WEBHOOK_URL", "", "or else GOOGLE_CHAT_SECRET_ARN must name a secret"),
        ("GOOGLE_CHAT_WEBHOOK_URL", "http://chat.example/hush", "the URL of a Google Chat webhook"),
        ("TIME_ZONE", "KST", "the IANA name of a time zone"),
        ("ERROR_LINES", "-1", "a whole number from 0 to 50"),
    ] {
        let mut scene = Scene::new(Script::default(), [], &[(variable, value)], MINUTE).await;
        let error = scene.invoke(sns(&["text"])).await.answer.unwrap_err();
        assert!(matches!(error, InvokeError::Init { .. }), "{error:?}");
        assert_eq!(error.error_type(), "InvalidConfiguration");
        let message = error.message();
        assert!(message.starts_with(&format!("{variable} is ")), "{message}");
        assert!(message.contains(allowed), "{message}");
    }
}
