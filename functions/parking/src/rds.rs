//! RDS instances and clusters.
//!
//! Source: Amazon RDS API reference, `DescribeDBInstances`, `DescribeDBClusters`, `DescribeEvents`,
//! `StartDBInstance` and its like; "Stopping an Amazon RDS DB instance temporarily", Amazon RDS User
//! Guide; "Stopping and starting an Amazon Aurora DB cluster", Amazon Aurora User Guide.

use jiff::{SignedDuration, Timestamp};
use shared::aws::query::{Element, Parameters, QueryClient, QueryError};
use tokio::time::Instant;

use crate::config::Rules;
use crate::ec2::Action;
use crate::events::last_start;
use crate::machine::{Kind, Machine, Machines, State, Stop, machines};

/// Time after which RDS itself starts a stopped database.
const MAX_STOP: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Maximum time from the announcement of RDS's own start to the start.
const ANNOUNCED: SignedDuration = SignedDuration::from_hours(6);
/// Codes of machines whose state changed since it was read.
const CHANGED: [&str; 3] =
    ["InvalidDBInstanceState", "InvalidDBInstanceStateFault", "InvalidDBClusterStateFault"];

/// The names of operations and members for a kind.
struct Names {
    list: &'static str,
    items: &'static str,
    id: &'static str,
    status: &'static str,
    created: &'static str,
    source_type: &'static str,
    start: &'static str,
    stop: &'static str,
}

const INSTANCES: Names = Names {
    list: "DescribeDBInstances",
    items: "DBInstances",
    id: "DBInstanceIdentifier",
    status: "DBInstanceStatus",
    created: "InstanceCreateTime",
    source_type: "db-instance",
    start: "StartDBInstance",
    stop: "StopDBInstance",
};

const CLUSTERS: Names = Names {
    list: "DescribeDBClusters",
    items: "DBClusters",
    id: "DBClusterIdentifier",
    status: "Status",
    created: "ClusterCreateTime",
    source_type: "db-cluster",
    start: "StartDBCluster",
    stop: "StopDBCluster",
};

const fn names(kind: Kind) -> &'static Names {
    match kind {
        Kind::Cluster => &CLUSTERS,
        Kind::Database | Kind::Instance => &INSTANCES,
    }
}

/// Reads all databases or clusters with the tag of the schedule: RDS has no filter for it.
pub(crate) async fn list(
    client: &QueryClient,
    kind: Kind,
    rules: &Rules,
    until: Instant,
) -> Machines {
    let Names { list, items, .. } = names(kind);
    let parameters = Parameters::new().with("MaxRecords", "100");
    let mut listed = client.list(list, &parameters, &[items], until).await;
    listed.items.retain(|item| item.tags("TagList").contains_key(&rules.schedule_tag));
    machines(listed, |item| machine(item, kind, rules))
}

/// Reads a database or cluster; `None` if a required member is missing.
fn machine(item: &Element, kind: Kind, rules: &Rules) -> Option<Machine> {
    let names = names(kind);
    let mut tags = item.tags("TagList");
    let time = |name: &str| item.text(name)?.parse::<Timestamp>().ok();
    let stopped = time("AutomaticRestartTime").and_then(|start| start.checked_sub(MAX_STOP).ok());
    Some(Machine {
        kind,
        id: item.text(names.id)?.to_owned(),
        name: tags.remove("Name").filter(|name| !name.trim().is_empty()),
        schedule: tags.remove(&rules.schedule_tag)?,
        exception: tags.remove(&rules.override_tag),
        state: match item.text(names.status)? {
            "available" => State::Running,
            "stopping" => State::Stopping,
            "stopped" => State::Stopped,
            _ => State::Other,
        },
        started: time(names.created),
        stop: stopped.map_or(Stop::Unknown, Stop::ByRequest),
        problem: match kind {
            Kind::Cluster => problem_of_cluster(item),
            Kind::Database | Kind::Instance => problem_of_instance(item),
        },
    })
}

fn problem_of_instance(item: &Element) -> Option<String> {
    let engine = item.text("Engine").unwrap_or_default();
    let has = |name: &str| item.text(name).is_some();
    let has_any = |name: &str| !item.list(name).is_empty();
    let problem = if let Some(cluster) = item.text("DBClusterIdentifier") {
        return Some(format!("it is a member of the cluster `{cluster}`: tag the cluster"));
    } else if has("ReadReplicaSourceDBInstanceIdentifier")
        || has("ReadReplicaSourceDBClusterIdentifier")
    {
        "it is a read replica"
    } else if has_any("ReadReplicaDBInstanceIdentifiers")
        || has_any("ReadReplicaDBClusterIdentifiers")
    {
        "it has read replicas"
    } else if engine.starts_with("custom-") {
        "it is RDS Custom"
    } else if engine.starts_with("sqlserver") && item.is_true("MultiAZ") {
        "it is SQL Server in Multi-AZ"
    } else {
        return None;
    };
    Some(format!("{problem}, which RDS does not stop"))
}

fn problem_of_cluster(item: &Element) -> Option<String> {
    let engine = item.text("Engine").unwrap_or_default();
    let mode = item.text("EngineMode");
    // The primary cluster has none of these.
    let forwarding = item.text("GlobalWriteForwardingStatus");
    let is_global = item.text("GlobalClusterIdentifier").is_some()
        || mode == Some("global")
        || forwarding.is_some_and(|status| ["enabled", "enabling", "disabling"].contains(&status));
    let is_replica = item.text("ReplicationSourceIdentifier").is_some();
    let has_replicas = !item.list("ReadReplicaIdentifiers").is_empty();
    let problem = if !engine.starts_with("aurora-") && !["neptune", "docdb"].contains(&engine) {
        return Some(format!("RDS does not stop a cluster of `{engine}`"));
    } else if mode == Some("serverless") {
        "it is Aurora Serverless v1"
    } else if is_global {
        "it is a member of a global database"
    } else if is_replica {
        "it is a replica of another cluster"
    } else if has_replicas {
        "it has replicas in other clusters"
    } else {
        return None;
    };
    Some(format!("{problem}, which RDS does not stop"))
}

/// When a person last started a database, within the time for which it would be kept running.
///
/// # Errors
/// If not all of its events can be read.
pub(crate) async fn last_start_of(
    client: &QueryClient,
    machine: &Machine,
    keep: SignedDuration,
    until: Instant,
) -> Result<Option<Timestamp>, QueryError> {
    let minutes = (keep + ANNOUNCED).as_mins();
    let parameters = Parameters::new()
        .with("SourceIdentifier", &machine.id)
        .with("SourceType", names(machine.kind).source_type)
        .with("Duration", minutes.to_string())
        .with("MaxRecords", "100");
    let listed = client.list("DescribeEvents", &parameters, &["Events"], until).await;
    if let Some(failure) = listed.failure {
        return Err(failure);
    }
    let is_own = |item: &&Element| item.text("SourceIdentifier").is_none_or(|of| of == machine.id);
    let event =
        |item: &Element| Some((item.text("Date")?.parse().ok()?, item.text("Message")?.to_owned()));
    let events: Option<_> = listed.items.iter().filter(is_own).map(event).collect();
    let odd = || QueryError::invalid("an event lacks its date or its message");
    events.map(last_start).ok_or_else(odd)
}

/// Starts or stops a database or cluster. Returns whether this was done: it is not if the state
/// changed since it was read.
///
/// # Errors
/// If RDS rejects the request or does not answer.
pub(crate) async fn change(
    client: &QueryClient,
    action: Action,
    machine: &Machine,
    until: Instant,
) -> Result<bool, QueryError> {
    let names = names(machine.kind);
    let operation = match action {
        Action::Start => names.start,
        Action::Stop => names.stop,
    };
    let parameters = Parameters::new().with(names.id, &machine.id);
    match client.call(operation, &parameters, until).await {
        Ok(_) => Ok(true),
        Err(error) if CHANGED.contains(&&*error.code) => Ok(error.may_be_done),
        Err(error) => Err(error),
    }
}
