//! RDS instances without a connection.

use jiff::Timestamp;
use shared::aws::query::Element;
use shared::cost::Price;

use super::{Bound, Idle, Scope, Tags, amount, time};

/// An instance of RDS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Database {
    pub(crate) id: String,
    pub(crate) tags: Tags,
    state: String,
    created: Option<Timestamp>,
    storage_gib: f64,
    is_in_cluster: bool,
    /// Whether it is a replica, or has one.
    is_replicated: bool,
}

impl Database {
    /// Reads an item of `DescribeDBInstances`.
    pub(crate) fn read(element: &Element) -> Option<Self> {
        let sources =
            ["ReadReplicaSourceDBInstanceIdentifier", "ReadReplicaSourceDBClusterIdentifier"];
        let replicas = ["ReadReplicaDBInstanceIdentifiers", "ReadReplicaDBClusterIdentifiers"];
        Some(Self {
            id: element.text("DBInstanceIdentifier")?.to_owned(),
            tags: element.tags("TagList"),
            state: element.text("DBInstanceStatus").unwrap_or_default().to_owned(),
            created: time(element.text("InstanceCreateTime")),
            storage_gib: amount(element, "AllocatedStorage"),
            is_in_cluster: element.text("DBClusterIdentifier").is_some(),
            is_replicated: sources.iter().any(|source| element.text(source).is_some())
                || replicas.iter().any(|list| !element.list(list).is_empty()),
        })
    }

    /// Whether it is idle if nothing was connected.
    pub(crate) fn is_candidate(&self, scope: &Scope<'_>) -> bool {
        self.state == "available"
            && scope.is_older(self.created, scope.rules.idle_days)
            && !self.is_in_cluster
            && !self.is_replicated
            && !scope.is_parked(&self.tags)
    }

    /// `connections`: the maximum of each period that CloudWatch returned.
    pub(crate) fn idle(&self, scope: &Scope<'_>, connections: &[f64]) -> Option<Idle> {
        let is_idle = !connections.is_empty() && connections.iter().all(|most| *most <= 0.0);
        (is_idle && self.is_candidate(scope)).then(|| Idle {
            usd: self.storage_gib * scope.price(Price::RdsStorage),
            bound: Bound::AtLeast,
            why: format!("no connection in {} days", scope.rules.idle_days),
            since: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cost, rules, scope, tags};
    use super::*;

    #[test]
    fn is_idle_without_a_connection_in_every_period_that_is_known() {
        let rules = rules();
        let idle = |change: fn(&mut Database), connections: &[f64]| {
            let mut database = Database {
                state: "available".to_owned(),
                created: time(Some("2026-11-14T00:00:00Z")),
                storage_gib: 100.0,
                ..Database::default()
            };
            change(&mut database);
            cost(database.idle(&scope(&rules), connections))
        };
        let found = Some(("11.5000".to_owned(), Bound::AtLeast));
        assert_eq!(idle(|_| (), &[0.0, 0.0]), found);
        assert_eq!(idle(|_| (), &[0.0, 1.0]), None);
        assert_eq!(idle(|_| (), &[]), None);
        let changes: [fn(&mut Database); 6] = [
            |database| database.state = "stopped".to_owned(),
            |database| database.created = time(Some("2026-11-14T00:00:01Z")),
            |database| database.created = None,
            |database| database.is_in_cluster = true,
            |database| database.is_replicated = true,
            |database| database.tags = tags(&[("sluice:office-hours", "always")]),
        ];
        assert_eq!(changes.map(|change| idle(change, &[0.0])), [const { None }; 6]);
    }
}
