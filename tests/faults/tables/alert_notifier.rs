//! The calls of alert-notifier.

use crate::fault::Fault;
use crate::table::Expected::{Answer, Counts, CountsNo, Error};
use crate::table::{Call, EMPTY_IS_FINE, Expected, Function, Scene};

const POSTED: &[Expected] = &[Answer("/posted", "1"), CountsNo("AlertsFailed")];
const NOT_POSTED: &[Expected] = &[Error("NotPosted"), Counts("AlertsFailed")];
const NO_SECRET: &[Expected] = &[Error("SecretUnusable"), Counts("AlertsFailed")];

const SECRET: (&str, &str) = (
    "secretsmanager:GetSecretValue",
    r#"{"Name":"chat","SecretString":"{chat}/v1/spaces/AAA/messages?key=BodyMarker&token=BodyMarker"}"#,
);
const CHAT: (&str, &str) = ("chat:messages", r#"{"name":"spaces/AAA/messages/1"}"#);

pub(crate) const FUNCTION: Function = Function {
    name: "alert-notifier",
    seconds: 8,
    variables: &[(
        "GOOGLE_CHAT_SECRET_ARN",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:chat-AbCdEf",
    )],
    scenes: &[
        Scene {
            name: "an alarm",
            event: "@function-with-another-log-group",
            variables: &[],
            answers: &[
                SECRET,
                ("lambda:GetFunctionConfiguration", r#"{"LoggingConfig":{"LogGroup":"/plays"}}"#),
                (
                    "logs:FilterLogEvents",
                    r#"{"events":[{"timestamp":1732204779989,"message":"ERROR BodyMarker","eventId":"1","logStreamName":"2024/11/21/likes-api[$LATEST]0d5f"}]}"#,
                ),
                CHAT,
            ],
            healthy: POSTED,
            late: NO_SECRET,
            calls: &[
                Call::new("secretsmanager:GetSecretValue", "the secret", NO_SECRET),
                Call::new("lambda:GetFunctionConfiguration", "log group", POSTED)
                    .except(EMPTY_IS_FINE),
                Call::new("logs:FilterLogEvents", "error lines", POSTED).except(EMPTY_IS_FINE),
                // Once the status has arrived, the message is posted.
                Call::new("chat:messages", "not posted", NOT_POSTED)
                    .except(&[(&[Fault::CutInBody, Fault::Partial], None)]),
            ],
        },
        Scene {
            name: "a recovery",
            event: "@recovery-with-history",
            variables: &[],
            answers: &[
                SECRET,
                (
                    "cloudwatch:DescribeAlarmHistory",
                    r#"{"AlarmHistoryItems":[{"Timestamp":1732204840.989,"HistoryItemType":"StateUpdate","HistorySummary":"Alarm updated from OK to ALARM","HistoryData":"{\"oldState\":{\"stateValue\":\"OK\"},\"newState\":{\"stateValue\":\"ALARM\"}}"}]}"#,
                ),
                ("lambda:GetFunctionConfiguration", "{}"),
                CHAT,
            ],
            healthy: POSTED,
            late: NO_SECRET,
            calls: &[Call::new("cloudwatch:DescribeAlarmHistory", "duration", POSTED)
                .except(EMPTY_IS_FINE)],
        },
    ],
};
