//! Calls of Prefect.

use std::cell::RefCell;

use base64_simd::STANDARD;
use pipeline_alerts::{App, Config};
use serde_json::{Value, json};
use shared::event::Timestamp;
use shared::notice::Notice;
use testkit::{ALERTS_TOPIC, Endpoint, LAMBDA, Output, Reply, is_publish, published};
use tokio::runtime::{Builder, Runtime};

use crate::invocation::{NOW_MS, answer};

const SECRET: &str = "music-pipelines-1-8f2c41";

/// An event with the same id is a duplicate for ten minutes.
const HOUR_MS: u64 = 3_600_000;

/// The function, with SNS and Secrets Manager in this process. It is reused between calls, so that
/// the secret is read and the SDK's clients are created only once.
struct World {
    runtime: Runtime,
    endpoint: Endpoint,
    app: App<Output>,
    now_ms: u64,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let endpoint = runtime.block_on(Endpoint::start(|call| {
            if is_publish(call) {
                return Reply::published();
            }
            assert_eq!(call.operation, "GetSecretValue");
            Reply::json(200, &json!({"ARN": "arn", "Name": "webhook", "SecretString": SECRET}))
        }));
        let own = [
            ("AWS_ENDPOINT_URL", &*endpoint.url),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "example"),
            ("ALERTS_TOPIC_ARN", ALERTS_TOPIC),
            (
                "WEBHOOK_SECRET_ARN",
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webhook-AbCdEf",
            ),
            ("PREFECT_UI_URL", "https://prefect.test"),
        ];
        let environment = [&LAMBDA, &own[..]].concat().into_iter().collect();
        let app = App::new(Config::from_environment(&environment).unwrap(), Output::default());
        Self { runtime, endpoint, app, now_ms: NOW_MS }
    }

    /// Status and answer of a call with this body.
    fn call(&mut self, body: &[u8]) -> Value {
        let event = json!({
            "version": "2.0", "headers": {"x-sluice-secret": SECRET},
            "requestContext": {"http": {"method": "POST"}, "timeEpoch": NOW_MS},
            "body": STANDARD.encode_to_string(body), "isBase64Encoded": true,
        })
        .to_string();
        self.now_ms += HOUR_MS;
        let now = Timestamp::from_nanos(u128::from(self.now_ms) * 1_000_000).unwrap();
        let answered = answer(&mut self.app, event.as_bytes(), now);
        serde_json::from_slice(&self.runtime.block_on(answered).unwrap()).unwrap()
    }
}

/// A call is ignored, or published as one notice that alert-notifier can read, always the same one.
pub fn prefect_calls(body: &[u8]) {
    WORLD.with_borrow_mut(|world| {
        let [first, again] = [(); 2].map(|()| {
            let answer = world.call(body);
            assert_eq!(answer["statusCode"], 200);
            let published = published(&world.endpoint);
            drop(world.endpoint.take_calls());
            (answer, published)
        });
        assert_eq!(first, again);
        let (answer, published) = first;
        let is_published = answer["body"].as_str().unwrap().contains("published");
        assert_eq!(published.len(), usize::from(is_published), "{answer}");
        for one in published {
            assert!(Notice::parse(&one.notice).is_some(), "{}", one.notice);
        }
    });
}
