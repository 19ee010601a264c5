//! The calls of rightsizing.

use crate::fault::Fault;
use crate::table::Expected::{Answer, Answers, Counts, CountsNo, Error};
use crate::table::{Call, EMPTY_IS_FINE, Exception, Expected, Function, NOTHING_IS_FINE, Scene};

const REPORTED: &[Expected] = &[Answers, CountsNo("ScanFailures")];
/// Something was not read; the rest is reported.
const IN_PART: &[Expected] = &[Answers, Counts("ScanFailures")];
/// Nothing was read.
const UNREAD: &[Expected] = &[Error("ScanFailed"), Counts("ScanFailures")];
/// Without the list there are no such resources.
const NO_LIST: &[Exception] = &[(&[Fault::Partial], Some(&[Answers]))];
/// The answer of S3 has no body that could differ.
const NO_BODY: &[Exception] = &[(&[Fault::Html, Fault::Partial], None)];
const NOT_PUBLISHED: &[Expected] = &[Error("NotPublished")];
const REFUSED: &[Expected] = &[Error("Refused")];

const VOLUME: &str = r#"{"volumeSet":[{"volumeId":"vol-1","volumeType":"gp2","size":2000,"status":"in-use","availabilityZone":"us-east-1a","encrypted":"true","kmsKeyId":"arn:aws:kms:us-east-1:123456789012:key/k","attachmentSet":[{"instanceId":"i-1","device":"/dev/sdf","status":"attached"}],"tagSet":[{"key":"sluice:allow-rightsizing","value":""}]}]}"#;
const NEW_VOLUME: &str = r#"{"volumeSet":[{"volumeId":"vol-2","volumeType":"gp2","size":500,"status":"available","availabilityZone":"us-east-1a","attachmentSet":[],"tagSet":[{"key":"sluice:shrink-of","value":"vol-1"}]}]}"#;
const INSTANCE: (&str, &str) = (
    "ec2:DescribeInstances",
    r#"{"reservationSet":[{"instancesSet":[{"instanceId":"i-1","instanceType":"m5.large","instanceState":{"name":"running"},"rootDeviceName":"/dev/xvda","blockDeviceMapping":[{"deviceName":"/dev/xvda"},{"deviceName":"/dev/sdf"}]}]}]}"#,
);
const COMMAND: (&str, &str) = ("ssm:SendCommand", r#"{"Command":{"CommandId":"c-1"}}"#);
const USAGE: (&str, &str) = (
    "ssm:GetCommandInvocation",
    r#"{"Status":"Success","StandardOutputContent":"volume vol1 2147483648000 107374182400 ext4 /data\n"}"#,
);
const SNAPSHOT: (&str, &str) = (
    "ec2:DescribeSnapshots",
    r#"{"snapshotSet":[{"snapshotId":"snap-1","status":"completed","volumeId":"vol-1","tagSet":[{"key":"sluice:shrink-of","value":"vol-1"}]}]}"#,
);
const SHRINK: &str = r#"{"action":"shrink","volumeId":"vol-1","sizeGib":500,"dryRun":false}"#;
const DOCUMENT: (&str, &str) = ("USAGE_DOCUMENT", "sluice-dev-volume-usage");

pub(crate) const FUNCTION: Function = Function {
    name: "rightsizing",
    seconds: 9,
    variables: &[
        ("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts"),
        ("AWS_REGION", "us-east-1"),
    ],
    scenes: &[
        Scene {
            name: "volumes",
            event: "@scheduled",
            variables: &[DOCUMENT, ("KINDS", "gp2-volume,large-volume")],
            answers: &[
                ("ec2:DescribeVolumes", VOLUME),
                (
                    "ssm:DescribeInstanceInformation",
                    r#"{"InstanceInformationList":[{"InstanceId":"i-1","PlatformType":"Linux","PingStatus":"Online"}]}"#,
                ),
                COMMAND,
                USAGE,
                ("sns:Publish", "{}"),
            ],
            healthy: REPORTED,
            late: NOT_PUBLISHED,
            calls: &[
                Call::new("ec2:DescribeVolumes", "gp2-volume", UNREAD).except(NO_LIST),
                Call::new("ssm:DescribeInstanceInformation", "large-volume", IN_PART)
                    .except(EMPTY_IS_FINE),
                Call::new("ssm:SendCommand", "large-volume", IN_PART),
                Call::new("ssm:GetCommandInvocation", "large-volume", IN_PART),
                Call::new("sns:Publish", "published", NOT_PUBLISHED),
            ],
        },
        Scene {
            name: "buckets",
            event: "@scheduled",
            variables: &[("KINDS", "bucket")],
            answers: &[
                (
                    "s3:ListBuckets",
                    "<ListAllMyBucketsResult><Buckets><Bucket><Name>lake</Name><BucketRegion>us-east-1</BucketRegion></Bucket></Buckets></ListAllMyBucketsResult>",
                ),
                ("cloudwatch:GetMetricData", "[1099511627776.0]"),
                ("sns:Publish", "{}"),
            ],
            healthy: REPORTED,
            late: NOT_PUBLISHED,
            calls: &[
                Call::new("s3:ListBuckets", "bucket", UNREAD),
                Call::new("cloudwatch:GetMetricData", "bucket", IN_PART),
            ],
        },
        Scene {
            name: "machines",
            event: "@scheduled",
            variables: &[("KINDS", "graviton")],
            answers: &[
                ("ce:GetCostAndUsage", "7.5"),
                INSTANCE,
                ("rds:DescribeDBInstances", r#"{"DBInstances":[]}"#),
                ("lambda:ListFunctions", r#"{"Functions":[]}"#),
                ("sns:Publish", "{}"),
            ],
            healthy: REPORTED,
            late: NOT_PUBLISHED,
            calls: &[
                Call::new("ce:GetCostAndUsage", "graviton", UNREAD),
                Call::new("ec2:DescribeInstances", "graviton", IN_PART).except(NO_LIST),
                Call::new("rds:DescribeDBInstances", "graviton", IN_PART).except(NO_LIST),
                Call::new("lambda:ListFunctions", "graviton", IN_PART).except(EMPTY_IS_FINE),
            ],
        },
        Scene {
            name: "gp3",
            event: r#"{"action":"gp3","volumeId":"vol-1","dryRun":false}"#,
            variables: &[],
            answers: &[("ec2:DescribeVolumes", VOLUME), ("ec2:ModifyVolume", "{}")],
            healthy: &[Answer("/changed", "true")],
            late: REFUSED,
            calls: &[Call::new("ec2:ModifyVolume", "", REFUSED).except(NOTHING_IS_FINE)],
        },
        Scene {
            name: "tiering that is lost again",
            event: r#"{"action":"tiering","bucket":"lake","dryRun":false}"#,
            variables: &[],
            answers: &[
                ("s3:GetBucketTagging", "404 NoSuchTagSet"),
                ("s3:GetBucketLifecycleConfiguration", "404 NoSuchLifecycleConfiguration"),
                ("s3:PutBucketLifecycleConfiguration", ""),
            ],
            healthy: &[Error("LifecycleChanged")],
            late: REFUSED,
            calls: &[
                Call::new("s3:GetBucketTagging", "", REFUSED),
                Call::new("s3:GetBucketLifecycleConfiguration", "", REFUSED),
                Call::new("s3:PutBucketLifecycleConfiguration", "", REFUSED).except(NO_BODY),
            ],
        },
        Scene {
            name: "archive tiers",
            event: r#"{"action":"archive","bucket":"lake","deepArchiveDays":180,"dryRun":false}"#,
            variables: &[],
            answers: &[
                ("s3:GetBucketTagging", "404 NoSuchTagSet"),
                ("s3:GetBucketIntelligentTieringConfiguration", "404 NoSuchConfiguration"),
                ("s3:PutBucketIntelligentTieringConfiguration", ""),
                ("cloudwatch:GetMetricData", "[1099511627776.0]"),
            ],
            healthy: &[Answer("/changed", "true")],
            late: REFUSED,
            calls: &[
                Call::new("s3:GetBucketIntelligentTieringConfiguration", "", REFUSED),
                Call::new("s3:PutBucketIntelligentTieringConfiguration", "", REFUSED)
                    .except(NO_BODY),
            ],
        },
        Scene {
            name: "a snapshot before a volume shrinks",
            event: SHRINK,
            variables: &[DOCUMENT],
            answers: &[
                ("ec2:DescribeVolumes", VOLUME),
                INSTANCE,
                COMMAND,
                USAGE,
                ("ec2:DescribeSnapshots", r#"{"snapshotSet":[]}"#),
                ("ec2:CreateSnapshot", r#"{"snapshotId":"snap-1"}"#),
            ],
            healthy: &[Answer("/state", "\"snapshot-pending\"")],
            late: REFUSED,
            calls: &[
                Call::new("ec2:DescribeSnapshots", "", REFUSED).except(NOTHING_IS_FINE),
                Call::new("ec2:CreateSnapshot", "", REFUSED).except(NOTHING_IS_FINE),
            ],
        },
        Scene {
            name: "a smaller volume",
            event: SHRINK,
            variables: &[DOCUMENT],
            answers: &[
                ("ec2:DescribeVolumes", VOLUME),
                ("ec2:DescribeVolumes", r#"{"volumeSet":[]}"#),
                INSTANCE,
                COMMAND,
                USAGE,
                SNAPSHOT,
                ("ec2:CreateVolume", r#"{"volumeId":"vol-2"}"#),
            ],
            healthy: &[Answer("/state", "\"volume-creating\"")],
            late: REFUSED,
            calls: &[Call::new("ec2:CreateVolume", "", REFUSED)],
        },
        Scene {
            name: "a smaller volume that is attached",
            event: SHRINK,
            variables: &[DOCUMENT],
            answers: &[
                ("ec2:DescribeVolumes", VOLUME),
                ("ec2:DescribeVolumes", NEW_VOLUME),
                INSTANCE,
                COMMAND,
                USAGE,
                SNAPSHOT,
                ("ec2:AttachVolume", "{}"),
            ],
            healthy: &[Answer("/state", "\"attached\"")],
            late: REFUSED,
            calls: &[Call::new("ec2:AttachVolume", "", REFUSED).except(NOTHING_IS_FINE)],
        },
    ],
};
