//! Services whose data contains canaries, and that fail in a given way.

use base64_simd::STANDARD;
use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply, google_credentials};

/// Part of what passes through the functions: events, log lines, tags, SQL.
pub(crate) const PAYLOAD: &str = "PayloadCanary7f3a91";
/// A text that only the functions and the services that they call may know.
pub(crate) const SECRET: &str = "SecretCanary5d20be";
/// The secret in the events of pipeline-alerts.
const WEBHOOK: &str = "music-pipelines-1-8f2c41";

/// How services fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing listens.
    Refused,
    /// 403, with the request in the body, as in some proxies.
    Echo,
    /// 403 in the form of AWS, with a message that repeats the headers of the request, as that of
    /// `SignatureDoesNotMatch` does.
    Signature,
    /// 500, with the request in the body.
    Broken,
    /// 200, with the request in place of the answer.
    Garbage,
}

impl Failure {
    pub(crate) const ALL: [Self; 5] =
        [Self::Refused, Self::Echo, Self::Signature, Self::Broken, Self::Garbage];

    fn reply(self, call: &Call) -> Reply {
        let headers = call.headers.iter();
        let mut headers: Vec<_> = headers
            .map(|(name, value)| format!("{name}:{}\n", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        // Headers with secrets first, before a text is truncated.
        headers.sort_by_key(|header| !header.contains(SECRET));
        let headers = headers.concat();
        let request = [headers.as_bytes(), b"\n", &*call.body].concat();
        match self {
            Self::Refused => Reply::Close,
            Self::Echo => Reply::new(403, "text/html", request),
            Self::Broken => Reply::new(500, "text/html", request),
            Self::Garbage => Reply::new(200, "text/html", request),
            Self::Signature => signature(call, &headers),
        }
    }
}

/// The rejection of a service, in the protocol of the call.
fn signature(call: &Call, headers: &str) -> Reply {
    const CODE: &str = "SignatureDoesNotMatch";
    if call.headers.get("smithy-protocol").is_some_and(|name| name == "rpc-v2-cbor") {
        return Reply::cbor(403, &json!({"__type": CODE, "message": headers}));
    }
    if call.operation.is_empty() {
        let error = format!("<Error><Code>{CODE}</Code><Message>{headers}</Message></Error>");
        return Reply::new(403, "text/xml", format!("<ErrorResponse>{error}</ErrorResponse>"));
    }
    Reply::json(403, &json!({"__type": CODE, "message": headers}))
}

/// Starts the services. With `know`, calls for data succeed; everything else fails.
pub(crate) async fn start(failure: Failure, know: bool) -> Endpoint {
    Endpoint::start(move |call| {
        let known = if know { known(call) } else { None };
        known.unwrap_or_else(|| failure.reply(call))
    })
    .await
}

/// The data of a service, with canaries in it.
fn known(call: &Call) -> Option<Reply> {
    let url = format!("http://{}", call.headers["host"].to_str().unwrap());
    let answer = match &*call.operation {
        "GetSecretValue" => {
            json!({"Name": "a", "SecretString": secret(&call.json()["SecretId"], &url)})
        }
        "GetQueueAttributes" => json!({"Attributes": {
            "QueueArn": "arn:aws:sqs:us-east-1:123456789012:music",
            "ApproximateNumberOfMessages": "1", "MessageRetentionPeriod": "1209600",
        }}),
        "ReceiveMessage" => json!({"Messages": [{
            "MessageId": "m-1", "ReceiptHandle": "r-1", "Body": json!({"a": PAYLOAD}).to_string(),
            "Attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": "1709296498120",
                "ApproximateFirstReceiveTimestamp": "1709296498130",
                "DeadLetterQueueSourceArn": "arn:aws:sqs:us-east-1:123456789012:music",
            },
            "MessageAttributes": {"note": {"DataType": "String", "StringValue": PAYLOAD}},
        }]}),
        "FilterLogEvents" => json!({"events": [{
            "eventId": "1", "timestamp": 1_732_204_840_000_u64, "logStreamName": "a",
            "message": format!("ERROR {PAYLOAD} password={SECRET}"),
        }]}),
        "GetCostAndUsage" => costs(&call.json()),
        "ExecuteStatement" => json!({"Id": "1"}),
        "DescribeStatement" => json!({
            "Id": "1", "Status": "FAILED", "Error": format!("no connection: password={SECRET}"),
        }),
        "" => return known_by_path(call),
        _ => return None,
    };
    Some(Reply::json(200, &answer))
}

fn known_by_path(call: &Call) -> Option<Reply> {
    let error = json!({"error": {"code": 400, "message": format!("token={SECRET}")}});
    match &*call.path {
        "/token" => Some(Reply::json(200, &json!({"access_token": SECRET, "expires_in": 3600}))),
        "/_bulk" => Some(Reply::json(200, &refused_documents(call))),
        "/plays/a.json" => {
            let lines = format!("{{\"event_id\":\"{PAYLOAD}\"}}\nno event {PAYLOAD}\n");
            Some(Reply::new(200, "application/json", lines).with_header("etag", "\"e\""))
        }
        path if path.starts_with("/bigquery/") => Some(Reply::json(400, &error)),
        _ => match call.form().get("Action").map(String::as_str) {
            Some("DescribeInstances") => Some(Reply::ec2("DescribeInstances", &machines())),
            Some("DescribeVolumes") => Some(Reply::ec2("DescribeVolumes", &volumes())),
            _ => None,
        },
    }
}

/// The text of a secret, according to its name.
fn secret(id: &Value, url: &str) -> String {
    match id.as_str().unwrap().rsplit(':').next().unwrap() {
        "chat" => format!("{url}/v1/spaces/AAA/messages?key={SECRET}&token={SECRET}"),
        "search" => json!({"username": "ada", "password": SECRET}).to_string(),
        "google" => google_credentials(url),
        "webhook" => format!("{SECRET}\n{WEBHOOK}"),
        "token" => SECRET.to_owned(),
        other => panic!("{other}"),
    }
}

/// OpenSearch's answer if it rejects every document, with a preview of the value.
fn refused_documents(call: &Call) -> Value {
    let lines = call.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let reason = format!("failed to parse field [a]. Preview of field's value: '{PAYLOAD}'");
    let error = json!({
        "type": "mapper_parsing_exception", "reason": reason,
        "caused_by": {"type": "illegal_argument_exception", "reason": PAYLOAD},
    });
    let item = json!({"create": {"_index": "a", "_id": PAYLOAD, "status": 400, "error": error}});
    let items = vec![item; lines.count() / 2];
    json!({"took": 1, "errors": true, "items": items})
}

fn costs(asked: &Value) -> Value {
    let metric = asked["Metrics"][0].as_str().unwrap();
    let cost = json!({metric: {"Amount": "1.5", "Unit": "USD"}});
    json!({"ResultsByTime": [{
        "TimePeriod": asked["TimePeriod"], "Total": cost, "Estimated": true,
        "Groups": [{"Keys": [PAYLOAD], "Metrics": cost}],
    }]})
}

fn tags() -> Value {
    json!([{"key": "Name", "value": PAYLOAD}, {"key": "sluice:office-hours", "value": "unknown"}])
}

fn machines() -> Value {
    json!({"reservationSet": [{"instancesSet": [{
        "instanceId": "i-1", "instanceState": {"name": "running"}, "instanceType": "m5.large",
        "launchTime": "2024-03-01T12:00:00.000Z", "tagSet": tags(),
    }]}]})
}

fn volumes() -> Value {
    json!({"volumeSet": [{
        "volumeId": "vol-1", "volumeType": "gp2", "size": 100, "status": "available",
        "createTime": "2024-03-01T12:00:00.000Z", "tagSet": tags(),
    }]})
}

/// The forms of a canary: itself, in base64 at any offset, in hexadecimal, and as a list of bytes.
pub(crate) fn forms(canary: &str) -> Vec<String> {
    let base64 = (0..3).map(|before| {
        let encoded = STANDARD.encode_to_string([&[0; 2][..before], canary.as_bytes()].concat());
        let whole = (before * 4).div_ceil(3)..(before + canary.len()) * 4 / 3;
        encoded[whole].to_owned()
    });
    let hexadecimal = canary.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let list = format!("{:?}", canary.as_bytes());
    let list = list.trim_matches(['[', ']']).to_owned();
    base64.chain([canary.to_owned(), hexadecimal, list]).collect()
}

#[test]
fn a_canary_is_found_in_every_form() {
    let found = |text: &str| forms(SECRET).iter().any(|form| text.contains(form));
    for before in 0..5 {
        for after in 0..5 {
            let text = format!("{}{SECRET}{}", "a".repeat(before), "é".repeat(after));
            assert!(found(&text));
            assert!(found(&STANDARD.encode_to_string(&text)), "{text}");
            assert!(found(&format!("{:?}", text.as_bytes())), "{text}");
        }
    }
    assert!(!found(PAYLOAD));
}
