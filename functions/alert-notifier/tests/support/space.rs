//! A scripted endpoint for Google Chat, CloudWatch, CloudWatch Logs, Lambda and Secrets Manager.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply};

/// The webhook's key and token, which must never be logged.
pub(crate) const KEY: &str = "AIzaSyHushHushKey";
pub(crate) const TOKEN: &str = "hush_hush-token%3D";

/// The data of the AWS services.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Script {
    /// Pages of error lines; `None` is a rejected call. Without pages, the log group does not exist.
    pub(crate) logs: Option<Vec<Option<Lines>>>,
    /// The stream of every line.
    pub(crate) log_stream: String,
    /// The log group in the configuration of every function.
    pub(crate) log_group: Option<String>,
    /// Whether Lambda denies reading the configuration of functions.
    pub(crate) lambda_refuses: bool,
    /// Whether the logs never answer.
    pub(crate) logs_hang: bool,
    /// Changes of state: time in milliseconds, state before and after. `None` is a rejected call.
    pub(crate) history: Option<Vec<(u64, String, String)>>,
    /// The text of every secret.
    pub(crate) secret: Option<String>,
}

/// Times in milliseconds and texts.
type Lines = Vec<(u64, String)>;

/// How Google Chat replies to a request.
#[derive(Clone, Debug, Default)]
pub(crate) enum Chat {
    /// It posts the message.
    #[default]
    Post,
    /// It answers with a status and headers.
    Status(u16, Vec<(&'static str, String)>),
    /// It does not answer.
    Never,
    /// The connection is closed after the message was received.
    Close,
}

/// A posted message.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Posted {
    pub(crate) request_id: String,
    pub(crate) body: Value,
}

/// Starts the endpoint. After the replies in `chat`, every message is posted.
pub(crate) async fn space(script: Script, chat: impl IntoIterator<Item = Chat>) -> Endpoint {
    let mut chat: VecDeque<_> = chat.into_iter().collect();
    let answer = move |call: &Call| match operation(call) {
        "GetFunctionConfiguration" => script.configuration(),
        "FilterLogEvents" => script.logs(call),
        "GetSecretValue" => script.secret(),
        "DescribeAlarmHistory" => script.history(call),
        "" => chat.pop_front().unwrap_or_default().reply(),
        other => panic!("{other}"),
    };
    Endpoint::start(answer).await
}

/// The URL of the endpoint's webhook.
pub(crate) fn webhook(endpoint: &Endpoint) -> String {
    format!("{}/v1/spaces/AAA/messages?key={KEY}&token={TOKEN}", endpoint.url)
}

/// The operation of an AWS service; empty for a message.
pub(crate) fn operation(call: &Call) -> &str {
    let is_lambda = call.path.ends_with("/configuration");
    if is_lambda { "GetFunctionConfiguration" } else { &call.operation }
}

/// The calls of AWS services.
pub(crate) fn aws_calls(endpoint: &Endpoint) -> Vec<Call> {
    endpoint.calls().into_iter().filter(|call| !operation(call).is_empty()).collect()
}

/// The messages that were sent, posted or not.
pub(crate) fn posts(endpoint: &Endpoint) -> Vec<Posted> {
    let posted = |call: Call| {
        assert!(call.body.len() <= 32_000, "{} bytes", call.body.len());
        let mut ids = call.query.split('&').filter_map(|pair| pair.strip_prefix("requestId="));
        let request_id = ids.next().unwrap().to_owned();
        assert_eq!(ids.next(), None);
        // Google Chat rejects the option for a message without a thread.
        let replies = call.query.contains("messageReplyOption=");
        let body = call.json();
        assert_eq!(replies, body["thread"]["threadKey"].is_string(), "{body}");
        Posted { request_id, body }
    };
    endpoint.calls().into_iter().filter(|call| operation(call).is_empty()).map(posted).collect()
}

impl Chat {
    fn reply(self) -> Reply {
        match self {
            Self::Post => Reply::json(200, &json!({"name": "spaces/AAA/messages/1"})),
            Self::Never => Reply::Never,
            Self::Close => Reply::Close,
            Self::Status(status, headers) => {
                // An error can contain secrets.
                let message = format!("key={KEY}");
                let error = json!({"code": status, "message": message, "status": "SOME_CODE"});
                let reply = Reply::json(status, &json!({"error": error}));
                headers.iter().fold(reply, |reply, (name, value)| reply.with_header(name, value))
            }
        }
    }
}

impl Script {
    fn logs(&self, call: &Call) -> Reply {
        if self.logs_hang {
            return Reply::Never;
        }
        let Some(pages) = &self.logs else {
            return Reply::aws_error(400, "ResourceNotFoundException");
        };
        let page = call.json()["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let Some(Some(lines)) = pages.get(page) else {
            return Reply::aws_error(400, "AccessDeniedException");
        };
        let event = |(at, (at_ms, text)): (usize, &(u64, String))| json!({"timestamp": at_ms, "message": text, "eventId": format!("{page}-{at}"), "logStreamName": self.log_stream});
        let events: Vec<_> = lines.iter().enumerate().map(event).collect();
        let next = (page + 1 < pages.len()).then(|| (page + 1).to_string());
        Reply::json(200, &json!({"events": events, "nextToken": next}))
    }

    fn configuration(&self) -> Reply {
        if self.lambda_refuses {
            return Reply::aws_error(400, "AccessDeniedException");
        }
        let logging = self.log_group.as_ref().map(|group| json!({"LogGroup": group}));
        Reply::json(200, &json!({"LoggingConfig": logging}))
    }

    fn secret(&self) -> Reply {
        let Some(secret) = &self.secret else {
            return Reply::aws_error(400, "ResourceNotFoundException");
        };
        let body = json!({"ARN": "arn:secret", "Name": "secret", "SecretString": secret});
        Reply::json(200, &body)
    }

    fn history(&self, call: &Call) -> Reply {
        // CloudWatch leaves out alarms of other types. In CBOR, texts are as they are.
        let query = String::from_utf8_lossy(&call.body);
        for alarm_type in ["MetricAlarm", "CompositeAlarm", "LogAlarm"] {
            assert!(query.contains(alarm_type), "{query}");
        }
        let Some(changes) = &self.history else {
            let code = "com.amazonaws.cloudwatch#InvalidNextToken";
            return Reply::cbor(400, &json!({"__type": code}));
        };
        let item = |(at_ms, old, new): &(u64, String, String)| {
            let data = json!({"oldState": {"stateValue": old}, "newState": {"stateValue": new}});
            json!({
                "Timestamp": Duration::from_millis(*at_ms).as_secs_f64(),
                "HistoryItemType": "StateUpdate",
                "HistorySummary": format!("Alarm updated from {old} to {new}"),
                "HistoryData": data.to_string(),
            })
        };
        let items: Vec<_> = changes.iter().map(item).collect();
        Reply::cbor(200, &json!({"AlarmHistoryItems": items}))
    }
}
