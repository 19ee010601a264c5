//! Every function with an event that contains canaries.

use std::io::Write;

use base64_simd::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::world::{PAYLOAD, SECRET};

/// A function, settings and an event.
pub(crate) struct Subject {
    pub(crate) function: &'static str,
    /// The file in `events/FUNCTION/`.
    pub(crate) fixture: &'static str,
    /// The variables; `{url}` is the URL of all services.
    pub(crate) variables: &'static [(&'static str, &'static str)],
    /// Puts the payload into the event.
    pub(crate) fill: fn(&mut Value),
}

/// The definitions of checks at each kind of end.
const CHECKS: &str = r#"[
  {"name": "redshift", "target": {"kind": "redshift", "cluster": "music", "database": "dev",
   "sql": "SELECT 1, 'PayloadCanary7f3a91'"}},
  {"name": "rds", "target": {"kind": "rds", "database": "music",
   "resource_arn": "arn:aws:rds:us-east-1:123456789012:cluster:music",
   "secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:token",
   "sql": "SELECT 1, 'PayloadCanary7f3a91'"}},
  {"name": "bigquery", "target": {"kind": "bigquery", "project": "music-prod",
   "sql": "SELECT 1, 'PayloadCanary7f3a91'"}},
  {"name": "opensearch", "target": {"kind": "opensearch", "endpoint": "{url}", "index": "plays"}}
]"#;

/// The start of the ARNs of secrets.
macro_rules! secret {
    ($name:literal) => {
        concat!("arn:aws:secretsmanager:us-east-1:123456789012:secret:", $name)
    };
}

pub(crate) const SUBJECTS: &[Subject] = &[
    Subject {
        function: "alert-notifier",
        fixture: "single-metric",
        variables: &[("GOOGLE_CHAT_SECRET_ARN", secret!("chat"))],
        fill: |event| {
            let message = &mut event["Records"][0]["Sns"]["Message"];
            *message = message.as_str().unwrap().replace("Threshold Crossed", PAYLOAD).into();
        },
    },
    Subject {
        function: "cost-report",
        fixture: "scheduled",
        variables: &[],
        fill: |event| event["detail"]["note"] = json!(PAYLOAD),
    },
    Subject {
        function: "cost-report",
        fixture: "other-message",
        variables: &[],
        fill: |event| {
            event["Records"][0]["Sns"]["Subject"] = json!(PAYLOAD);
            event["Records"][0]["Sns"]["Message"] = json!(format!("{PAYLOAD} token={SECRET}"));
        },
    },
    Subject {
        function: "data-checks",
        fixture: "holds",
        variables: &[
            ("CHECKS", CHECKS),
            ("GOOGLE_CREDENTIALS_SECRET_ARN", secret!("google")),
            ("BIGQUERY_ENDPOINT_URL", "{url}"),
            ("OPENSEARCH_AUTH", "basic"),
            ("OPENSEARCH_USERNAME", "ada"),
            ("OPENSEARCH_PASSWORD", SECRET),
        ],
        fill: |event| event["detail"]["note"] = json!(PAYLOAD),
    },
    Subject {
        function: "dlq-redrive",
        fixture: "all-selectively",
        variables: &[
            ("DLQ_URL", "{url}/123456789012/dlq"),
            ("PARKING_QUEUE_URL", "{url}/123456789012/parking"),
        ],
        fill: |event| event["filter"] = json!({"text": PAYLOAD, "attribute": {"note": PAYLOAD}}),
    },
    Subject {
        function: "dlq-redrive",
        fixture: "unknown-field",
        variables: &[
            ("REQUIRE_HEALTHY_ENDPOINT", "{url}"),
            ("OPENSEARCH_AUTH", "basic"),
            ("OPENSEARCH_SECRET_ARN", secret!("search")),
            ("DLQ_URL", "{url}/123456789012/dlq"),
        ],
        fill: |event| *event = json!({"action": "redrive", "filter": {"text": PAYLOAD}}),
    },
    Subject {
        function: "firehose-transform",
        fixture: "kinesis-source",
        variables: &[("RESPONSE_BUDGET_BYTES", "1000"), ("SPLIT", "on")],
        fill: |event| {
            let record = event["records"][0].clone();
            let long = json!({"event_id": PAYLOAD, "note": PAYLOAD.repeat(100)}).to_string();
            let several = format!("{{\"a\":\"{PAYLOAD}\"}}\nno event {PAYLOAD}");
            let bodies = [long, several, format!("no event {PAYLOAD}"), "\u{feff}".to_owned()];
            let records = bodies.iter().enumerate().map(|(at, body)| {
                let mut record = record.clone();
                record["recordId"] = json!(at.to_string());
                record["data"] = json!(STANDARD.encode_to_string(body));
                record
            });
            event["records"] = records.collect();
        },
    },
    Subject {
        function: "idle-resources",
        fixture: "ordinary",
        variables: &[("REGIONS", "us-east-1")],
        fill: |event| event["detail"]["note"] = json!(PAYLOAD),
    },
    Subject {
        function: "lambda-metrics",
        fixture: "ordinary",
        variables: &[("WATCH_TAG", "team=PayloadCanary7f3a91")],
        fill: |event| event["detail"]["note"] = json!(PAYLOAD),
    },
    Subject {
        function: "log-metrics",
        fixture: "text-timeout",
        variables: &[],
        fill: |event| {
            let lines = ["no line {PAYLOAD}", "Task timed out {PAYLOAD}", "{\"a\":\"{PAYLOAD}\"}"];
            let events: Vec<_> = lines
                .iter()
                .map(|line| line.replace("{PAYLOAD}", PAYLOAD))
                .map(|line| json!({"id": "1", "timestamp": 1_709_296_498_120_u64, "message": line}))
                .collect();
            let batch = json!({
                "messageType": "DATA_MESSAGE", "owner": "123456789012",
                "logGroup": "/aws/lambda/plays", "logStream": "2024/03/01/[$LATEST]a",
                "subscriptionFilters": ["a"], "logEvents": events,
            });
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(batch.to_string().as_bytes()).unwrap();
            let data = STANDARD.encode_to_string(gzip.finish().unwrap());
            event["awslogs"]["data"] = json!(data);
        },
    },
    Subject {
        function: "log-metrics",
        fixture: "not-gzip",
        variables: &[],
        fill: |event| event["awslogs"]["data"] = json!(STANDARD.encode_to_string(PAYLOAD)),
    },
    Subject {
        function: "object-loader",
        fixture: "test-event",
        variables: &[
            ("OPENSEARCH_ENDPOINT", "{url}"),
            ("OPENSEARCH_AUTH", "basic"),
            ("OPENSEARCH_SECRET_ARN", secret!("search")),
            ("BULK_GZIP", "off"),
            ("FAILURES_BUCKET", "backup"),
            ("CONTINUE_QUEUE_URL", "{url}/123456789012/objects"),
        ],
        fill: |event| {
            let load = json!({"sluice": "load", "bucket": "plays", "key": "a.json"}).to_string();
            event["Records"][0]["body"] = json!(load);
            let mut wrong = event["Records"][0].clone();
            wrong["messageId"] = json!("m-2");
            wrong["body"] = json!(format!("no notification {PAYLOAD}"));
            event["Records"].as_array_mut().unwrap().push(wrong);
        },
    },
    Subject {
        function: "parking",
        fixture: "window-begins",
        variables: &[("SCHEDULES", r#"{"on": "Mon-Sun 00:00-24:00 UTC"}"#)],
        fill: |event| event["detail"]["note"] = json!(PAYLOAD),
    },
    Subject {
        function: "pipeline-alerts",
        fixture: "flow-run-failed",
        variables: &[
            ("WEBHOOK_SECRET_ARN", secret!("webhook")),
            ("PREFECT_API_URL", "{url}/api"),
            ("PREFECT_API_SECRET_ARN", secret!("token")),
        ],
        fill: |event| {
            let body = STANDARD.decode_to_vec(event["body"].as_str().unwrap()).unwrap();
            let body = String::from_utf8(body).unwrap().replace("artist_id", PAYLOAD);
            assert!(body.contains(PAYLOAD));
            event["body"] = json!(STANDARD.encode_to_string(body));
        },
    },
    Subject {
        function: "pipeline-alerts",
        fixture: "wrong-secret",
        variables: &[("WEBHOOK_SECRET_ARN", secret!("webhook"))],
        fill: |event| {
            event["headers"]["x-sluice-secret"] = json!(format!("{SECRET}-"));
            event["body"] = json!(STANDARD.encode_to_string(PAYLOAD));
        },
    },
    Subject {
        function: "rightsizing",
        fixture: "scheduled",
        variables: &[("USAGE_DOCUMENT", "usage")],
        fill: |event| event["detail"]["note"] = json!(PAYLOAD),
    },
    Subject {
        function: "sensor-points",
        fixture: "refused-readings",
        variables: &[
            ("TSDB_WRITE_URL", "{url}/api/v2/write?org=o&bucket=b"),
            ("TSDB_SECRET_ARN", secret!("token")),
            ("TSDB_GZIP", "off"),
            ("QUARANTINE_QUEUE_URL", "{url}/123456789012/quarantine"),
        ],
        fill: |event| {
            let record = event["Records"][0].clone();
            let reading = json!({"line": PAYLOAD, "items": 1}).to_string();
            let bodies = [reading, format!("no reading {PAYLOAD}")];
            let records = bodies.iter().map(|body| {
                let mut record = record.clone();
                record["kinesis"]["data"] = json!(STANDARD.encode_to_string(body));
                record
            });
            event["Records"] = records.collect();
        },
    },
    Subject {
        function: "sqs-consumer",
        fixture: "one-event",
        variables: &[
            ("OPENSEARCH_ENDPOINT", "{url}"),
            ("OPENSEARCH_AUTH", "basic"),
            ("OPENSEARCH_USERNAME", "ada"),
            ("OPENSEARCH_PASSWORD", SECRET),
            ("BULK_GZIP", "off"),
            ("QUARANTINE_QUEUE_URL", "{url}/123456789012/quarantine"),
        ],
        fill: |event| {
            let message = event["Records"][0].clone();
            let whole = json!({"event_id": PAYLOAD, PAYLOAD: PAYLOAD}).to_string();
            let bodies = [whole, format!("no event {PAYLOAD}")];
            let messages = bodies.iter().enumerate().map(|(at, body)| {
                let mut message = message.clone();
                message["messageId"] = json!(at.to_string());
                message["body"] = json!(body);
                message
            });
            event["Records"] = messages.collect();
        },
    },
    Subject {
        function: "warehouse-watch",
        fixture: "nothing-happens",
        variables: &[
            ("REDSHIFT_CLUSTER", "music"),
            ("BIGQUERY_PROJECTS", "music-prod"),
            ("GOOGLE_CREDENTIALS_SECRET_ARN", secret!("google")),
            ("BIGQUERY_ENDPOINT_URL", "{url}"),
        ],
        fill: |event| event["detail"]["note"] = json!(PAYLOAD),
    },
];
