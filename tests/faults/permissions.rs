//! Every call has a row and a permission: the functions make every call that the templates allow,
//! and the templates allow every call that the functions make.

use std::collections::BTreeSet;
use std::fs;

use local::binaries;
use serde_json::Value;
use suite::permissions::beside_its_log;
use suite::stack::Stack;
use testkit::code_blocks;

use crate::answers::service;
use crate::tables::FUNCTIONS;

/// Permissions that no code uses, with their functions; `*` is every function.
const NOT_CALLED: &[(&str, &str, &str)] = &[
    ("*", "ec2:CreateNetworkInterface", "Lambda"),
    ("*", "ec2:DeleteNetworkInterface", "Lambda"),
    ("*", "ec2:DescribeNetworkInterfaces", "Lambda"),
    ("*", "kms:", "the service whose data a key encrypts"),
    ("*", "xray:", "Lambda"),
    ("*", "aoss:", "_bulk of a collection, in the place of es:ESHttpPost"),
    ("alert-notifier", "sqs:SendMessage", "Lambda, after a failure"),
    ("cost-report", "sqs:SendMessage", "Lambda, after a failure"),
    ("idle-resources", "sqs:SendMessage", "Lambda, after a failure"),
    ("parking", "sqs:SendMessage", "Lambda, after a failure"),
    ("rightsizing", "sqs:SendMessage", "Lambda, after a failure"),
    ("object-loader", "s3:GetObjectVersion", "S3, for GetObject of a version"),
    ("object-loader", "s3:ListBucket", "S3, to answer that an object is missing"),
    ("object-loader", "sqs:DeleteMessage", "the event source mapping"),
    ("object-loader", "sqs:GetQueueAttributes", "the event source mapping"),
    ("object-loader", "sqs:ReceiveMessage", "the event source mapping"),
    ("rightsizing", "ec2:CreateTags", "EC2, for the tags of what is created"),
    ("sqs-consumer", "sqs:DeleteMessage", "the event source mapping"),
    ("sqs-consumer", "sqs:GetQueueAttributes", "the event source mapping"),
    ("sqs-consumer", "sqs:ReceiveMessage", "the event source mapping"),
    ("sensor-points", "kinesis:", "the event source mapping"),
    ("sensor-points", "s3:", "the event source mapping, after a failure"),
    ("data-checks", "redshift:", "the Data API of Redshift"),
    ("data-checks", "redshift-serverless:", "the Data API of Redshift"),
    ("warehouse-watch", "redshift:", "the Data API of Redshift"),
    ("warehouse-watch", "redshift-serverless:", "the Data API of Redshift"),
    ("idle-resources", "ec2:DescribeLaunchTemplate", "EC2, for DescribeImageReferences"),
    ("idle-resources", "imagebuilder:", "EC2, for DescribeImageReferences"),
    ("idle-resources", "ssm:", "EC2, for DescribeImageReferences"),
];

/// Calls whose permission has another name, or that are allowed by another action.
const ALLOWED_BY: &[(&str, &str)] = &[
    ("opensearch:_bulk", "es:ESHttpPost"),
    ("opensearch:_cluster/health", "es:ESHttpGet"),
    ("opensearch:_search", "es:ESHttpPost"),
    ("s3:GetBucketIntelligentTieringConfiguration", "s3:GetIntelligentTieringConfiguration"),
    ("s3:GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
    ("s3:ListBuckets", "s3:ListAllMyBuckets"),
    ("s3:ListMultipartUploads", "s3:ListBucketMultipartUploads"),
    ("s3:ListObjectsV2", "s3:ListBucket"),
    ("s3:PutBucketIntelligentTieringConfiguration", "s3:PutIntelligentTieringConfiguration"),
    ("s3:PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
];

/// Calls that require an additional permission of the user, with a variable that the templates do
/// not set.
const OWN_PERMISSION: &[(&str, &str, &str)] =
    &[("sqs-consumer", "secretsmanager:GetSecretValue", "OPENSEARCH_SECRET_ARN")];

/// Services outside AWS.
const WITHOUT_PERMISSION: &[&str] = &["bigquery", "chat", "google", "prefect", "tsdb"];

/// The permission for a call.
fn permission(call: &str) -> &str {
    let known = ALLOWED_BY.iter().find(|(own, _)| *own == call);
    match known {
        Some((_, permission)) => permission,
        // A single permission covers the messages of a batch, too.
        None if service(call) == "sqs" => call.trim_end_matches("Batch"),
        None => call,
    }
}

/// The permissions of a function in all variants of the templates, as far as its code uses them.
fn allowed(function: &str) -> BTreeSet<String> {
    let stacks = Stack::variants();
    let stacks = stacks.iter().filter(|stack| stack.functions().contains_key(function));
    let permissions = stacks.flat_map(|stack| beside_its_log(stack, function));
    let permissions = permissions.chain(of_own_policy(function));
    let action = |permission: String| permission.split(' ').next().unwrap_or_default().to_owned();
    let is_called = |permission: &String| {
        !NOT_CALLED
            .iter()
            .any(|(of, action, _)| [function, "*"].contains(of) && permission.starts_with(action))
    };
    permissions.map(action).filter(is_called).collect()
}

/// The permissions that the README of a function requires in an additional policy.
fn of_own_policy(function: &str) -> Vec<String> {
    let readme = format!("functions/{function}/README.md");
    let readme = fs::read_to_string(suite::project().join(readme)).unwrap();
    let blocks = code_blocks(&readme, "json").into_iter();
    let policies: Vec<Value> =
        blocks.filter_map(|block| serde_json::from_str(block).ok()).collect();
    let statements = policies.iter().filter_map(|policy| policy["Statement"].as_array()).flatten();
    let actions = statements.flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        action => vec![action.clone()],
    });
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_function_has_a_table_and_calls_what_it_may_and_nothing_else() {
    let mut names: Vec<_> = FUNCTIONS.iter().map(|function| function.name).collect();
    names.sort_unstable();
    // log-metrics makes no calls.
    let functions = binaries::functions().unwrap();
    let functions: Vec<_> = functions.iter().filter(|name| *name != "log-metrics").collect();
    assert_eq!(names, functions);
    assert_eq!(allowed("log-metrics"), BTreeSet::new());
    for function in FUNCTIONS {
        let name = function.name;
        let answered = function.scenes.iter().flat_map(|scene| scene.answers);
        let answered: BTreeSet<_> = answered.map(|(name, _)| *name).collect();
        let rows = function.scenes.iter().flat_map(|scene| scene.calls);
        let rows: BTreeSet<_> = rows.map(|call| call.name).collect();
        // No other call is answered, and a call without an answer fails its scene.
        assert_eq!(answered, rows, "{name}");
        let of_aws = rows.into_iter().filter(|call| !WITHOUT_PERMISSION.contains(&service(call)));
        let mut called: BTreeSet<_> = of_aws.map(|call| permission(call).to_owned()).collect();
        for (_, own, _) in OWN_PERMISSION.iter().filter(|(of, ..)| *of == name) {
            assert!(called.remove(*own), "{name}: {own}");
        }
        assert_eq!(allowed(name), called, "{name}");
    }
}
