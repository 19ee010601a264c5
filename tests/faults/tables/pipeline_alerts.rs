//! The calls of pipeline-alerts.

use crate::table::Expected::{Answer, Counts, Error};
use crate::table::{Call, Expected, Function, Scene};

const TOLD: &[Expected] = &[Answer("/statusCode", "200")];
/// The notice contains neither log lines nor the previous failure.
const WITHOUT: &[Expected] = &[Answer("/statusCode", "200"), Counts("PrefectErrors")];
const NOT_PUBLISHED: &[Expected] = &[Error("NotPublished")];
const NO_SECRET: &[Expected] = &[Error("SecretUnusable")];

/// The secret of the callers, and the key of the API.
const SECRET: (&str, &str) = (
    "secretsmanager:GetSecretValue",
    r#"{"Name":"pipelines","SecretString":"music-pipelines-1-8f2c41"}"#,
);

pub(crate) const FUNCTION: Function = Function {
    name: "pipeline-alerts",
    seconds: 7,
    variables: &[
        ("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts"),
        (
            "WEBHOOK_SECRET_ARN",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webhook-AbCdEf",
        ),
        ("PREFECT_API_URL", "{prefect}/api"),
        (
            "PREFECT_API_SECRET_ARN",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prefect-AbCdEf",
        ),
        ("LOGS_WAIT_MS", "1500"),
    ],
    scenes: &[
        Scene {
            name: "a failure",
            event: "@flow-run-failed",
            variables: &[],
            answers: &[
                SECRET,
                (
                    "prefect:logs/filter",
                    r#"[{"level":40,"message":"BodyMarker","timestamp":"2026-11-27T14:06:57Z"}]"#,
                ),
                ("sns:Publish", "{}"),
            ],
            healthy: TOLD,
            late: NO_SECRET,
            calls: &[
                Call::new("secretsmanager:GetSecretValue", "the secret", NO_SECRET),
                Call::new("prefect:logs/filter", "Prefect", WITHOUT).dispensable(),
                Call::new("sns:Publish", "publish", NOT_PUBLISHED),
            ],
        },
        Scene {
            name: "the failure before",
            event: "@recovery-of-the-run-before",
            variables: &[],
            answers: &[SECRET, ("prefect:flow_runs/filter", "[]")],
            healthy: TOLD,
            late: NO_SECRET,
            calls: &[Call::new("prefect:flow_runs/filter", "Prefect", WITHOUT)],
        },
        Scene {
            name: "the failure of the run itself",
            event: "@recovery-of-the-run-itself",
            variables: &[],
            answers: &[
                SECRET,
                ("prefect:flow_run_states", "[]"),
                ("prefect:flow_runs/filter", "[]"),
            ],
            healthy: TOLD,
            late: NO_SECRET,
            calls: &[Call::new("prefect:flow_run_states", "Prefect", WITHOUT)],
        },
        Scene {
            name: "a message of a block",
            event: "@custom-webhook-block",
            variables: &[],
            answers: &[
                (
                    "secretsmanager:GetSecretValue",
                    r#"{"Name":"pipelines","SecretString":"music-pipelines-2-77ab90"}"#,
                ),
                (
                    "prefect:flow_runs",
                    r#"{"id":"fb1424a4-9c94-414f-ace3-0e8ae6b3e070","name":"a"}"#,
                ),
                ("prefect:logs/filter", "[]"),
                ("sns:Publish", "{}"),
            ],
            healthy: TOLD,
            late: NO_SECRET,
            calls: &[Call::new("prefect:flow_runs", "Prefect", WITHOUT)],
        },
    ],
};
