//! The calls of object-loader.

use super::{DOMAIN, WRITTEN};
use crate::fault::Fault;
use crate::table::Expected::{Answer, Counts};
use crate::table::{Call, Expected, Function, Scene};

const FAILURES: &str = "/batchItemFailures";
const NONE: &[Expected] = &[Answer(FAILURES, "[]")];
const REDELIVERED: &[Expected] =
    &[Answer(FAILURES, r#"[{"itemIdentifier":"m0"}]"#), Counts("ObjectsRetried")];

const LOAD: &str = r#"{"Records":[{"messageId":"m0","receiptHandle":"h0","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:objects","attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1709296498120"},"messageAttributes":{},"body":"{\"sluice\":\"load\",\"bucket\":\"plays\",\"key\":\"a.ndjson\"}"}]}"#;

const HERE: &[(&str, &str)] =
    &[("OPENSEARCH_ENDPOINT", "{opensearch}"), ("OPENSEARCH_AUTH", "none")];

pub(crate) const FUNCTION: Function = Function {
    name: "object-loader",
    seconds: 9,
    variables: &[
        ("FAILURES_BUCKET", "backup"),
        ("CONTINUE_QUEUE_URL", "http://127.0.0.1:1/123456789012/objects"),
    ],
    scenes: &[
        Scene {
            name: "an object with a broken record",
            event: LOAD,
            variables: HERE,
            answers: &[
                (
                    "s3:GetObject",
                    "{\"event_id\":\"a\",\"event_type\":\"play\",\"ts\":1709296496,\"x\":\"BodyMarker\"}\n{BodyMarker\n",
                ),
                ("s3:PutObject", ""),
                WRITTEN,
                ("sqs:ChangeMessageVisibility", "{}"),
            ],
            healthy: NONE,
            late: REDELIVERED,
            calls: &[
                // The content is used as it was read: an object may be empty.
                Call::new("s3:GetObject", "m0", REDELIVERED)
                    .except(&[(&[Fault::Partial], Some(NONE))]),
                Call::new("opensearch:_bulk", "_bulk", REDELIVERED),
                // The answer of S3 has no body that could differ.
                Call::new("s3:PutObject", "backup", REDELIVERED)
                    .except(&[(&[Fault::Html, Fault::Partial], None)]),
            ],
        },
        Scene {
            name: "an object of which there is time for a part",
            event: LOAD,
            variables: &[HERE[0], HERE[1], ("BULK_MAX_DOCS", "1"), ("DEADLINE_MARGIN_MS", "6000")],
            answers: &[
                (
                    "s3:GetObject",
                    "{\"event_id\":\"a\"}\n{\"event_id\":\"b\"}\n{\"event_id\":\"c\"}\n{\"event_id\":\"d\"}\n{\"event_id\":\"e\"}\n{\"event_id\":\"f\"}\n{\"event_id\":\"g\"}\n{\"event_id\":\"h\"}\n{\"event_id\":\"i\"}\n{\"event_id\":\"j\"}\n{\"event_id\":\"k\"}\n{\"event_id\":\"l\"}\n{\"event_id\":\"m\"}\n{\"event_id\":\"n\"}\n{\"event_id\":\"o\"}\n{\"event_id\":\"p\"}\n",
                ),
                (
                    "opensearch:_bulk",
                    r#"slow {"took":1,"errors":false,"items":[{"create":{"_index":"music-events","_id":"a","status":201}}]}"#,
                ),
                ("sqs:SendMessage", r#"{"MessageId":"q","MD5OfMessageBody":""}"#),
                ("sqs:ChangeMessageVisibility", "{}"),
            ],
            healthy: NONE,
            late: REDELIVERED,
            calls: &[Call::new("sqs:SendMessage", "rest of an object", REDELIVERED)],
        },
        Scene {
            name: "an object that is missing",
            event: LOAD,
            variables: HERE,
            answers: &[("s3:GetObject", "403 AccessDenied"), ("sqs:ChangeMessageVisibility", "{}")],
            healthy: REDELIVERED,
            late: REDELIVERED,
            // The answer has no members that could be missing.
            calls: &[Call::new("sqs:ChangeMessageVisibility", "visibility", REDELIVERED)
                .except(&[(&[Fault::ErrorInOk, Fault::Html, Fault::Partial], None)])],
        },
        Scene {
            name: "a domain",
            event: LOAD,
            variables: &[("OPENSEARCH_DOMAIN", "music"), ("OPENSEARCH_AUTH", "none")],
            answers: &[
                ("s3:GetObject", "{\"event_id\":\"a\"}\n"),
                DOMAIN,
                WRITTEN,
                ("sqs:ChangeMessageVisibility", "{}"),
            ],
            healthy: NONE,
            late: REDELIVERED,
            calls: &[Call::new("es:DescribeDomain", "domain", REDELIVERED)],
        },
    ],
};
