//! NAT gateways and load balancers.

use std::collections::BTreeMap;

use shared::aws::CallFailure;
use shared::aws::query::{ELASTIC_LOAD_BALANCING_V2, Element, Parameters};

use super::Scan;
use crate::found::{Resource, worth};
use crate::kind::Kind;
use crate::region::{each_alone, invalid, is_gone};
use crate::rules::load_balancer::{LoadBalancer, TargetGroup};
use crate::rules::nat_gateway::NatGateway;
use crate::rules::{Idle, Tags};
use crate::traffic::{Query, Window, read};

/// Maximum load balancers whose tags are in an answer (source: Elastic Load Balancing API reference,
/// `DescribeTags`).
const MAX_TAGGED: usize = 20;
/// Maximum page size (source: Elastic Load Balancing API reference, `DescribeLoadBalancers`).
const PAGE: &str = "400";

impl Scan<'_> {
    pub(super) fn window(&self) -> Window {
        Window::new(self.scope.now, self.scope.rules.idle_days)
    }

    pub(super) async fn scan_nat_gateways(&mut self) {
        let kind = Kind::NatGateway;
        if !self.wants(&[kind]) {
            return;
        }
        let parameters = Parameters::new().with("MaxResults", "1000");
        let path = ["natGatewaySet"];
        let list = self.region.ec2(
            "DescribeNatGateways",
            parameters,
            &path,
            "natGatewayId",
            NatGateway::read,
        );
        let list = list.await;
        let candidates = list.items.iter().filter(|nat| nat.is_candidate(&self.scope));
        let candidates: Vec<_> = candidates.collect();
        let query = |nat: &NatGateway, metric| Query {
            namespace: "AWS/NATGateway",
            metric,
            statistic: "Sum",
            dimension: "NatGatewayId",
            resource: nat.id.clone(),
        };
        let both = |nat: &&NatGateway| {
            ["BytesOutToDestination", "BytesOutToSource"].map(|metric| query(nat, metric))
        };
        let queries: Vec<_> = candidates.iter().flat_map(both).collect();
        let values = read(self.region, &queries, self.window()).await;
        self.settle(kind, &list);
        for (nat, values) in candidates.into_iter().zip(values.chunks(2)) {
            let bytes = values.iter().cloned().collect::<Result<Vec<_>, _>>();
            match bytes {
                Ok(bytes) => {
                    let NatGateway { id, tags, .. } = nat;
                    let idle = nat.idle(&self.scope, &bytes.concat());
                    let resource = Resource { kind, id, own_name: None, tags };
                    self.found.add(&self.scope, resource, idle);
                }
                Err(failure) => self.unread(kind, Some(&failure)),
            }
        }
    }

    pub(super) async fn scan_load_balancers(&mut self) {
        let kind = Kind::LoadBalancer;
        if !self.wants(&[kind]) {
            return;
        }
        let parameters = Parameters::new().with("PageSize", PAGE);
        let path = ["LoadBalancers"];
        let (action, id) = ("DescribeLoadBalancers", "LoadBalancerArn");
        let list = self.region.balancing(action, parameters.clone(), &path, id, LoadBalancer::read);
        let list = list.await;
        self.settle(kind, &list);
        if list.items.is_empty() {
            return;
        }
        let path = ["TargetGroups"];
        let (action, id) = ("DescribeTargetGroups", "TargetGroupArn");
        let groups = self.region.balancing(action, parameters, &path, id, TargetGroup::read).await;
        self.unread(kind, groups.failure.as_ref());
        let mut by_balancer: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
        // An unknown group may have targets.
        for group in groups.items.iter().filter(|_| groups.failure.is_none()) {
            for balancer in &group.load_balancers {
                by_balancer.entry(balancer).or_default().push(group.arn.as_deref());
            }
        }
        let mut idle: Vec<(&LoadBalancer, Idle)> = Vec::new();
        let mut with_traffic = Vec::new();
        for balancer in &list.items {
            let groups = by_balancer.get(&*balancer.id).map_or(&[][..], Vec::as_slice);
            let lacks_targets = balancer.may_lack_targets(&self.scope)
                && !groups.is_empty()
                && self.lack_targets(groups).await;
            match worth(&self.scope, balancer.idle(&self.scope, lacks_targets, None)) {
                Some(found) => idle.push((balancer, found)),
                None if balancer.may_lack_traffic(&self.scope) && !lacks_targets => {
                    with_traffic.push(balancer);
                }
                None => {}
            }
        }
        idle.extend(self.without_traffic(&with_traffic).await);
        let mut chunks: Vec<_> = idle.chunks(MAX_TAGGED).rev().collect();
        while let Some(chunk) = chunks.pop() {
            match self.tags(chunk).await {
                Ok(mut tags) => {
                    for (balancer, idle) in chunk {
                        let LoadBalancer { id, name, .. } = balancer;
                        // One without tags is in the answer too.
                        let Some(tags) = &tags.remove(id) else {
                            let missing = invalid("the tags of a load balancer are missing");
                            self.unread(kind, Some(&missing));
                            continue;
                        };
                        let resource = Resource { kind, id, own_name: name.as_deref(), tags };
                        self.found.add(&self.scope, resource, Some(idle.clone()));
                    }
                }
                // One was deleted after it was listed.
                Err(failure) if is_gone(&failure) => chunks.extend(each_alone(chunk)),
                Err(failure) => self.unread(kind, Some(&failure)),
            }
        }
    }

    /// Whether none of these groups has a registered target. A group that cannot be read may have
    /// some.
    async fn lack_targets(&mut self, groups: &[Option<&str>]) -> bool {
        for group in groups {
            match self.has_targets(*group).await {
                Ok(false) => {}
                Ok(true) => return false,
                // Deleted after it was listed: the traffic decides.
                Err(failure) if is_gone(&failure) => return false,
                Err(failure) => {
                    self.unread(Kind::LoadBalancer, Some(&failure));
                    return false;
                }
            }
        }
        true
    }

    async fn has_targets(&self, group: Option<&str>) -> Result<bool, CallFailure> {
        let group = group.ok_or_else(|| invalid("a target group has no ARN"))?;
        let parameters = Parameters::new().with("TargetGroupArn", group);
        let (service, action) = (ELASTIC_LOAD_BALANCING_V2, "DescribeTargetHealth");
        let answer = self.region.call(service, action, parameters).await?;
        let (targets, is_list) = answer.items(&["TargetHealthDescriptions"]);
        if is_list { Ok(!targets.is_empty()) } else { Err(invalid("the answer has no list")) }
    }

    /// The load balancers without traffic.
    async fn without_traffic<'b>(
        &mut self,
        balancers: &[&'b LoadBalancer],
    ) -> Vec<(&'b LoadBalancer, Idle)> {
        let query = |balancer: &&LoadBalancer| {
            let (namespace, metric) = balancer.metric();
            let (statistic, dimension) = ("Sum", "LoadBalancer");
            let resource = balancer.dimension().to_owned();
            Query { namespace, metric, statistic, dimension, resource }
        };
        let queries: Vec<_> = balancers.iter().map(query).collect();
        let values = read(self.region, &queries, self.window()).await;
        let mut idle = Vec::new();
        for (balancer, values) in balancers.iter().zip(values) {
            match values {
                Ok(sums) => {
                    let found = balancer.idle(&self.scope, false, Some(&sums));
                    idle.extend(worth(&self.scope, found).map(|found| (*balancer, found)));
                }
                Err(failure) => self.unread(Kind::LoadBalancer, Some(&failure)),
            }
        }
        idle
    }

    /// The tags of load balancers, by ARN.
    async fn tags(
        &self,
        balancers: &[(&LoadBalancer, Idle)],
    ) -> Result<BTreeMap<String, Tags>, CallFailure> {
        let arns = balancers.iter().map(|(balancer, _)| &*balancer.id);
        let parameters = Parameters::new().list("ResourceArns.member", arns);
        let service = ELASTIC_LOAD_BALANCING_V2;
        let answer = self.region.call(service, "DescribeTags", parameters).await?;
        let tagged = answer.list("TagDescriptions").iter();
        let tags = |element: &Element| {
            Some((element.text("ResourceArn")?.to_owned(), element.tags("Tags")))
        };
        Ok(tagged.filter_map(tags).collect())
    }
}
