//! The calls of parking.

use crate::fault::Fault;
use crate::table::Expected::{Answers, Counts, CountsNo, Error};
use crate::table::{Call, Exception, Expected, Function, NOTHING_IS_FINE, Scene};

const PARKED: &[Expected] = &[Answers, Counts("ResourcesStopped"), CountsNo("ParkingFailures")];
/// A list was not read; the machines of the others are parked.
const UNREAD: &[Expected] =
    &[Error("ParkingFailed"), Counts("ParkingFailures"), Counts("ResourcesStopped")];
/// A machine was not started or stopped; the others were.
const FAILED: &[Expected] = &[Answers, Counts("ParkingFailures"), Counts("ResourcesStopped")];
/// Without the list there are no such machines.
const NO_LIST: &[Exception] = &[(&[Fault::Partial], Some(&[Answers, Counts("ResourcesStopped")]))];
const NOT_PUBLISHED: &[Expected] = &[Error("NotPublished"), Counts("ResourcesStopped")];

pub(crate) const FUNCTION: Function = Function {
    name: "parking",
    seconds: 10,
    variables: &[("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts")],
    scenes: &[Scene {
        name: "machines of all kinds",
        event: "@window-begins",
        variables: &[],
        answers: &[
            (
                "ec2:DescribeInstances",
                r#"{"reservationSet":[{"instancesSet":[{"instanceId":"i-off","instanceState":{"name":"running"},"launchTime":"<-1000>","tagSet":[{"key":"sluice:office-hours","value":"never"}]},{"instanceId":"i-on","instanceState":{"name":"stopped"},"launchTime":"<-1000>","tagSet":[{"key":"sluice:office-hours","value":"always"}]}]}]}"#,
            ),
            ("ec2:StartInstances", r#"{"instancesSet":[{"instanceId":"i-on"}]}"#),
            ("ec2:StopInstances", r#"{"instancesSet":[{"instanceId":"i-off"}]}"#),
            (
                "rds:DescribeDBInstances",
                r#"{"DBInstances":[{"DBInstanceIdentifier":"db-off","DBInstanceStatus":"available","Engine":"mysql","InstanceCreateTime":"<-90000>","TagList":[{"Key":"sluice:office-hours","Value":"never"}]},{"DBInstanceIdentifier":"db-on","DBInstanceStatus":"stopped","Engine":"mysql","InstanceCreateTime":"<-90000>","TagList":[{"Key":"sluice:office-hours","Value":"always"}]}]}"#,
            ),
            (
                "rds:DescribeDBClusters",
                r#"{"DBClusters":[{"DBClusterIdentifier":"cl-off","Status":"available","Engine":"aurora-mysql","ClusterCreateTime":"<-90000>","TagList":[{"Key":"sluice:office-hours","Value":"never"}]},{"DBClusterIdentifier":"cl-on","Status":"stopped","Engine":"aurora-mysql","ClusterCreateTime":"<-90000>","TagList":[{"Key":"sluice:office-hours","Value":"always"}]}]}"#,
            ),
            ("rds:DescribeEvents", r#"{"Events":[]}"#),
            ("rds:StartDBInstance", "{}"),
            ("rds:StopDBInstance", "{}"),
            ("rds:StartDBCluster", "{}"),
            ("rds:StopDBCluster", "{}"),
            ("sns:Publish", "{}"),
        ],
        healthy: PARKED,
        late: &[Error("NotPublished"), Counts("ParkingFailures")],
        calls: &[
            Call::new("ec2:DescribeInstances", "ec2", UNREAD).except(NO_LIST),
            Call::new("ec2:StartInstances", "i-on", FAILED),
            Call::new("ec2:StopInstances", "i-off", FAILED),
            Call::new("rds:DescribeDBInstances", "rds", UNREAD).except(NO_LIST),
            Call::new("rds:DescribeDBClusters", "rds", UNREAD).except(NO_LIST),
            Call::new("rds:DescribeEvents", "db-off", FAILED).except(NOTHING_IS_FINE),
            Call::new("rds:StartDBInstance", "db-on", FAILED).except(NOTHING_IS_FINE),
            Call::new("rds:StopDBInstance", "db-off", FAILED).except(NOTHING_IS_FINE),
            Call::new("rds:StartDBCluster", "cl-on", FAILED).except(NOTHING_IS_FINE),
            Call::new("rds:StopDBCluster", "cl-off", FAILED).except(NOTHING_IS_FINE),
            Call::new("sns:Publish", "not published", NOT_PUBLISHED),
        ],
    }],
};
