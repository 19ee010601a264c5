//! The calls of sensor-points.

use crate::fault::Fault;
use crate::table::Expected::{Answer, Counts};
use crate::table::{Call, Expected, Function, Scene};

const NONE: &[Expected] = &[Answer("/batchItemFailures", "[]")];
const REDELIVERED: &[Expected] =
    &[Answer("/batchItemFailures", r#"[{"itemIdentifier":"1"}]"#), Counts("RecordsRetried")];

const READING: &str = r#"{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"L1","sequenceNumber":"1","data":"eyJsaW5lIjoiTDEiLCJpdGVtcyI6MSwidHMiOjE3MDkyOTY0OTYxMjN9","approximateArrivalTimestamp":1709296497.987},"eventSource":"aws:kinesis","eventID":"shardId-000000000006:1","eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/sensors"}]}"#;
/// `{"line":"L1","items":"BodyMarker"}`
const REFUSED: &str = r#"{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"L1","sequenceNumber":"1","data":"eyJsaW5lIjoiTDEiLCJpdGVtcyI6IkJvZHlNYXJrZXIifQ==","approximateArrivalTimestamp":1709296497.987},"eventSource":"aws:kinesis","eventID":"shardId-000000000006:1","eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/sensors"}]}"#;

pub(crate) const FUNCTION: Function = Function {
    name: "sensor-points",
    seconds: 6,
    variables: &[
        ("TSDB_WRITE_URL", "{tsdb}/api/v2/write?org=o&bucket=b"),
        ("TSDB_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:tsdb-AbCdEf"),
        ("QUARANTINE_QUEUE_URL", "http://127.0.0.1:1/123456789012/quarantine"),
    ],
    scenes: &[
        Scene {
            name: "a reading",
            event: READING,
            variables: &[],
            answers: &[
                ("secretsmanager:GetSecretValue", r#"{"Name":"t","SecretString":"BodyMarker"}"#),
                ("tsdb:write", "204"),
            ],
            healthy: NONE,
            late: REDELIVERED,
            calls: &[
                Call::new("secretsmanager:GetSecretValue", "redelivered", REDELIVERED),
                // An answer without a body cannot be truncated in it, and an empty answer is valid.
                Call::new("tsdb:write", "redelivered", REDELIVERED)
                    .except(&[(&[Fault::CutInBody, Fault::Partial], None)]),
            ],
        },
        Scene {
            name: "a reading for the quarantine",
            event: REFUSED,
            variables: &[],
            answers: &[(
                "sqs:SendMessageBatch",
                r#"{"Successful":[{"Id":"0","MessageId":"q","MD5OfMessageBody":""}],"Failed":[]}"#,
            )],
            healthy: NONE,
            late: REDELIVERED,
            calls: &[Call::new("sqs:SendMessageBatch", "quarantine", REDELIVERED)],
        },
    ],
};
