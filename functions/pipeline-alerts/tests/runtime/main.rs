//! The real binary with a Lambda Runtime API, SNS, Secrets Manager and Prefect in this process.

#![cfg(test)]

mod prefect;
mod publishing;
#[path = "../support"]
mod support {
    pub(crate) mod outside;
}

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{
    ALERTS_TOPIC, Binary, Endpoint, FUNCTION_NAME, Fixture, Observed, Published, fixtures,
    metric_line, outside_of_lambda, published, refusal,
};

use support::outside::{Outside, Prefect, SECRET_ARN, SECRETS};

const BINARY: &str = env!("CARGO_BIN_EXE_pipeline-alerts");
/// The timeout of the template.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time after which Prefect closes the connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The expected results of a call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    /// The API of Prefect; `None` if `PREFECT_API_URL` is not set.
    prefect: Option<Prefect>,
    outcome: String,
    /// The notice that alert-notifier receives.
    notice: Option<Value>,
    subject: Option<String>,
    /// The notice as email subscribers receive it.
    mail: Option<String>,
}

fn fixture(name: &str) -> Fixture<Golden> {
    testkit::fixture("pipeline-alerts", name)
}

/// The binary with its services.
struct Scene {
    endpoint: Endpoint,
    binary: Binary,
}

impl Scene {
    async fn new(outside: Outside, has_api: bool, variables: &[(&str, &str)]) -> Self {
        let endpoint = outside.start().await;
        let api = if has_api { format!("{}/api", endpoint.url) } else { String::new() };
        let own = [
            ("AWS_ENDPOINT_URL", &*endpoint.url),
            ("LOG_LEVEL", "trace"),
            ("ALERTS_TOPIC_ARN", ALERTS_TOPIC),
            ("WEBHOOK_SECRET_ARN", SECRET_ARN),
            ("PREFECT_API_URL", &api),
            ("PREFECT_UI_URL", if has_api { "https://prefect.test" } else { "" }),
        ];
        let binary = Binary::with_timeout(BINARY, &[&own, variables].concat(), TIMEOUT).await;
        Self { endpoint, binary }
    }

    /// Invokes the function and asserts that it logs neither secrets nor bodies.
    async fn invoke(&mut self, event: impl Into<Vec<u8>>) -> Observed {
        let observed = self.binary.invoke(event).await;
        observed.assert_hidden(&SECRETS);
        observed.assert_hidden(&["hush", "column artist_id", "Tr0ub4dor"]);
        observed
    }
}

/// Status and outcome of the answer.
fn answered(observed: &Observed) -> (u64, String) {
    let answer = observed.json();
    assert_eq!(answer["headers"], json!({"content-type": "application/json"}));
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 1);
    (answer["statusCode"].as_u64().unwrap(), body["outcome"].as_str().unwrap().to_owned())
}

/// The metrics: calls, published, failed, ignored, duplicate, rejected, errors of Prefect.
fn metrics(observed: &Observed) -> [u64; 7] {
    let metrics = observed.metrics();
    let all = [
        "CallsIn",
        "NoticesPublished",
        "NoticesFailed",
        "CallsIgnored",
        "CallsDuplicate",
        "CallsRejected",
        "PrefectErrors",
    ]
    .map(|name| metrics[name]);
    assert_eq!(all[0], all[1..6].iter().sum::<u64>());
    all
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    for Fixture { name, event, golden } in fixtures::<Golden>("pipeline-alerts", 30) {
        let has_api = golden.prefect.is_some();
        let prefect = golden.prefect.unwrap_or_default();
        let outside = Outside { prefect, ..Outside::default() };
        let mut scene = Scene::new(outside, has_api, &[]).await;
        let started = Instant::now();
        let observed = scene.invoke(event).await;
        assert!(started.elapsed() < PATIENCE, "{name}");
        let (status, outcome) = answered(&observed);
        let expected = match &*golden.outcome {
            "published" => (200, [1, 1, 0, 0, 0, 0, 0]),
            "ignored" => (200, [1, 0, 0, 1, 0, 0, 0]),
            "forbidden" => (403, [1, 0, 0, 0, 0, 1, 0]),
            "method_not_allowed" => (405, [1, 0, 0, 0, 0, 1, 0]),
            other => panic!("{other}"),
        };
        assert_eq!((outcome, (status, metrics(&observed))), (golden.outcome, expected), "{name}");
        let published = published(&scene.endpoint);
        let parts = published.first().map(|Published { subject, mail, notice }| {
            (subject.clone(), mail.clone(), notice.clone())
        });
        let golden = golden.subject.zip(golden.mail).zip(golden.notice);
        let golden = golden.map(|((subject, mail), notice)| (subject, mail, notice));
        assert_eq!(parts, golden, "{name}");
        assert!(published.len() <= 1, "{name}");
    }
}

#[tokio::test]
async fn metrics_are_one_line_of_embedded_metric_format() {
    let variables = [("METRICS_NAMESPACE", "Team/Music")];
    let mut scene = Scene::new(Outside::default(), false, &variables).await;
    let observed = scene.invoke(fixture("message").event).await;
    let counts = [
        ("CallsIn", "Count", 1),
        ("NoticesPublished", "Count", 1),
        ("NoticesFailed", "Count", 0),
        ("CallsIgnored", "Count", 0),
        ("CallsDuplicate", "Count", 0),
        ("CallsRejected", "Count", 0),
        ("PrefectErrors", "Count", 0),
    ];
    let expected = metric_line("Team/Music", &[("FunctionName", FUNCTION_NAME)], &counts);
    assert_eq!(observed.metric_line(), expected);
}

#[tokio::test]
async fn an_event_that_is_no_http_request_fails() {
    let mut scene = Scene::new(Outside::default(), false, &[]).await;
    for event in ["{}", "null", "no JSON hush", r#"{"Records":[{"Sns":{"Message":"a"}}]}"#] {
        let observed = scene.invoke(event).await;
        assert_eq!(observed.error().0, "InvalidEvent", "{event}");
        assert_eq!(metrics(&observed), [0; 7]);
    }
    assert!(scene.endpoint.calls().is_empty());
}

#[tokio::test]
async fn an_invalid_setting_fails_the_start() {
    let required = [("ALERTS_TOPIC_ARN", ALERTS_TOPIC), ("WEBHOOK_SECRET_ARN", SECRET_ARN)];
    for (variable, value) in [
        ("ALERTS_TOPIC_ARN", "alerts"),
        ("WEBHOOK_SECRET_ARN", ""),
        ("PREFECT_API_URL", "https://prefect.test"),
        ("LOGS_WAIT_MS", "10001"),
    ] {
        let message = refusal(BINARY, &[&required[..], &[(variable, value)]].concat()).await;
        assert!(
            message.starts_with(&format!("{variable} is {value:?}, but must be ")),
            "{message}"
        );
    }
    let outside = outside_of_lambda(BINARY);
    assert!(outside.contains("cargo sluice invoke pipeline-alerts EVENT.json"), "{outside}");
}
