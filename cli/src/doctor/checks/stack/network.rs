//! Functions in private subnets: the services that they call must have an endpoint, or the subnets
//! a route to the internet.

use crate::doctor::finding::Findings;
use crate::doctor::stack::facts::StackFacts;

/// The services that functions of the suite call from a VPC, and for what.
const SERVICES: [(&str, &str); 3] = [
    ("sqs", "the quarantine and the dead-letter queue"),
    ("secretsmanager", "the password of OpenSearch, with OPENSEARCH_SECRET_ARN"),
    ("s3", "objects and their backup"),
];

pub(super) fn check(facts: &StackFacts, findings: &mut Findings) {
    let Some(network) = &facts.network else { return };
    if network.isolated.is_empty() {
        return;
    }
    let arns = facts.functions.iter().map(|it| &it.function.arn);
    let region = arns.into_iter().find_map(|arn| arn.split(':').nth(3)).unwrap_or("REGION");
    for (service, what) in SERVICES {
        if network.endpoints.contains(service) {
            continue;
        }
        let problem = format!(
            "The functions in {} cannot reach {service}, for {what}: the VPC has neither an endpoint \
             for it nor a route to a NAT gateway.",
            network.isolated.join(", ")
        );
        let kind = match service {
            "s3" => "Gateway --route-table-ids ROUTE-TABLE",
            _ => "Interface --subnet-ids SUBNET --security-group-ids GROUP",
        };
        let remedy = format!(
            "aws ec2 create-vpc-endpoint --vpc-id {} --service-name com.amazonaws.{region}.{service} \
             --vpc-endpoint-type {kind}",
            network.vpc
        );
        if network.called.contains(service) {
            findings.error("vpc_endpoint", &network.vpc, problem, remedy);
        } else {
            findings.warning("vpc_endpoint", &network.vpc, problem, remedy);
        }
    }
}
