//! The calls of warehouse-watch.

use crate::fault::Fault;
use crate::run::GOOGLE_SECRET;
use crate::table::Expected::{Counts, CountsNo, Error};
use crate::table::{Call, EMPTY_IS_FINE, Expected, Function, Scene};

const READ: &[Expected] = &[Counts("Polls"), CountsNo("PollFailures"), CountsNo("NoticesFailed")];
const FAILED: &[Expected] = &[Error("PollFailed"), Counts("PollFailures")];
const NOT_PUBLISHED: &[Expected] = &[Error("NotPublished"), Counts("NoticesFailed")];

const STARTED: (&str, &str) = ("redshift-data:ExecuteStatement", r#"{"Id":"s"}"#);

pub(crate) const FUNCTION: Function = Function {
    name: "warehouse-watch",
    seconds: 9,
    variables: &[("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts")],
    scenes: &[
        Scene {
            name: "a cluster",
            event: "@nothing-happens",
            variables: &[("REDSHIFT_CLUSTER", "music")],
            answers: &[
                STARTED,
                ("redshift-data:DescribeStatement", r#"{"Id":"s","Status":"FINISHED"}"#),
                ("redshift-data:GetStatementResult", r#"{"Records":[],"ColumnMetadata":[]}"#),
                ("cloudwatch:GetMetricData", "[]"),
            ],
            healthy: READ,
            late: FAILED,
            calls: &[
                Call::new("redshift-data:ExecuteStatement", "statement", FAILED),
                Call::new("redshift-data:DescribeStatement", "statement", FAILED),
                Call::new("redshift-data:GetStatementResult", "statement", FAILED)
                    .except(EMPTY_IS_FINE),
                Call::new("cloudwatch:GetMetricData", "CloudWatch", FAILED),
            ],
        },
        Scene {
            name: "a statement that does not end",
            event: "@nothing-happens",
            variables: &[("REDSHIFT_CLUSTER", "music")],
            answers: &[
                STARTED,
                ("redshift-data:DescribeStatement", r#"{"Id":"s","Status":"STARTED"}"#),
                ("redshift-data:CancelStatement", r#"{"Status":true}"#),
                ("cloudwatch:GetMetricData", "[]"),
            ],
            healthy: FAILED,
            late: FAILED,
            calls: &[Call::new("redshift-data:CancelStatement", "statement", FAILED)
                .except(EMPTY_IS_FINE)],
        },
        Scene {
            name: "an expensive query",
            event: "@nothing-happens",
            variables: &[
                ("BIGQUERY_PROJECTS", "music-prod"),
                (
                    "GOOGLE_CREDENTIALS_SECRET_ARN",
                    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:google-AbCdEf",
                ),
                ("BIGQUERY_ENDPOINT_URL", "{bigquery}"),
            ],
            answers: &[
                ("secretsmanager:GetSecretValue", GOOGLE_SECRET),
                ("google:token", r#"{"access_token":"BodyMarker","expires_in":3600}"#),
                (
                    "bigquery:jobs.list",
                    r#"{"jobs":[{"jobReference":{"projectId":"music-prod","jobId":"j","location":"EU"},"user_email":"ada@music.test","state":"DONE","status":{"state":"DONE"},"configuration":{"jobType":"QUERY","query":{"query":"SELECT 1"}},"statistics":{"creationTime":"<ms -5>","startTime":"<ms -5>","endTime":"<ms -4>","query":{"statementType":"SELECT","totalBytesBilled":"10995116277760"}}}]}"#,
                ),
                ("sns:Publish", "{}"),
            ],
            healthy: READ,
            late: FAILED,
            calls: &[
                Call::new("secretsmanager:GetSecretValue", "music-prod", FAILED),
                Call::new("google:token", "music-prod", FAILED),
                Call::new("bigquery:jobs.list", "music-prod", FAILED)
                    .except(&[(&[Fault::Partial], None)]),
                Call::new("sns:Publish", "publish", NOT_PUBLISHED),
            ],
        },
    ],
};
