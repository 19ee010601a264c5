//! A fake account: EC2, RDS, Elastic Load Balancing, CloudWatch, CloudWatch Logs, S3 and SNS at one
//! endpoint, with the answers of a fixture.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use local::account::s3_operation;
use local::monitoring::cbor::decode;
use serde_json::{Map, Value, json};
use testkit::{Call, Endpoint, Reply, published};

/// Operations that change something.
const CHANGES: [&str; 5] =
    ["CreateTags", "DeleteTags", "CreateSnapshot", "DeleteVolume", "ReleaseAddress"];

/// The answers of services, by operation: `DescribeVolumes`, or `DescribeVolumes eu-west-1` for one
/// region, or `ListObjectsV2 scratch` for one bucket. An answer is its members; or `403
/// AccessDenied`, an error; or `garbage` or `close`; or `empty`, an answer without its list; or a
/// list of these, one per call. Missing answers have no members.
pub(crate) type Answers = Map<String, Value>;

/// The account, at one endpoint.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) endpoint: Endpoint,
    answers: Arc<Mutex<Answers>>,
}

impl Account {
    pub(crate) async fn start(answers: Answers) -> Self {
        let answers = Arc::new(Mutex::new(answers));
        let shared = Arc::clone(&answers);
        let endpoint = Endpoint::start(move |call| reply(&mut shared.lock().unwrap(), call)).await;
        Self { endpoint, answers }
    }

    /// Replaces the answers.
    pub(crate) fn set(&self, answers: Answers) {
        *self.answers.lock().unwrap() = answers;
        drop(self.endpoint.take_calls());
    }

    /// The number of calls of each operation.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.endpoint.calls() {
            *counts.entry(operation(&call).0).or_default() += 1;
        }
        counts
    }

    /// The calls that change something or publish a notice, in order: `ReleaseAddress eipalloc-1`.
    pub(crate) fn changes(&self) -> Vec<String> {
        let change = |call: &Call| {
            let action = operation(call).0;
            let form = call.form();
            let id = |names: &[&str]| names.iter().find_map(|name| form.get(*name)).cloned();
            let id = id(&["ResourceId.1", "VolumeId", "AllocationId"]).unwrap_or_default();
            match &*action {
                "Publish" => Some("Publish".to_owned()),
                "CreateTags" => {
                    let (key, value) = (&form["Tag.1.Key"], &form["Tag.1.Value"]);
                    Some(format!("CreateTags {id} {key}={value}"))
                }
                "DeleteTags" => Some(format!("DeleteTags {id} {}", form["Tag.1.Key"])),
                "CreateSnapshot" => {
                    let tag = |part| &form[&format!("TagSpecification.1.Tag.1.{part}")];
                    assert_eq!(form["TagSpecification.1.ResourceType"], "snapshot");
                    Some(format!("CreateSnapshot {id} {}={}", tag("Key"), tag("Value")))
                }
                action if CHANGES.contains(&action) => Some(format!("{action} {id}")),
                _ => None,
            }
        };
        self.endpoint.calls().iter().filter_map(change).collect()
    }

    /// The notices that SNS received.
    pub(crate) fn notices(&self) -> Vec<Value> {
        published(&self.endpoint).into_iter().map(|published| published.notice).collect()
    }
}

/// The operation of a call, and its bucket or region.
fn operation(call: &Call) -> (String, String) {
    let (region, service) = call.scope();
    if service != "s3" {
        let form = || call.form().remove("Action").unwrap();
        let operation = Some(call.operation.clone()).filter(|operation| !operation.is_empty());
        return (operation.unwrap_or_else(form), region);
    }
    let bucket = call.path.trim_matches('/').to_owned();
    (s3_operation(&call.method, &call.path, &call.query).to_owned(), bucket)
}

fn reply(answers: &mut Answers, call: &Call) -> Reply {
    let (operation, place) = operation(call);
    let special = format!("{operation} {place}");
    let key = if answers.contains_key(&special) { &special } else { &operation };
    let answer = match answers.get_mut(key) {
        None => json!({}),
        Some(Value::Array(list)) if list.len() > 1 => list.remove(0),
        Some(Value::Array(list)) => list[0].clone(),
        Some(answer) => answer.clone(),
    };
    let service = call.scope().1;
    let Value::String(failure) = &answer else {
        return success(&service, &operation, &answer, call);
    };
    match failure.split_once(' ') {
        Some((status, code)) => error(&service, status.parse().unwrap(), code),
        None if failure == "close" => Reply::Close,
        None if failure == "never" => Reply::Never,
        None => Reply::new(200, "text/plain", failure.clone()),
    }
}

fn error(service: &str, status: u16, code: &str) -> Reply {
    match service {
        "monitoring" => Reply::cbor(status, &json!({"__type": code, "message": "no"})),
        "logs" => Reply::aws_error(status, code),
        "s3" => Reply::xml("Error", &json!({"Code": code, "Message": "no"})).with_status(status),
        _ => Reply::query_error(status, code),
    }
}

fn success(service: &str, operation: &str, answer: &Value, call: &Call) -> Reply {
    match (service, operation) {
        ("ec2", _) => Reply::ec2(operation, answer),
        ("monitoring", _) => Reply::cbor(200, &metric_data(answer, &decode(&call.body).unwrap())),
        ("logs", _) => Reply::json(200, answer),
        ("s3", "ListBuckets") => Reply::xml("ListAllMyBucketsResult", answer),
        ("s3", "GetBucketLifecycleConfiguration") if *answer == json!({}) => {
            error(service, 404, "NoSuchLifecycleConfiguration")
        }
        ("s3", "GetBucketLifecycleConfiguration") => Reply::xml("LifecycleConfiguration", answer),
        ("s3", "GetBucketTagging") if *answer == json!({}) => error(service, 404, "NoSuchTagSet"),
        ("s3", "GetBucketTagging") => Reply::xml("Tagging", answer),
        ("s3", "ListMultipartUploads") => Reply::xml("ListMultipartUploadsResult", answer),
        ("s3", _) => Reply::xml("ListBucketResult", answer),
        ("sns", _) => Reply::published(),
        (_, "DescribeTags") => Reply::query(operation, &described(answer, call)),
        _ => Reply::query(operation, answer),
    }
}

/// The tags of load balancers, including load balancers without tags.
fn described(answer: &Value, call: &Call) -> Value {
    let tagged = answer["TagDescriptions"].as_array().cloned().unwrap_or_default();
    let form = call.form();
    let asked = form.iter().filter(|(name, _)| name.starts_with("ResourceArns."));
    let is_tagged = |arn: &str| tagged.iter().any(|one| one["ResourceArn"] == arn);
    let others = asked.filter(|(_, arn)| !is_tagged(arn));
    let others: Vec<_> = others.map(|(_, arn)| json!({"ResourceArn": arn})).collect();
    let described = [tagged, others].concat();
    json!({"TagDescriptions": described})
}

/// The results of the queries by resource and metric (`nat-1 BytesOutToSource`): values or a
/// status.
fn metric_data(answer: &Value, asked: &Value) -> Value {
    let day = 86_400.0;
    let (start, end) = (asked["StartTime"].as_f64().unwrap(), asked["EndTime"].as_f64().unwrap());
    assert!((start % day).abs() < 1e-9 && end - start >= day, "{start} {end}");
    let result = |query: &Value| {
        let measure = &query["MetricStat"];
        assert_eq!(measure["Period"].as_f64(), Some(day), "{measure}");
        let metric = &measure["Metric"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let resource = text(&metric["Dimensions"][0]["Value"]);
        let name = format!("{resource} {}", text(&metric["MetricName"]));
        let described =
            format!("{} {} {}", text(&metric["Namespace"]), text(&measure["Stat"]), name);
        let result = match answer.get(&name) {
            Some(Value::String(missing)) if missing == "missing" => return None,
            Some(Value::String(status)) => json!({"StatusCode": status, "Values": []}),
            Some(values) => json!({"StatusCode": "Complete", "Values": values}),
            None => json!({"StatusCode": "Complete", "Values": []}),
        };
        assert!(METRICS.iter().any(|metric| described.starts_with(metric)), "{described}");
        let mut result = result;
        let count = result["Values"].as_array().unwrap().len();
        result["Timestamps"] = (0..count).map(|_| json!(start)).collect();
        result["Id"] = query["Id"].clone();
        Some(result)
    };
    let queries = asked["MetricDataQueries"].as_array().unwrap();
    assert!(queries.len() <= 500);
    let results: Vec<_> = queries.iter().filter_map(result).collect();
    json!({"MetricDataResults": results, "NextToken": answer.get("NextToken")})
}

/// Namespaces, with the statistic that is read from them.
const METRICS: [&str; 6] = [
    "AWS/NATGateway Sum ",
    "AWS/ApplicationELB Sum app/",
    "AWS/NetworkELB Sum net/",
    "AWS/GatewayELB Sum gwy/",
    "AWS/RDS Maximum ",
    "AWS/EBS Sum ",
];
