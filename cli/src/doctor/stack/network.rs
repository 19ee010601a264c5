//! Reads the subnets of functions that are in a VPC, and the VPC's endpoints.
//!
//! Source: Amazon EC2 API reference, `DescribeRouteTables` and `DescribeVpcEndpoints`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Reader;
use super::facts::{Deployed, Network};
use super::query::{EC2, items, text};

/// The targets of a default route that lead out of the VPC. An internet gateway does not count,
/// because functions have no public address.
const EXITS: [&str; 4] = ["natGatewayId", "transitGatewayId", "instanceId", "networkInterfaceId"];

/// Services, and the variables of functions that call them.
const CALLED: [(&str, &[&str]); 3] = [
    ("sqs", &["QUARANTINE_QUEUE_URL", "CONTINUE_QUEUE_URL", "DLQ_URL"]),
    ("secretsmanager", &["OPENSEARCH_SECRET_ARN"]),
    ("s3", &["FAILURES_BUCKET", "LARGE_PAYLOADS"]),
];

pub(super) async fn read(reader: &Reader<'_>, functions: &[Deployed]) -> Option<Network> {
    let inside: Vec<_> = functions.iter().filter(|it| it.function.vpc.is_some()).collect();
    let (vpc, subnets) = inside.first()?.function.vpc.clone()?;
    let of_vpc = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", &*vpc)];
    let tables = reader.caller.call(EC2, "DescribeRouteTables", &of_vpc).await;
    let tables = reader.noted("route tables", &vpc, tables)?;
    let endpoints = reader.caller.call(EC2, "DescribeVpcEndpoints", &of_vpc).await;
    let endpoints = reader.noted("VPC endpoints", &vpc, endpoints)?;
    let endpoints = items(&endpoints["vpcEndpointSet"])
        .iter()
        .filter(|endpoint| text(endpoint, "state").eq_ignore_ascii_case("available"));
    // com.amazonaws.{region}.{service}
    let service =
        |endpoint: &Value| text(endpoint, "serviceName").split('.').nth(3).map(str::to_owned);
    let calls = |variables: &[&str]| {
        inside.iter().any(|it| variables.iter().any(|name| it.variable(name).is_some()))
    };
    Some(Network {
        isolated: subnets
            .into_iter()
            .filter(|subnet| !has_exit(items(&tables["routeTableSet"]), subnet))
            .collect(),
        endpoints: endpoints.filter_map(service).collect(),
        called: CALLED
            .iter()
            .filter(|(_, variables)| calls(variables))
            .map(|(service, _)| *service)
            .collect::<BTreeSet<_>>(),
        vpc,
    })
}

/// Whether the route table of a subnet, or else the main one, has such a default route.
fn has_exit(tables: &[Value], subnet: &str) -> bool {
    let associated = |name: &'static str, value: &str| {
        let value = value.to_owned();
        tables.iter().find(move |table| {
            items(&table["associationSet"]).iter().any(|association| association[name] == value)
        })
    };
    let table = associated("subnetId", subnet).or_else(|| associated("main", "true"));
    let routes = table.map(|table| items(&table["routeSet"])).unwrap_or_default();
    routes.iter().any(|route| {
        route["destinationCidrBlock"] == "0.0.0.0/0"
            && route["state"] == "active"
            && EXITS.iter().any(|exit| !text(route, exit).is_empty())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::has_exit;

    #[test]
    fn a_subnet_has_its_own_table_or_the_main_one() {
        let table = |association, exit: &str, state: &str| {
            json!({"associationSet": [association], "routeSet": [
                {"destinationCidrBlock": "10.0.0.0/16", "gatewayId": "local", "state": "active"},
                {"destinationCidrBlock": "0.0.0.0/0", exit: "x", "state": state},
            ]})
        };
        let main = table(json!({"main": "true"}), "natGatewayId", "active");
        let public = table(json!({"subnetId": "a", "main": "false"}), "gatewayId", "active");
        let broken = table(json!({"subnetId": "b", "main": "false"}), "natGatewayId", "blackhole");
        let tables = [main, public, broken];
        for (subnet, expected) in [("a", false), ("b", false), ("c", true)] {
            assert_eq!(has_exit(&tables, subnet), expected, "{subnet}");
        }
        assert!(!has_exit(&[], "a"));
    }
}
