//! The service, the operation and the subject of a request to AWS.

use http::Method;
use http::request::Parts;
use serde_json::Value;

use super::Form;

/// The S3 operations on a property of a bucket, by query parameter: with `GET` and with `PUT`.
const OF_BUCKET: [(&str, [&str; 2]); 4] = [
    ("lifecycle", ["GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration"]),
    (
        "intelligent-tiering",
        ["GetBucketIntelligentTieringConfiguration", "PutBucketIntelligentTieringConfiguration"],
    ),
    ("tagging", ["GetBucketTagging", "PutBucketTagging"]),
    ("uploads", ["ListMultipartUploads", "CreateMultipartUpload"]),
];

/// The operation of an S3 request; only operations that the functions call.
#[must_use]
pub fn s3_operation(method: &Method, path: &str, query: &str) -> &'static str {
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    match OF_BUCKET.iter().find(|(parameter, _)| has(parameter)) {
        Some((_, [_, put])) if method == Method::PUT => put,
        Some((_, [get, _])) => get,
        None if path.trim_matches('/').is_empty() => "ListBuckets",
        None if has("list-type") => "ListObjectsV2",
        None if method == Method::PUT => "PutObject",
        None => "GetObject",
    }
}

/// A request.
#[derive(Debug)]
pub(super) struct Asked {
    /// The service, as it is named in signatures.
    pub(super) service: String,
    pub(super) operation: String,
    /// The subject, if an operation has only one: a bucket, an instance, a target group.
    pub(super) place: String,
    pub(super) form: Form,
    pub(super) json: Value,
}

impl Asked {
    /// Reads a request; `None` if it is not signed.
    pub(super) fn new(head: &Parts, body: &[u8]) -> Option<Self> {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let service = header("authorization")?.split('/').nth(3)?.to_owned();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let form = Form::parse(body);
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let operation = match (&*service, header("x-amz-target")) {
            ("s3", _) => s3_operation(&head.method, path, query),
            ("lambda", _) => "ListFunctions",
            ("monitoring", _) => path.rsplit('/').next()?,
            (_, Some(target)) => target.rsplit('.').next()?,
            (_, None) => form.get("Action"),
        };
        let operation = operation.to_owned();
        let place = match &*service {
            "s3" => path.trim_matches('/'),
            _ => json["InstanceId"].as_str().unwrap_or_else(|| form.get("TargetGroupArn")),
        };
        let place = place.to_owned();
        Some(Self { service, operation, place, form, json })
    }

    /// The call and its subjects, if it changes something: `StopInstances i-1 i-2`.
    pub(super) fn change(&self) -> Option<String> {
        let reads = ["Describe", "Get", "List"].iter().any(|verb| self.operation.starts_with(verb));
        let named = match &self.json["InstanceIds"] {
            Value::Array(ids) => ids.iter().filter_map(Value::as_str).collect(),
            _ => self.form.values(),
        };
        (!reads).then(|| [&[&*self.operation], &named[..]].concat().join(" "))
    }
}
