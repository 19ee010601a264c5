//! The account of the demo, and its planted problems.

use jiff::{SignedDuration, Timestamp};
use local::account::Account;
use serde_json::{Error, Value, json};

/// Texts that messages must contain, by the function that publishes them.
pub(super) const PLANTED: [(&str, &str); 23] = [
    ("idle-resources", "nat-gateway nat-0old"),
    ("idle-resources", "volume vol-0scratch (scratch)"),
    (
        "idle-resources",
        "load-balancer arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/trial/1",
    ),
    ("idle-resources", "database reports"),
    ("idle-resources", "instance i-0build (build)"),
    ("idle-resources", "snapshot snap-0old"),
    ("idle-resources", "image ami-0old (base-2024)"),
    ("idle-resources", "address eipalloc-0door"),
    ("idle-resources", "log-group /aws/lambda/plays"),
    ("idle-resources", "bucket exports"),
    ("rightsizing", "graviton m5.xlarge -> m7g.xlarge"),
    ("rightsizing", "graviton Lambda x86_64 -> arm64"),
    ("rightsizing", "bucket lake"),
    ("rightsizing", "gp2-volume vol-0data"),
    ("rightsizing", "large-volume vol-0logs"),
    ("rightsizing", "archive: 15.38 USD a month saved by Intelligent-Tiering"),
    ("parking", "stopped i-0web (web)"),
    ("parking", "stopped orders"),
    ("parking", "started i-0batch (batch)"),
    ("parking", "left alone i-0worker"),
    ("cost-report", "91.00 USD (+30.0 %)"),
    ("cost-report", "56.00 USD (+60.0 %)"),
    ("cost-report", "Amazon Elastic Compute Cloud"),
];

/// The machines that `parking` must not change, because somebody works late.
pub(super) const KEPT: &str = "i-0late";

/// The calls that change something. `SendCommand` runs a document that only reads.
pub(super) const CHANGES: [&str; 4] = [
    "SendCommand i-0web",
    "StartInstances i-0batch",
    "StopDBInstance orders",
    "StopInstances i-0web",
];

const BALANCER: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/trial/1";
const GIB: f64 = 1_073_741_824.0;

/// The schedules `office`, whose window ended two hours ago, and `night`, whose window began then.
pub(super) fn schedules(now: Timestamp) -> String {
    let at = |hours| (now + SignedDuration::from_hours(hours)).strftime("%H:%M").to_string();
    let window = |start, end| format!("Mon-Sun {}-{} UTC", at(start), at(end));
    json!({"office": window(-12, -2), "night": window(-2, 6)}).to_string()
}

/// The account, with times counted from now.
pub(super) fn account(now: Timestamp) -> Result<Account, Error> {
    let stopped = |hours| format!("User initiated ({})", before(now, hours).strftime("%F %T GMT"));
    let days = |days| days_before(now, days);
    let by_user = json!(["Client.UserInitiatedShutdown", "User initiated shutdown"]);
    let machine = json!({"imageId": "ami-0web", "instanceType": "m5.xlarge"});
    let week = |before: f64, after: f64| [[before; 7], [after; 7]].concat();
    serde_json::from_value(json!({
        "instances": [
            {"id": "i-0web", "state": "running", "launchTime": days(3), "members": machine,
                "tags": {"Name": "web", "sluice:office-hours": "office"}},
            {"id": KEPT, "state": "running", "launchTime": before(now, 1).to_string(), "members": machine,
                "tags": {"Name": "late", "sluice:office-hours": "office"}},
            {"id": "i-0batch", "state": "stopped", "launchTime": days(1), "members": machine,
                "reason": stopped(10), "stateReason": by_user,
                "tags": {"Name": "batch", "sluice:office-hours": "night"}},
            {"id": "i-0worker", "state": "running", "launchTime": days(3), "members": machine,
                "tags": {"aws:autoscaling:groupName": "workers", "sluice:office-hours": "office"}},
            {"id": "i-0build", "state": "stopped", "launchTime": days(90), "members": machine,
                "reason": stopped(40 * 24), "stateReason": by_user, "tags": {"Name": "build"}},
        ],
        "databases": [
            {"id": "orders", "status": "available", "engine": "postgres", "created": days(100),
                "members": {"AllocatedStorage": "100", "DBInstanceClass": "db.m7g.large"},
                "tags": {"sluice:office-hours": "office"}},
            {"id": "reports", "status": "available", "engine": "postgres", "created": days(100),
                "members": {"AllocatedStorage": "100", "DBInstanceClass": "db.m7g.large"}},
        ],
        "costs": {
            "services": {
                "Amazon Elastic Compute Cloud - Compute": week(5.0, 8.0),
                "Amazon Simple Storage Service": week(4.0, 4.0),
                "AWS Lambda": week(1.0, 1.0),
            },
            "usage": [
                [["BoxUsage:m5.xlarge", "RunInstances"], 140.0],
                [["Lambda-GB-Second", "Invoke"], 30.0],
            ],
            "month": 250.0,
            "forecast": 150.0,
            "anomalies": [{
                "AnomalyId": "a-1", "AnomalyStartDate": days(5), "AnomalyEndDate": days(2),
                "DimensionValue": "Amazon Elastic Compute Cloud - Compute",
                "MonitorArn": "arn:aws:ce::123456789012:anomalymonitor/m",
                "AnomalyScore": {"MaxScore": 0.5, "CurrentScore": 0.5},
                "Impact": {"MaxImpact": 3.0, "TotalImpact": 21.0},
            }],
        },
        "metrics": {
            "reports DatabaseConnections": 0.0,
            "orders DatabaseConnections": 12.0,
            "nat-0used BytesOutToSource": 1_024.0,
            "lake BucketSizeBytes StandardStorage": 1_000.0 * GIB,
            "lake NumberOfObjects AllStorageTypes": 100_000.0,
            "archive BucketSizeBytes IntelligentTieringFAStorage": 100.0 * GIB,
            "archive BucketSizeBytes IntelligentTieringIAStorage": 200.0 * GIB,
            "archive BucketSizeBytes IntelligentTieringAIAStorage": 700.0 * GIB,
            "archive NumberOfObjects AllStorageTypes": 10_000.0,
        },
        "answers": answers(now),
    }))
}

/// The answers of services that nothing changes in this demo.
fn answers(now: Timestamp) -> Value {
    let days = |days| days_before(now, days);
    let attached = |instance: &str| json!([{"instanceId": instance, "status": "attached"}]);
    let disk = |snapshot: &str| json!([{"ebs": {"snapshotId": snapshot, "volumeSize": 30}}]);
    let name = |name: &str| json!([{"key": "Name", "value": name}]);
    let log_group = |name: &str| {
        let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}:*");
        json!({"logGroupName": name, "arn": arn, "storedBytes": 100.0 * GIB})
    };
    json!({
        "DescribeAddresses": {"addressesSet": [
            {"allocationId": "eipalloc-0door", "publicIp": "203.0.113.7"},
            {"allocationId": "eipalloc-0web", "publicIp": "203.0.113.8",
                "associationId": "eipassoc-1", "instanceId": "i-0web"},
        ]},
        "DescribeVolumes": {"volumeSet": [
            {"volumeId": "vol-0scratch", "status": "available", "volumeType": "gp3", "size": 100,
                "createTime": days(30), "tagSet": name("scratch")},
            {"volumeId": "vol-0kept", "status": "available", "volumeType": "gp3", "size": 100,
                "createTime": days(30), "tagSet": [{"key": "sluice:keep", "value": ""}]},
            {"volumeId": "vol-0build", "status": "in-use", "volumeType": "gp3", "size": 80,
                "createTime": days(90), "attachmentSet": attached("i-0build")},
            {"volumeId": "vol-0data", "status": "in-use", "volumeType": "gp2", "size": 500,
                "createTime": days(90), "attachmentSet": attached("i-0web")},
            {"volumeId": "vol-0logs", "status": "in-use", "volumeType": "gp3", "size": 200,
                "createTime": days(90), "attachmentSet": attached("i-0web")},
        ]},
        "DescribeSnapshots": {"snapshotSet": [
            {"snapshotId": "snap-0old", "status": "completed", "startTime": days(200),
                "volumeSize": 100},
            {"snapshotId": "snap-0base", "status": "completed", "startTime": days(300),
                "volumeSize": 30},
        ]},
        "DescribeImages": {"imagesSet": [
            {"imageId": "ami-0old", "name": "base-2024", "creationDate": days(300),
                "lastLaunchedTime": days(200), "blockDeviceMapping": disk("snap-0base")},
            {"imageId": "ami-0web", "name": "web", "creationDate": days(300),
                "blockDeviceMapping": disk("snap-0web")},
        ]},
        "DescribeNatGateways": {"natGatewaySet": [
            {"natGatewayId": "nat-0old", "state": "available", "createTime": days(20)},
            {"natGatewayId": "nat-0used", "state": "available", "createTime": days(20)},
        ]},
        "DescribeLoadBalancers": {"LoadBalancers": [
            {"LoadBalancerArn": BALANCER, "LoadBalancerName": "trial", "Type": "application",
                "CreatedTime": days(8)},
        ]},
        "DescribeTargetGroups": {"TargetGroups": [
            {"TargetGroupArn": "trial", "LoadBalancerArns": [BALANCER]},
        ]},
        "DescribeLogGroups": {"logGroups": [log_group("/aws/lambda/plays")]},
        "ListBuckets": {"Buckets": {"Bucket": [
            {"Name": "archive"}, {"Name": "exports"}, {"Name": "lake"},
        ]}},
        "ListObjectsV2 exports": {"Contents": [
            {"Key": "2024.csv", "Size": 300_u64 << 30, "LastModified": days(200)},
        ]},
        "DescribeInstanceInformation": {"InstanceInformationList": [
            {"InstanceId": "i-0web", "PlatformType": "Linux", "PingStatus": "Online"},
        ]},
        "SendCommand": {"Command": {"CommandId": "c-1"}},
        "GetCommandInvocation": {"Status": "Success", "StandardOutputContent":
            "volume vol-0data 536870912000 429496729600 xfs /data\n\
             volume vol-0logs 214748364800 10737418240 xfs /var/log\n"},
        "ListFunctions": {"Functions": [{"FunctionName": "plays"}]},
    })
}

fn before(now: Timestamp, hours: i64) -> Timestamp {
    now - SignedDuration::from_hours(hours)
}

fn days_before(now: Timestamp, days: i64) -> String {
    before(now, days * 24).to_string()
}
