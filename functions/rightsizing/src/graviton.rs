//! The costs of x86 machines that could run on Graviton.
//!
//! Source: the AWS Price List of July 2026 (us-east-1), according to karpenter-provider-aws; for
//! RDS and Lambda, public tables. The same price reduction applies to all sizes of a family.

use std::collections::BTreeMap;

/// The services whose costs are read, as Cost Explorer names them.
pub(crate) const SERVICES: [&str; 3] =
    ["Amazon Elastic Compute Cloud - Compute", "Amazon Relational Database Service", "AWS Lambda"];

/// Families with their successors, and the price reduction in percent.
const EC2: [(&str, &str, f64); 27] = [
    ("t2", "t4g", 27.6),
    ("t3", "t4g", 19.2),
    ("t3a", "t4g", 10.6),
    ("m4", "m7g", 18.4),
    ("m5", "m7g", 15.0),
    ("m5a", "m7g", 5.1),
    ("m6i", "m7g", 15.0),
    ("m6a", "m7g", 5.6),
    ("m7i", "m7g", 19.0),
    ("m7a", "m7g", 29.6),
    ("c4", "c7g", 27.1),
    ("c5", "c7g", 14.7),
    ("c5a", "c7g", 5.8),
    ("c6i", "c7g", 14.7),
    ("c6a", "c7g", 5.2),
    ("c7i", "c7g", 18.8),
    ("c7a", "c7g", 29.3),
    ("r4", "r7g", 19.5),
    ("r5", "r7g", 15.0),
    ("r5a", "r7g", 5.2),
    ("r6i", "r7g", 15.0),
    ("r6a", "r7g", 5.6),
    ("r7i", "r7g", 19.0),
    ("r7a", "r7g", 29.6),
    ("m8i", "m8g", 15.2),
    ("r8i", "r8g", 15.2),
    ("c8i", "c8g", 14.9),
];
const RDS: [(&str, &str, f64); 3] =
    [("db.t3", "db.t4g", 4.0), ("db.m5", "db.m6g", 11.0), ("db.r5", "db.r6g", 10.0)];
const LAMBDA_PERCENT: f64 = 20.0;

/// Operations of EC2 without a licence that is unavailable for Graviton: Linux, Red Hat, SUSE,
/// Ubuntu Pro and Red Hat with high availability.
const LINUX: [&str; 5] = [
    "RunInstances",
    "RunInstances:0010",
    "RunInstances:000g",
    "RunInstances:0g00",
    "RunInstances:1010",
];
/// Operations of RDS with an open-source engine: `MySQL`, `PostgreSQL`, Aurora of both, and `MariaDB`.
const OPEN_SOURCE: [&str; 5] = [
    "CreateDBInstance:0002",
    "CreateDBInstance:0014",
    "CreateDBInstance:0016",
    "CreateDBInstance:0018",
    "CreateDBInstance:0021",
];

/// Machines of one type, or functions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Machine {
    /// An instance type, such as `m5.xlarge`.
    Instance(String),
    /// A class of databases, such as `db.m5.large`.
    Database(String),
    Function,
}

impl Machine {
    /// The machines of a usage type, and their price reduction in percent. Usage types begin with a
    /// code of their region, such as `APN2-`, except those of us-east-1.
    fn of(usage_type: &str, operation: &str) -> Option<(Self, f64)> {
        let (usage, machine) = match usage_type.split_once(':') {
            Some((usage, machine)) => (usage, Some(machine)),
            None => (usage_type, None),
        };
        let is = |kind: &str| {
            let code = usage.strip_suffix(kind);
            code.is_some_and(|code| code.is_empty() || code.ends_with('-'))
        };
        match machine {
            None if is("Lambda-GB-Second") => Some((Self::Function, LAMBDA_PERCENT)),
            Some(machine) if is("BoxUsage") && LINUX.contains(&operation) => {
                let (_, percent) = successor(&EC2, machine)?;
                Some((Self::Instance(machine.to_owned()), percent))
            }
            Some(machine)
                if (is("InstanceUsage") || is("Multi-AZUsage"))
                    && OPEN_SOURCE.contains(&operation) =>
            {
                let (_, percent) = successor(&RDS, machine)?;
                Some((Self::Database(machine.to_owned()), percent))
            }
            _ => None,
        }
    }

    /// Such as `m5.xlarge -> m7g.xlarge`.
    pub(crate) fn id(&self) -> String {
        let id = |table: &[_], machine: &str| {
            let successor = successor(table, machine).map(|(successor, _)| successor);
            format!("{machine} -> {}", successor.unwrap_or_default())
        };
        match self {
            Self::Instance(machine) => id(&EC2, machine),
            Self::Database(machine) => id(&RDS, machine),
            Self::Function => "Lambda x86_64 -> arm64".to_owned(),
        }
    }
}

/// The successor of a machine, and the price reduction in percent. `None` for a family without a
/// successor.
fn successor(table: &[(&str, &str, f64)], machine: &str) -> Option<(String, f64)> {
    let (family, size) = machine.rsplit_once('.').filter(|(_, size)| !size.is_empty())?;
    let (_, successor, percent) = table.iter().find(|(from, ..)| *from == family)?;
    Some((format!("{successor}.{size}"), *percent))
}

/// The costs of machines, and the saving.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) usd: f64,
    pub(crate) saving: f64,
}

/// Sums the costs of each machine from amounts by usage type and operation.
pub(crate) fn costs<'a>(
    amounts: impl IntoIterator<Item = (&'a [String], f64)>,
) -> BTreeMap<Machine, Cost> {
    let mut costs: BTreeMap<Machine, Cost> = BTreeMap::new();
    for (keys, usd) in amounts {
        let [usage_type, operation] = keys else { continue };
        if let Some((machine, percent)) = Machine::of(usage_type, operation) {
            let cost = costs.entry(machine).or_default();
            cost.usd += usd;
            cost.saving += usd * percent / 100.0;
        }
    }
    costs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_systems_on_known_families_could_be_graviton() {
        for (usage_type, operation, expected) in [
            ("BoxUsage:m5.xlarge", "RunInstances", Some(("m5.xlarge -> m7g.xlarge", 15.0))),
            (
                "APN2-BoxUsage:t3a.micro",
                "RunInstances:0g00",
                Some(("t3a.micro -> t4g.micro", 10.6)),
            ),
            (
                "EU-BoxUsage:c8i.24xlarge",
                "RunInstances:1010",
                Some(("c8i.24xlarge -> c8g.24xlarge", 14.9)),
            ),
            ("BoxUsage:m5.metal", "RunInstances:000g", Some(("m5.metal -> m7g.metal", 15.0))),
            ("BoxUsage:r4.large", "RunInstances:0010", Some(("r4.large -> r7g.large", 19.5))),
            ("BoxUsage:m5.xlarge", "RunInstances:0002", None),
            ("BoxUsage:m5.xlarge", "RunInstances:0004", None),
            // The same price reduction applies to all sizes, also to one that m7g does not have.
            ("BoxUsage:m5.24xlarge", "RunInstances", Some(("m5.24xlarge -> m7g.24xlarge", 15.0))),
            // Dedicated hosts, other families, already Graviton.
            ("HostBoxUsage:m5.xlarge", "RunInstances", None),
            ("BoxUsage:m5d.xlarge", "RunInstances", None),
            ("BoxUsage:m7g.xlarge", "RunInstances", None),
            ("BoxUsage:.xlarge", "RunInstances", None),
            ("BoxUsage:m5.", "RunInstances", None),
            ("BoxUsage", "RunInstances", None),
            ("SpotUsage:m5.xlarge", "RunInstances", None),
            (
                "InstanceUsage:db.m5.large",
                "CreateDBInstance:0014",
                Some(("db.m5.large -> db.m6g.large", 11.0)),
            ),
            (
                "APN2-Multi-AZUsage:db.t3.micro",
                "CreateDBInstance:0002",
                Some(("db.t3.micro -> db.t4g.micro", 4.0)),
            ),
            ("InstanceUsage:db.r5.large", "CreateDBInstance:0005", None),
            ("Lambda-GB-Second", "Invoke", Some(("Lambda x86_64 -> arm64", 20.0))),
            ("EUC1-Lambda-GB-Second", "Invoke", Some(("Lambda x86_64 -> arm64", 20.0))),
            ("Lambda-GB-Second-ARM", "Invoke", None),
            ("Lambda-Provisioned-GB-Second", "Invoke", None),
        ] {
            let found =
                Machine::of(usage_type, operation).map(|(machine, share)| (machine.id(), share));
            let expected = expected.map(|(id, share)| (id.to_owned(), share));
            assert_eq!(found, expected, "{usage_type} {operation}");
        }
    }

    #[test]
    fn usage_of_the_same_machine_is_one_cost() {
        let keys = |usage: &str, operation: &str| [usage.to_owned(), operation.to_owned()];
        let all = [
            (keys("BoxUsage:m5.xlarge", "RunInstances"), 60.0),
            (keys("BoxUsage:m5.xlarge", "RunInstances:0010"), 40.0),
            (keys("InstanceUsage:db.m5.large", "CreateDBInstance:0014"), 10.0),
            (keys("Multi-AZUsage:db.m5.large", "CreateDBInstance:0002"), 20.0),
            (keys("APN2-BoxUsage:m5.xlarge", "RunInstances"), 80.0),
            (keys("EBS:VolumeUsage.gp2", "CreateVolume-Gp2"), 99.0),
        ];
        let costs = costs(all.iter().map(|(keys, usd)| (&keys[..], *usd)));
        let expected = [
            (Machine::Instance("m5.xlarge".to_owned()), Cost { usd: 180.0, saving: 27.0 }),
            (Machine::Database("db.m5.large".to_owned()), Cost { usd: 30.0, saving: 3.3 }),
        ];
        let rounded = costs.into_iter().map(|(machine, cost)| {
            (machine, Cost { saving: (cost.saving * 1e6).round() / 1e6, ..cost })
        });
        assert_eq!(rounded.collect::<Vec<_>>(), expected);
    }
}
