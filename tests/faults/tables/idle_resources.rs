//! The calls of idle-resources.

use crate::fault::{Fault, OF_SERVICES};
use crate::table::Expected::{Answer, Answers, Counts, CountsNo, Error};
use crate::table::{Call, EMPTY_IS_FINE, Exception, Expected, Function, Scene};

const SCANNED: &[Expected] = &[Answers, CountsNo("ScanFailures")];
/// Something was not read; the rest is reported.
const IN_PART: &[Expected] = &[Answers, Counts("ScanFailures")];
/// Nothing was read.
const UNREAD: &[Expected] = &[Error("ScanFailed"), Counts("ScanFailures")];
/// The first list call of EC2: if EC2 cannot be reached, nothing is read.
const FIRST_LIST: &[Exception] =
    &[(&OF_SERVICES, Some(UNREAD)), (&[Fault::Partial], Some(&[Answers]))];
/// Without the list there are no such resources.
const NO_LIST: &[Exception] = &[(&[Fault::Partial], Some(&[Answers]))];
/// The first calls of EC2 read; without its list, the change is done.
const READ_FIRST: &[Exception] = &[(&OF_SERVICES, Some(UNREAD)), (&[Fault::Partial], None)];
const NOT_PUBLISHED: &[Expected] = &[Error("NotPublished")];
const NOT_REMOVED: &[Expected] = &[Answers, Counts("RemovalFailures")];

const PUBLISHED: (&str, &str) = ("sns:Publish", "{}");

const NO_ADDRESSES: (&str, &str) = ("ec2:DescribeAddresses", r#"{"addressesSet":[]}"#);

/// An address and a volume that may be removed.
const ADDRESS: (&str, &str) = (
    "ec2:DescribeAddresses",
    r#"{"addressesSet":[{"allocationId":"eipalloc-1","publicIp":"203.0.113.7","publicIpv4Pool":"amazon","tagSet":[{"key":"sluice:idle-since","value":"2024-03-01"},{"key":"sluice:remove-if-idle","value":"true"}]}]}"#,
);
const VOLUME: (&str, &str) = (
    "ec2:DescribeVolumes",
    r#"{"volumeSet":[{"volumeId":"vol-1","status":"available","createTime":"2024-01-01T00:00:00Z","size":200,"volumeType":"gp2","tagSet":[{"key":"sluice:idle-since","value":"2024-03-01"},{"key":"sluice:remove-if-idle","value":"true"}]}]}"#,
);

pub(crate) const FUNCTION: Function = Function {
    name: "idle-resources",
    seconds: 12,
    variables: &[
        ("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts"),
        ("AWS_REGION", "us-east-1"),
    ],
    scenes: &[
        Scene {
            name: "addresses and volumes",
            event: "{}",
            variables: &[("KINDS", "address,volume")],
            answers: &[
                NO_ADDRESSES,
                (
                    "ec2:DescribeVolumes",
                    r#"{"volumeSet":[{"volumeId":"vol-1","status":"available","createTime":"2024-01-01T00:00:00Z","size":200,"volumeType":"gp2"}]}"#,
                ),
                PUBLISHED,
            ],
            healthy: SCANNED,
            late: NOT_PUBLISHED,
            calls: &[
                Call::new("ec2:DescribeAddresses", "failed to read", IN_PART).except(FIRST_LIST),
                Call::new("ec2:DescribeVolumes", "failed to read", IN_PART).except(NO_LIST),
                Call::new("sns:Publish", "publish", NOT_PUBLISHED),
            ],
        },
        Scene {
            name: "images, snapshots and instances",
            event: "{}",
            variables: &[("KINDS", "image,snapshot,instance")],
            answers: &[
                NO_ADDRESSES,
                (
                    "ec2:DescribeImages",
                    r#"{"imagesSet":[{"imageId":"ami-1","imageState":"available","name":"old","creationDate":"2024-01-01T00:00:00Z","blockDeviceMapping":[{"ebs":{"snapshotId":"snap-1","volumeSize":30}}]}]}"#,
                ),
                ("ec2:DescribeImageReferences", r#"{"imageReferenceSet":[]}"#),
                ("ec2:DescribeInstances", r#"{"reservationSet":[]}"#),
                ("ec2:DescribeSnapshots", r#"{"snapshotSet":[]}"#),
                (
                    "ec2:DescribeVolumes",
                    r#"{"volumeSet":[{"volumeId":"vol-1","status":"available","createTime":"2024-01-01T00:00:00Z","size":200,"volumeType":"gp2"}]}"#,
                ),
                PUBLISHED,
            ],
            healthy: SCANNED,
            late: NOT_PUBLISHED,
            calls: &[
                Call::new("ec2:DescribeImages", "failed to read", IN_PART).except(FIRST_LIST),
                Call::new("ec2:DescribeImageReferences", "failed to read", IN_PART).except(NO_LIST),
                Call::new("ec2:DescribeInstances", "failed to read", IN_PART).except(NO_LIST),
                Call::new("ec2:DescribeSnapshots", "failed to read", IN_PART).except(NO_LIST),
            ],
        },
        Scene {
            name: "NAT gateways and databases",
            event: "{}",
            variables: &[("KINDS", "nat-gateway,database")],
            answers: &[
                (
                    "ec2:DescribeNatGateways",
                    r#"{"natGatewaySet":[{"natGatewayId":"nat-1","state":"available","createTime":"2024-01-01T00:00:00Z"}]}"#,
                ),
                (
                    "rds:DescribeDBInstances",
                    r#"{"DBInstances":[{"DBInstanceIdentifier":"db-1","DBInstanceStatus":"available","InstanceCreateTime":"2024-01-01T00:00:00Z","AllocatedStorage":"100"}]}"#,
                ),
                ("cloudwatch:GetMetricData", "[0.0]"),
                PUBLISHED,
            ],
            healthy: SCANNED,
            late: NOT_PUBLISHED,
            calls: &[
                Call::new("ec2:DescribeNatGateways", "failed to read", IN_PART).except(NO_LIST),
                Call::new("rds:DescribeDBInstances", "failed to read", IN_PART).except(NO_LIST),
                Call::new("cloudwatch:GetMetricData", "failed to read", IN_PART),
            ],
        },
        Scene {
            name: "load balancers",
            event: "{}",
            variables: &[("KINDS", "load-balancer")],
            answers: &[
                (
                    "elasticloadbalancing:DescribeLoadBalancers",
                    r#"{"LoadBalancers":[{"LoadBalancerArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/quiet/50dc6c495c0c9188","LoadBalancerName":"quiet","Type":"network","CreatedTime":"2024-01-01T00:00:00Z"}]}"#,
                ),
                (
                    "elasticloadbalancing:DescribeTargetGroups",
                    r#"{"TargetGroups":[{"TargetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/quiet/943f017f100becff","LoadBalancerArns":["arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/quiet/50dc6c495c0c9188"]}]}"#,
                ),
                (
                    "elasticloadbalancing:DescribeTargetHealth",
                    r#"{"TargetHealthDescriptions":[{"Target":{"Id":"i-1","Port":"80"}}]}"#,
                ),
                (
                    "elasticloadbalancing:DescribeTags",
                    r#"{"TagDescriptions":[{"ResourceArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/quiet/50dc6c495c0c9188"}]}"#,
                ),
                ("cloudwatch:GetMetricData", "[0.0]"),
                PUBLISHED,
            ],
            healthy: SCANNED,
            late: NOT_PUBLISHED,
            calls: &[
                Call::new("elasticloadbalancing:DescribeLoadBalancers", "failed to read", UNREAD)
                    .except(NO_LIST),
                Call::new("elasticloadbalancing:DescribeTargetGroups", "failed to read", IN_PART)
                    .except(NO_LIST),
                Call::new("elasticloadbalancing:DescribeTargetHealth", "failed to read", IN_PART)
                    .except(NO_LIST),
                Call::new("elasticloadbalancing:DescribeTags", "failed to read", IN_PART)
                    .except(NO_LIST),
            ],
        },
        Scene {
            name: "log groups",
            event: "{}",
            variables: &[("KINDS", "log-group")],
            answers: &[
                (
                    "logs:DescribeLogGroups",
                    r#"{"logGroups":[{"logGroupName":"/plays","arn":"arn:aws:logs:us-east-1:123456789012:log-group:/plays:*","storedBytes":107374182400}]}"#,
                ),
                ("logs:ListTagsForResource", r#"{"tags":{}}"#),
                PUBLISHED,
            ],
            healthy: SCANNED,
            late: NOT_PUBLISHED,
            calls: &[
                Call::new("logs:DescribeLogGroups", "failed to read", UNREAD).except(EMPTY_IS_FINE),
                Call::new("logs:ListTagsForResource", "failed to read", IN_PART)
                    .except(EMPTY_IS_FINE),
            ],
        },
        Scene {
            name: "buckets",
            event: "{}",
            variables: &[("KINDS", "bucket")],
            answers: &[
                (
                    "s3:ListBuckets",
                    "<ListAllMyBucketsResult><Buckets><Bucket><Name>lake</Name><BucketRegion>us-east-1</BucketRegion></Bucket></Buckets></ListAllMyBucketsResult>",
                ),
                ("s3:GetBucketLifecycleConfiguration", "404 NoSuchLifecycleConfiguration"),
                (
                    "s3:ListObjectsV2",
                    "<ListBucketResult><Contents><Key>a</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><Size>107374182400</Size></Contents></ListBucketResult>",
                ),
                (
                    "s3:ListMultipartUploads",
                    "<ListMultipartUploadsResult></ListMultipartUploadsResult>",
                ),
                ("s3:GetBucketTagging", "404 NoSuchTagSet"),
                PUBLISHED,
            ],
            healthy: SCANNED,
            late: NOT_PUBLISHED,
            calls: &[
                Call::new("s3:ListBuckets", "failed to read", UNREAD),
                Call::new("s3:GetBucketLifecycleConfiguration", "failed to read", IN_PART),
                Call::new("s3:ListObjectsV2", "failed to read", IN_PART),
                Call::new("s3:ListMultipartUploads", "failed to read", IN_PART),
                Call::new("s3:GetBucketTagging", "failed to read", IN_PART),
            ],
        },
        Scene {
            name: "a mark",
            event: "{}",
            variables: &[("ACTION", "mark"), ("KINDS", "address")],
            answers: &[
                (
                    "ec2:DescribeAddresses",
                    r#"{"addressesSet":[{"allocationId":"eipalloc-1","publicIp":"203.0.113.7","publicIpv4Pool":"amazon"},{"allocationId":"eipalloc-2","publicIp":"203.0.113.8","publicIpv4Pool":"amazon","associationId":"eipassoc-1","tagSet":[{"key":"sluice:idle-since","value":"2024-03-01"}]}]}"#,
                ),
                ("ec2:CreateTags", "{}"),
                ("ec2:DeleteTags", "{}"),
                PUBLISHED,
            ],
            healthy: &[
                Answer("/marked", r#"["eipalloc-1"]"#),
                Answer("/unmarked", r#"["eipalloc-2"]"#),
            ],
            late: NOT_PUBLISHED,
            calls: &[
                Call::new("ec2:CreateTags", "eipalloc-1", &[Answer("/marked", "[]")])
                    .except(READ_FIRST),
                Call::new("ec2:DeleteTags", "eipalloc-2", &[Answer("/unmarked", "[]")])
                    .except(READ_FIRST),
            ],
        },
        Scene {
            name: "removals",
            event: "{}",
            variables: &[("ACTION", "remove"), ("KINDS", "address,volume")],
            answers: &[
                ADDRESS,
                VOLUME,
                ("ec2:DescribeSnapshots", r#"{"snapshotSet":[]}"#),
                (
                    "ec2:CreateSnapshot",
                    r#"{"snapshotId":"snap-1","status":"completed","volumeId":"vol-1","startTime":"<0>"}"#,
                ),
                ("ec2:DeleteVolume", "{}"),
                ("ec2:ReleaseAddress", "{}"),
                PUBLISHED,
            ],
            healthy: &[
                Answer("/removed", r#"["vol-1","eipalloc-1"]"#),
                CountsNo("RemovalFailures"),
            ],
            late: NOT_PUBLISHED,
            calls: &[
                Call::new("ec2:CreateSnapshot", "vol-1", NOT_REMOVED)
                    .except(&[(&OF_SERVICES, Some(UNREAD))]),
                Call::new("ec2:DeleteVolume", "vol-1", NOT_REMOVED).except(READ_FIRST),
                Call::new("ec2:ReleaseAddress", "eipalloc-1", NOT_REMOVED).except(READ_FIRST),
            ],
        },
    ],
};
