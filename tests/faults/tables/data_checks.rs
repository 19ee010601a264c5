//! The calls of data-checks.

use crate::fault::Fault;
use crate::run::GOOGLE_SECRET;
use crate::table::Expected::{Answers, Counts, CountsNo, Error};
use crate::table::{Call, EMPTY_IS_FINE, Expected, Function, Scene};

const HOLDS: &[Expected] = &[Answers, Counts("Checks"), CountsNo("CheckErrors")];
const DIFFERS: &[Expected] = &[Answers, Counts("NoticesPublished"), CountsNo("CheckErrors")];
const NOT_RUN: &[Expected] = &[Error("ChecksNotRun"), Counts("CheckErrors")];
const NOT_PUBLISHED: &[Expected] = &[Error("NotPublished"), Counts("NoticesFailed")];

const STARTED: (&str, &str) = ("redshift-data:ExecuteStatement", r#"{"Id":"s"}"#);
const MEMORY: (&str, &str) = ("cloudwatch:GetMetricData", "[]");
const TOKEN: (&str, &str) = ("google:token", r#"{"access_token":"BodyMarker","expires_in":3600}"#);
const GOOGLE: (&str, &str) = ("secretsmanager:GetSecretValue", GOOGLE_SECRET);
const RUNNING: &str =
    r#"{"jobReference":{"projectId":"music","jobId":"j","location":"EU"},"jobComplete":false}"#;
const ROWS: &str = r#"{"jobReference":{"projectId":"music","jobId":"j","location":"EU"},"jobComplete":true,"rows":[{"f":[{"v":"7"},{"v":"<epoch -5>"}]}]}"#;

const OF_BIGQUERY: &str =
    r#"[{"name":"plays","target":{"kind":"bigquery","project":"music","sql":"SELECT 1"}}]"#;
const OF_REDSHIFT: &str = r#"[{"name":"plays","target":{"kind":"redshift","cluster":"music","database":"dev","sql":"SELECT 1"}}]"#;
const OF_OPENSEARCH: &str = r#"[{"name":"plays","target":{"kind":"opensearch","endpoint":"{opensearch}","index":"plays"}}]"#;
const OF_RDS: &str = r#"[{"name":"plays","target":{"kind":"rds","resource_arn":"arn:aws:rds:eu-west-1:123456789012:cluster:music","secret_arn":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:plays-AbCdEf","database":"music","sql":"SELECT 1"}}]"#;

pub(crate) const FUNCTION: Function = Function {
    name: "data-checks",
    seconds: 9,
    variables: &[
        ("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts"),
        (
            "GOOGLE_CREDENTIALS_SECRET_ARN",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:google-AbCdEf",
        ),
        ("BIGQUERY_ENDPOINT_URL", "{bigquery}"),
    ],
    scenes: &[
        Scene {
            name: "rows that differ",
            event: "@holds",
            variables: &[("CHECKS_PATH", "/checks"), ("OPENSEARCH_AUTH", "none")],
            answers: &[
                (
                    "ssm:GetParametersByPath",
                    r#"{"Parameters":[{"Name":"/checks/plays","Type":"String","Value":"{\"source\":{\"kind\":\"redshift\",\"cluster\":\"music\",\"database\":\"dev\",\"sql\":\"SELECT 1\"},\"target\":{\"kind\":\"opensearch\",\"endpoint\":\"{opensearch}\",\"index\":\"plays\"}}"}]}"#,
                ),
                STARTED,
                ("redshift-data:DescribeStatement", r#"{"Id":"s","Status":"FINISHED"}"#),
                (
                    "redshift-data:GetStatementResult",
                    r#"{"Records":[[{"longValue":7},{"stringValue":"<-5>"}]]}"#,
                ),
                (
                    "opensearch:_search",
                    r#"{"took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"total":{"value":3,"relation":"eq"},"max_score":null,"hits":[]},"aggregations":{"newest":{"value":<ms -5>}}}"#,
                ),
                MEMORY,
                ("sns:Publish", "{}"),
            ],
            healthy: DIFFERS,
            late: NOT_RUN,
            calls: &[
                Call::new("ssm:GetParametersByPath", "check", NOT_RUN).except(&[(
                    &[Fault::ErrorInOk, Fault::Partial],
                    Some(&[Answers, CountsNo("Checks")]),
                )]),
                Call::new("redshift-data:ExecuteStatement", "plays", NOT_RUN),
                Call::new("redshift-data:DescribeStatement", "plays", NOT_RUN),
                Call::new("redshift-data:GetStatementResult", "plays", NOT_RUN),
                Call::new("opensearch:_search", "plays", NOT_RUN),
                Call::new("cloudwatch:GetMetricData", "CloudWatch", NOT_RUN),
                Call::new("sns:Publish", "publish", NOT_PUBLISHED),
            ],
        },
        Scene {
            name: "a database of RDS",
            event: "@holds",
            variables: &[("CHECKS", OF_RDS)],
            answers: &[
                (
                    "rds-data:ExecuteStatement",
                    r#"{"records":[[{"longValue":7},{"stringValue":"<-5>"}]]}"#,
                ),
                MEMORY,
            ],
            healthy: HOLDS,
            late: NOT_RUN,
            calls: &[Call::new("rds-data:ExecuteStatement", "plays", NOT_RUN)],
        },
        Scene {
            name: "BigQuery",
            event: "@holds",
            variables: &[("CHECKS", OF_BIGQUERY)],
            answers: &[GOOGLE, TOKEN, ("bigquery:jobs.query", ROWS), MEMORY],
            healthy: HOLDS,
            late: NOT_RUN,
            calls: &[
                Call::new("secretsmanager:GetSecretValue", "plays", NOT_RUN),
                Call::new("google:token", "plays", NOT_RUN),
                Call::new("bigquery:jobs.query", "plays", NOT_RUN),
            ],
        },
        Scene {
            name: "a query of BigQuery that takes long",
            event: "@holds",
            variables: &[("CHECKS", OF_BIGQUERY)],
            answers: &[
                GOOGLE,
                TOKEN,
                ("bigquery:jobs.query", RUNNING),
                ("bigquery:jobs.getQueryResults", ROWS),
                ("bigquery:jobs.cancel", "{}"),
                MEMORY,
            ],
            healthy: HOLDS,
            late: NOT_RUN,
            calls: &[Call::new("bigquery:jobs.getQueryResults", "plays", NOT_RUN)],
        },
        Scene {
            name: "a query of BigQuery that does not end",
            event: "@holds",
            variables: &[("CHECKS", OF_BIGQUERY)],
            answers: &[
                GOOGLE,
                TOKEN,
                ("bigquery:jobs.query", RUNNING),
                ("bigquery:jobs.getQueryResults", RUNNING),
                ("bigquery:jobs.cancel", "{}"),
                MEMORY,
            ],
            healthy: NOT_RUN,
            late: NOT_RUN,
            calls: &[Call::new("bigquery:jobs.cancel", "plays", NOT_RUN).except(EMPTY_IS_FINE)],
        },
        Scene {
            name: "a statement that does not end",
            event: "@holds",
            variables: &[("CHECKS", OF_REDSHIFT)],
            answers: &[
                STARTED,
                ("redshift-data:DescribeStatement", r#"{"Id":"s","Status":"STARTED"}"#),
                ("redshift-data:CancelStatement", r#"{"Status":true}"#),
                MEMORY,
            ],
            healthy: NOT_RUN,
            late: NOT_RUN,
            calls: &[
                Call::new("redshift-data:CancelStatement", "plays", NOT_RUN).except(EMPTY_IS_FINE)
            ],
        },
        Scene {
            name: "the password of OpenSearch",
            event: "@holds",
            variables: &[
                ("CHECKS", OF_OPENSEARCH),
                ("OPENSEARCH_AUTH", "basic"),
                (
                    "OPENSEARCH_SECRET_ARN",
                    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:search-AbCdEf",
                ),
            ],
            answers: &[
                (
                    "secretsmanager:GetSecretValue",
                    r#"{"Name":"s","SecretString":"{\"username\":\"ada\",\"password\":\"BodyMarker\"}"}"#,
                ),
                (
                    "opensearch:_search",
                    r#"{"took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"total":{"value":3,"relation":"eq"},"max_score":null,"hits":[]},"aggregations":{"newest":{"value":<ms -5>}}}"#,
                ),
                MEMORY,
            ],
            healthy: HOLDS,
            late: NOT_RUN,
            calls: &[Call::new("secretsmanager:GetSecretValue", "plays", NOT_RUN)],
        },
    ],
};
