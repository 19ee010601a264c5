//! The calls of sqs-consumer.

use super::{DOMAIN, WRITTEN};
use crate::fault::Fault;
use crate::table::Expected::{Answer, Counts};
use crate::table::{Call, Expected, Function, Scene};

const FAILURES: &str = "/batchItemFailures";
const NONE: &[Expected] = &[Answer(FAILURES, "[]")];
const REDELIVERED: &[Expected] =
    &[Answer(FAILURES, r#"[{"itemIdentifier":"m0"}]"#), Counts("MessagesRetried")];

const SENT: (&str, &str) = (
    "sqs:SendMessageBatch",
    r#"{"Successful":[{"Id":"0","MessageId":"q","MD5OfMessageBody":""}],"Failed":[]}"#,
);
const CHANGED: (&str, &str) =
    ("sqs:ChangeMessageVisibilityBatch", r#"{"Successful":[{"Id":"0"}],"Failed":[]}"#);
const OBJECT: (&str, &str) =
    ("s3:GetObject", r#"{"event_id":"a","event_type":"play","ts":1709296496,"x":"BodyMarker"}"#);
const SECRET: (&str, &str) = (
    "secretsmanager:GetSecretValue",
    r#"{"Name":"search","SecretString":"{\"username\":\"ada\",\"password\":\"BodyMarker\"}"}"#,
);

const PLAY: &str = r#"{"Records":[{"messageId":"m0","receiptHandle":"h0","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:music","attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1709296498120"},"messageAttributes":{},"body":"{\"event_id\":\"a\",\"event_type\":\"play\",\"ts\":1709296496,\"x\":\"BodyMarker\"}"}]}"#;
const NO_JSON: &str = r#"{"Records":[{"messageId":"m0","receiptHandle":"h0","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:music","attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1709296498120"},"messageAttributes":{},"body":"BodyMarker"}]}"#;
const POINTER: &str = r#"{"Records":[{"messageId":"m0","receiptHandle":"h0","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:music","attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1709296498120"},"messageAttributes":{"ExtendedPayloadSize":{"stringValue":"80","dataType":"Number"}},"body":"[\"software.amazon.payloadoffloading.PayloadS3Pointer\",{\"s3BucketName\":\"bodies\",\"s3Key\":\"BodyMarker\"}]"}]}"#;

const HERE: (&str, &str) = ("OPENSEARCH_ENDPOINT", "{opensearch}");
const UNSIGNED: (&str, &str) = ("OPENSEARCH_AUTH", "none");

pub(crate) const FUNCTION: Function = Function {
    name: "sqs-consumer",
    seconds: 8,
    variables: &[("QUARANTINE_QUEUE_URL", "http://127.0.0.1:1/123456789012/quarantine")],
    scenes: &[
        Scene {
            name: "an event",
            event: PLAY,
            variables: &[HERE, UNSIGNED],
            answers: &[WRITTEN, CHANGED],
            healthy: NONE,
            late: REDELIVERED,
            calls: &[Call::new("opensearch:_bulk", "_bulk", REDELIVERED)],
        },
        Scene {
            name: "a message for the quarantine",
            event: NO_JSON,
            variables: &[HERE, UNSIGNED],
            answers: &[SENT, CHANGED],
            healthy: NONE,
            late: REDELIVERED,
            calls: &[Call::new("sqs:SendMessageBatch", "quarantine", REDELIVERED)],
        },
        Scene {
            name: "a message that is redelivered",
            event: PLAY,
            variables: &[HERE, UNSIGNED],
            answers: &[("opensearch:_bulk", "429 throttled"), CHANGED],
            healthy: REDELIVERED,
            late: REDELIVERED,
            calls: &[Call::new("sqs:ChangeMessageVisibilityBatch", "visibility", REDELIVERED)],
        },
        Scene {
            name: "a body in S3",
            event: POINTER,
            variables: &[HERE, UNSIGNED, ("LARGE_PAYLOADS", "fetch")],
            answers: &[OBJECT, WRITTEN, SENT, CHANGED],
            healthy: NONE,
            late: REDELIVERED,
            // The content is used as it was read: the message is in the quarantine, and its body in
            // S3.
            calls: &[Call::new("s3:GetObject", "from S3", REDELIVERED).except(&[(
                &[Fault::ErrorInOk, Fault::Html, Fault::Partial],
                Some(&[Answer(FAILURES, "[]"), Counts("MessagesQuarantined")]),
            )])],
        },
        Scene {
            name: "a domain and its password",
            event: PLAY,
            variables: &[
                ("OPENSEARCH_DOMAIN", "music"),
                ("OPENSEARCH_AUTH", "basic"),
                ("OPENSEARCH_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"),
            ],
            answers: &[DOMAIN, SECRET, WRITTEN, CHANGED],
            healthy: NONE,
            late: REDELIVERED,
            calls: &[
                Call::new("es:DescribeDomain", "domain", REDELIVERED),
                Call::new("secretsmanager:GetSecretValue", "secret", REDELIVERED),
            ],
        },
    ],
};
