//! Accounts of a thousand resources, and the cost of scanning them with the functions of cost.
//! These have no peers.

use local::account::{Account, AccountServer};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::functions::Function;
use crate::invoke::Running;
use crate::measure::{Cost, Turns, costs_in_turns};
use crate::pinned::Cores;
use crate::request::Request;
use crate::runtime_api::Invocation;
use crate::{Error, report};

const RESOURCES: usize = 1_000;
/// Number of resources of each kind in `idle-resources`.
const OF_KIND: usize = RESOURCES / 10;
/// Number of databases among the machines, and of buckets among the resources for `rightsizing`.
const OTHERS: usize = 100;

const OLD: &str = "2020-01-01T00:00:00Z";
const EVENT: &[u8] = b"{}";

/// Prints the cost of scanning the accounts.
pub(crate) fn run(functions: &[Function], cores: Cores, rounds: usize) -> Result<(), Error> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut costs = Vec::new();
    for function in functions {
        costs.extend(of(function, &runtime, cores, rounds)?);
    }
    println!("{}", report::accounts(RESOURCES, &costs));
    Ok(())
}

fn of(
    function: &Function,
    runtime: &Runtime,
    cores: Cores,
    rounds: usize,
) -> Result<Vec<Cost>, Error> {
    let account = match function.name {
        "idle-resources" => idle(),
        "parking" => machines(),
        _ => dear(),
    };
    let account: Account = serde_json::from_value(account)?;
    let server = runtime.block_on(AccountServer::start(account))?;
    let function = [
        ("AWS_ENDPOINT_URL", server.url()),
        ("AWS_ACCESS_KEY_ID", "bench"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("ALERTS_TOPIC_ARN", ""),
    ]
    .into_iter()
    .fold(function.clone(), |function, (name, value)| function.with(name, value));
    let invoked = Running::start(&function, cores)?.invoke(&Invocation::new(EVENT)?)?;
    let answer: Value = serde_json::from_slice(&invoked.answer)?;
    let stopped = answer["stopped"].as_array().map(Vec::len);
    let found = stopped.or(answer["findings"].as_array().map(Vec::len));
    if found != Some(RESOURCES) || answer["notRead"] != json!([]) {
        return Err(format!("{} found {found:?}: {}", function.name, answer["notRead"]).into());
    }
    let request = Request { name: String::new(), records: RESOURCES, body: EVENT.to_vec() };
    let turns = Turns { warm_ups: 1, rounds, per_turn: 1 };
    costs_in_turns(&[function], &request, cores, turns)
}

/// The same number of each kind, all idle.
fn idle() -> Value {
    let stopped = "User initiated (2020-01-01 00:00:00 GMT)";
    let balancer = |number| {
        format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/{number}/1")
    };
    let disk =
        |number| json!([{"ebs": {"snapshotId": format!("snap-i{number}"), "volumeSize": 30}}]);
    let metrics =
        (0..OF_KIND).map(|number| (format!("db-{number} DatabaseConnections"), json!(0.0)));
    let volume = |id: String, status, attached| {
        json!({
            "volumeId": id, "status": status, "volumeType": "gp3", "size": 100, "createTime": OLD,
            "attachmentSet": attached,
        })
    };
    let attached = |number| json!([{"instanceId": format!("i-{number}")}]);
    let mut volumes = numbered(|number| volume(format!("vol-{number}"), "available", json!([])));
    volumes.extend(numbered(|number| volume(format!("vol-i{number}"), "in-use", attached(number))));
    let snapshot = |id: String| {
        json!({
            "snapshotId": id, "status": "completed", "startTime": OLD, "volumeSize": 100,
        })
    };
    let mut snapshots = numbered(|number| snapshot(format!("snap-{number}")));
    snapshots.extend(numbered(|number| snapshot(format!("snap-i{number}"))));
    json!({
        "instances": numbered(|number| json!({
            "id": format!("i-{number}"), "state": "stopped", "launchTime": OLD, "reason": stopped,
            "members": {"imageId": "ami-used"},
        })),
        "databases": numbered(|number| json!({
            "id": format!("db-{number}"), "status": "available", "created": OLD,
            "members": {"AllocatedStorage": "100"},
        })),
        "metrics": Value::Object(metrics.collect()),
        "answers": {
            "DescribeAddresses": {"addressesSet": numbered(|number| json!({
                "allocationId": format!("eipalloc-{number}"), "publicIp": "203.0.113.7",
            }))},
            "DescribeVolumes": {"volumeSet": volumes},
            "DescribeSnapshots": {"snapshotSet": snapshots},
            "DescribeImages": {"imagesSet": numbered(|number| json!({
                "imageId": format!("ami-{number}"), "creationDate": OLD,
                "blockDeviceMapping": disk(number),
            }))},
            "DescribeNatGateways": {"natGatewaySet": numbered(|number| json!({
                "natGatewayId": format!("nat-{number}"), "state": "available", "createTime": OLD,
            }))},
            "DescribeLoadBalancers": {"LoadBalancers": numbered(|number| json!({
                "LoadBalancerArn": balancer(number), "Type": "application", "CreatedTime": OLD,
            }))},
            "DescribeLogGroups": {"logGroups": numbered(|number| json!({
                "logGroupName": format!("group-{number}"), "storedBytes": 100_u64 << 30,
                "arn": format!("arn:aws:logs:us-east-1:123456789012:log-group:group-{number}:*"),
            }))},
            "ListBuckets": buckets(OF_KIND),
            "ListObjectsV2": {"Contents": [
                {"Key": "a", "Size": 100_u64 << 30, "LastModified": OLD},
            ]},
        },
    })
}

/// Running instances and databases that must be stopped.
fn machines() -> Value {
    let tags = json!({"sluice:office-hours": "never"});
    let instance = |number| {
        json!({
            "id": format!("i-{number}"), "state": "running", "launchTime": OLD, "tags": tags,
        })
    };
    let database = |number| {
        json!({
            "id": format!("db-{number}"), "status": "available", "engine": "postgres", "created": OLD,
            "tags": tags,
        })
    };
    json!({
        "instances": (0..RESOURCES - OTHERS).map(instance).collect::<Vec<_>>(),
        "databases": (0..OTHERS).map(database).collect::<Vec<_>>(),
    })
}

/// Volumes of gp2, and buckets without Intelligent-Tiering.
fn dear() -> Value {
    let volume = |number| {
        json!({
            "volumeId": format!("vol-{number}"), "status": "in-use", "volumeType": "gp2", "size": 100,
        })
    };
    let sizes = (0..OTHERS).flat_map(|number| {
        let bytes = 1_000.0 * f64::from(1 << 30);
        [("BucketSizeBytes StandardStorage", bytes), ("NumberOfObjects AllStorageTypes", 1e5)]
            .map(|(metric, value)| (format!("bucket-{number} {metric}"), json!(value)))
    });
    json!({
        "metrics": Value::Object(sizes.collect()),
        "answers": {
            "DescribeVolumes": {
                "volumeSet": (0..RESOURCES - OTHERS).map(volume).collect::<Vec<_>>(),
            },
            "ListBuckets": buckets(OTHERS),
        },
    })
}

fn numbered(item: impl Fn(usize) -> Value) -> Vec<Value> {
    (0..OF_KIND).map(item).collect()
}

fn buckets(count: usize) -> Value {
    let bucket = |number| json!({"Name": format!("bucket-{number}")});
    json!({"Buckets": {"Bucket": (0..count).map(bucket).collect::<Vec<_>>()}})
}
