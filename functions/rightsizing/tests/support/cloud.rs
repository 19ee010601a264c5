//! The services of an account at one endpoint, with the answers of a fixture.

use std::sync::{Arc, Mutex};

use local::account::s3_operation;
use local::monitoring::cbor::decode;
use serde_json::{Map, Value, json};
use testkit::{Call, Endpoint, Reply};

/// The answers of services, by operation: members of the answer; or `403 AccessDenied`, an error;
/// or `never`, no answer; or a list of these, one per call. Missing answers have no members.
/// `Lifecycle` is the lifecycle in S3, in XML, until it is replaced; with `Unanswered`, the
/// replacement has no answer.
pub(crate) type Answers = Map<String, Value>;

/// Operations that change something, or that are billed.
const CHANGES: [&str; 8] = [
    "AttachVolume",
    "CreateSnapshot",
    "CreateVolume",
    "ModifyVolume",
    "PutBucketIntelligentTieringConfiguration",
    "PutBucketLifecycleConfiguration",
    "SendCommand",
    "DetachVolume",
];

/// The header with the minimum size of an object that a lifecycle moves.
const MINIMUM_SIZE: &str = "x-amz-transition-default-minimum-object-size";

/// The account.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) endpoint: Endpoint,
    answers: Arc<Mutex<Answers>>,
}

impl Cloud {
    pub(crate) async fn start(answers: Answers) -> Self {
        let answers = Arc::new(Mutex::new(answers));
        let shared = Arc::clone(&answers);
        let endpoint = Endpoint::start(move |call| reply(&mut shared.lock().unwrap(), call)).await;
        Self { endpoint, answers }
    }

    /// The lifecycle that is now stored in S3.
    pub(crate) fn lifecycle(&self) -> Value {
        self.answers.lock().unwrap()["Lifecycle"].clone()
    }

    /// The calls that change something, in order, with their content.
    pub(crate) fn changes(&self) -> Vec<String> {
        let change = |call: &Call| {
            let name = operation(call);
            let said = match &*name {
                "SendCommand" => call.json()["InstanceIds"].to_string(),
                name if name.starts_with("PutBucket") => call.path.clone(),
                _ => {
                    let form = call.form().into_iter();
                    let form = form.filter(|(name, _)| !["Action", "Version"].contains(&&**name));
                    form.map(|(name, value)| format!("{name}={value}"))
                        .collect::<Vec<_>>()
                        .join(" ")
                }
            };
            CHANGES.contains(&&*name).then(|| format!("{name} {said}"))
        };
        self.endpoint.calls().iter().filter_map(change).collect()
    }

    /// The calls of an operation.
    pub(crate) fn calls(&self, name: &str) -> Vec<Call> {
        self.endpoint.calls().into_iter().filter(|call| operation(call) == name).collect()
    }
}

fn operation(call: &Call) -> String {
    let (_, service) = call.scope();
    match &*service {
        "s3" => s3_operation(&call.method, &call.path, &call.query).to_owned(),
        "lambda" => "ListFunctions".to_owned(),
        _ if call.operation.is_empty() => call.form().remove("Action").unwrap(),
        _ => call.operation.clone(),
    }
}

fn reply(answers: &mut Answers, call: &Call) -> Reply {
    let name = operation(call);
    let answer = match answers.get_mut(&name) {
        None => json!({}),
        Some(Value::Array(list)) if list.len() > 1 => list.remove(0),
        Some(Value::Array(list)) => list[0].clone(),
        Some(answer) => answer.clone(),
    };
    let (_, service) = call.scope();
    if answer == "never" {
        return Reply::Never;
    }
    if let Value::String(failure) = &answer {
        let (status, code) = failure.split_once(' ').unwrap();
        return error(&service, status.parse().unwrap(), code);
    }
    match (&*service, &*name) {
        ("ec2", _) => Reply::ec2(&name, &answer),
        ("sns", _) => Reply::published(),
        ("monitoring", _) => Reply::cbor(200, &metric_data(&answer, &decode(&call.body).unwrap())),
        ("s3", "ListBuckets") => Reply::xml("ListAllMyBucketsResult", &answer),
        ("s3", "GetBucketTagging") if answer == json!({}) => error("s3", 404, "NoSuchTagSet"),
        ("s3", "GetBucketTagging") => Reply::xml("Tagging", &answer),
        ("s3", "GetBucketLifecycleConfiguration") => stored(answers, "Lifecycle"),
        ("s3", "PutBucketLifecycleConfiguration") => {
            let mut body = String::from_utf8(call.body.to_vec()).unwrap();
            if let Some(lost) = answers.get("Loses").and_then(Value::as_str) {
                body = body.replace(lost, "other");
            }
            let minimum = call.headers.get(MINIMUM_SIZE).map(|value| value.to_str().unwrap());
            answers.insert("MinimumSize".to_owned(), json!(minimum));
            answers.insert("Lifecycle".to_owned(), json!(body));
            if answers.contains_key("Unanswered") {
                return Reply::Close;
            }
            Reply::new(200, "application/xml", "")
        }
        ("s3", "GetBucketIntelligentTieringConfiguration") => stored(answers, "Tiering"),
        ("s3", _) => {
            let body = String::from_utf8(call.body.to_vec()).unwrap();
            answers.insert("Tiering".to_owned(), json!(body));
            Reply::new(200, "application/xml", "")
        }
        ("rds", _) => Reply::query(&name, &answer),
        _ => Reply::json(200, &answer),
    }
}

/// The S3 object or setting with this name.
fn stored(answers: &Answers, name: &str) -> Reply {
    let code =
        if name == "Lifecycle" { "NoSuchLifecycleConfiguration" } else { "NoSuchConfiguration" };
    let Some(text) = answers.get(name).and_then(Value::as_str) else {
        return error("s3", 404, code);
    };
    let reply = Reply::new(200, "application/xml", text.to_owned());
    match answers.get("MinimumSize").and_then(Value::as_str) {
        Some(size) if name == "Lifecycle" => reply.with_header(MINIMUM_SIZE, size),
        _ => reply,
    }
}

fn error(service: &str, status: u16, code: &str) -> Reply {
    match service {
        "monitoring" => Reply::cbor(status, &json!({"__type": code, "message": "no"})),
        "s3" => Reply::xml("Error", &json!({"Code": code, "Message": "no"})).with_status(status),
        "ec2" | "rds" | "sns" => Reply::query_error(status, code),
        "lambda" => Reply::aws_error(status, code).with_header("x-amzn-errortype", code),
        _ => Reply::aws_error(status, code),
    }
}

/// The results of the queries: by bucket and storage type, GiB for `lake StandardStorage` and
/// objects for `lake AllStorageTypes`; or a status.
fn metric_data(answer: &Value, asked: &Value) -> Value {
    let (start, end) = (asked["StartTime"].as_f64().unwrap(), asked["EndTime"].as_f64().unwrap());
    assert!((end - start - 3.0 * 86_400.0).abs() < 1.0, "{start} {end}");
    assert_eq!(asked["ScanBy"], "TimestampDescending");
    let queries = asked["MetricDataQueries"].as_array().unwrap();
    assert!(queries.len() <= 500);
    let result = |query: &Value| {
        let measure = &query["MetricStat"];
        let metric = &measure["Metric"];
        let dimension = |at: usize| metric["Dimensions"][at]["Value"].as_str().unwrap();
        let (bucket, storage) = (dimension(0), dimension(1));
        let is_objects = storage == "AllStorageTypes";
        let name = if is_objects { "NumberOfObjects" } else { "BucketSizeBytes" };
        assert_eq!((&metric["Namespace"], &metric["MetricName"]), (&json!("AWS/S3"), &json!(name)));
        assert_eq!(measure["Stat"], "Average");
        let unit = if is_objects { 1.0 } else { 1_073_741_824.0 };
        match answer.get(format!("{bucket} {storage}")) {
            Some(Value::String(status)) => {
                json!({"Id": query["Id"], "StatusCode": status, "Timestamps": [], "Values": []})
            }
            Some(value) => json!({
                "Id": query["Id"], "StatusCode": "Complete",
                "Timestamps": [end - 86_400.0, start], "Values": [value.as_f64().unwrap() * unit, 1.0],
            }),
            None => {
                json!({"Id": query["Id"], "StatusCode": "Complete", "Timestamps": [], "Values": []})
            }
        }
    };
    json!({"MetricDataResults": queries.iter().map(result).collect::<Vec<_>>()})
}
