//! The calls of dlq-redrive.

use crate::fault::{Fault, OF_SERVICES};
use crate::table::Expected::{Answer, Error};
use crate::table::{Call, Exception, Expected, Function, Scene};

const ATTRIBUTES: (&str, &str) = (
    "sqs:GetQueueAttributes",
    r#"{"Attributes":{"QueueArn":"arn:aws:sqs:eu-west-1:123456789012:music-dlq","ApproximateNumberOfMessages":"1","MessageRetentionPeriod":"1209600"}}"#,
);
const RECEIVED: (&str, &str) = (
    "sqs:ReceiveMessage",
    r#"{"Messages":[{"MessageId":"m0","ReceiptHandle":"h0","Body":"BodyMarker","Attributes":{"SentTimestamp":"1709296498120","DeadLetterQueueSourceArn":"arn:aws:sqs:eu-west-1:123456789012:music"}}]}"#,
);
const SENT: (&str, &str) = (
    "sqs:SendMessageBatch",
    r#"{"Successful":[{"Id":"0","MessageId":"q","MD5OfMessageBody":""}],"Failed":[]}"#,
);
const TASKS: (&str, &str) = (
    "sqs:ListMessageMoveTasks",
    r#"{"Results":[{"TaskHandle":"t","Status":"COMPLETED","SourceArn":"arn:aws:sqs:eu-west-1:123456789012:music-dlq","ApproximateNumberOfMessagesMoved":1,"StartedTimestamp":1709296498120}]}"#,
);

/// The answer means that there is nothing.
const EMPTY: &[Fault] = &[Fault::ErrorInOk, Fault::Partial];
/// A call that SQS denies is also denied later.
const DENIED: &[Exception] = &[(&[Fault::Denied], Some(&[Error("SourceUnavailable")]))];
const REFUSED: &[Expected] = &[Error("MoveTaskRefused")];

pub(crate) const FUNCTION: Function = Function {
    name: "dlq-redrive",
    seconds: 7,
    variables: &[("DLQ_URL", "http://127.0.0.1:1/123456789012/music-dlq")],
    scenes: &[
        Scene {
            name: "one message",
            event: r#"{"action":"redrive","mode":"selective","maxMessages":1}"#,
            variables: &[("REQUIRE_HEALTHY_ENDPOINT", "{opensearch}"), ("OPENSEARCH_AUTH", "none")],
            answers: &[
                ("opensearch:_cluster/health", r#"{"status":"green"}"#),
                ATTRIBUTES,
                RECEIVED,
                SENT,
                ("sqs:ChangeMessageVisibilityBatch", r#"{"Successful":[{"Id":"0"}],"Failed":[]}"#),
                ("sqs:DeleteMessageBatch", r#"{"Successful":[{"Id":"0"}],"Failed":[]}"#),
            ],
            healthy: &[Answer("/moved", "1"), Answer("/failed", "0")],
            late: &[Answer("/moved", "0")],
            calls: &[
                Call::new("opensearch:_cluster/health", "OpenSearch", &[Answer("/moved", "0")]),
                Call::new("sqs:GetQueueAttributes", "attributes", &[Answer("/moved", "1")]).except(
                    &[
                        (EMPTY, None),
                        // If SQS cannot be reached, nothing is received either.
                        (&OF_SERVICES, Some(&[Answer("/moved", "0")])),
                    ],
                ),
                Call::new("sqs:ReceiveMessage", "stopped", &[Answer("/moved", "0")]).except(&[
                    (&[Fault::Denied], Some(&[Error("SourceUnavailable")])),
                    // An empty answer means that there is no message.
                    (&[Fault::ErrorInOk, Fault::Partial], Some(&[Answer("/moved", "0")])),
                ]),
                Call::new("sqs:SendMessageBatch", "", &[Answer("/moved", "0")]),
                Call::new("sqs:DeleteMessageBatch", "", &[Answer("/moved", "0")]),
            ],
        },
        Scene {
            name: "a look",
            event: r#"{"action":"inspect","maxMessages":1}"#,
            variables: &[],
            answers: &[
                ATTRIBUTES,
                RECEIVED,
                ("sqs:ChangeMessageVisibilityBatch", r#"{"Successful":[{"Id":"0"}],"Failed":[]}"#),
            ],
            healthy: &[Answer("/scanned", "1")],
            late: &[Answer("/scanned", "0")],
            calls: &[Call::new(
                "sqs:ChangeMessageVisibilityBatch",
                "visible",
                &[Answer("/scanned", "1")],
            )
            // If SQS cannot be reached, nothing is received either.
            .except(&[(&OF_SERVICES, Some(&[Answer("/scanned", "0")]))])],
        },
        Scene {
            name: "a move task",
            event: r#"{"action":"redrive"}"#,
            variables: &[],
            answers: &[ATTRIBUTES, ("sqs:StartMessageMoveTask", r#"{"TaskHandle":"t"}"#), TASKS],
            healthy: &[Answer("/moved", "1"), Answer("/complete", "true")],
            late: REFUSED,
            calls: &[
                Call::new("sqs:GetQueueAttributes", "", REFUSED).except(DENIED),
                Call::new("sqs:StartMessageMoveTask", "", REFUSED).except(DENIED),
                Call::new(
                    "sqs:ListMessageMoveTasks",
                    "move tasks",
                    &[Answer("/complete", "false")],
                )
                .except(&[(EMPTY, Some(&[Answer("/complete", "false")]))]),
            ],
        },
        Scene {
            name: "the state of move tasks",
            event: r#"{"action":"status"}"#,
            variables: &[],
            answers: &[ATTRIBUTES, TASKS],
            healthy: &[Answer("/tasks/0/Status", "\"COMPLETED\"")],
            late: REFUSED,
            calls: &[Call::new("sqs:ListMessageMoveTasks", "", REFUSED).except(&[
                (&[Fault::Denied], Some(&[Error("SourceUnavailable")])),
                (EMPTY, Some(&[Answer("/tasks", "[]")])),
            ])],
        },
        Scene {
            name: "a move task that is cancelled",
            event: r#"{"action":"cancel"}"#,
            variables: &[],
            answers: &[
                ATTRIBUTES,
                (
                    "sqs:ListMessageMoveTasks",
                    r#"{"Results":[{"TaskHandle":"t","Status":"RUNNING","SourceArn":"arn:aws:sqs:eu-west-1:123456789012:music-dlq","ApproximateNumberOfMessagesMoved":1,"StartedTimestamp":1709296498120}]}"#,
                ),
                ("sqs:CancelMessageMoveTask", r#"{"ApproximateNumberOfMessagesMoved":1}"#),
            ],
            healthy: &[Answer("/moved", "1")],
            late: REFUSED,
            calls: &[Call::new("sqs:CancelMessageMoveTask", "", REFUSED)
                .except(&[(EMPTY, Some(&[Answer("/moved", "0")]))])],
        },
    ],
};
