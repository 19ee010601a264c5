//! Load balancers without targets or traffic. A public one always receives the requests of scanners:
//! targets are better evidence than traffic.

use jiff::Timestamp;
use shared::aws::query::Element;
use shared::cost::Price;

use super::nat_gateway::no_traffic;
use super::{Bound, Idle, Scope, time};

/// A load balancer.
#[derive(Clone, Debug)]
pub(crate) struct LoadBalancer {
    /// The ARN.
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    created: Option<Timestamp>,
    kind: LoadBalancerType,
}

/// The type of a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoadBalancerType {
    Application,
    Network,
    Gateway,
}

/// A target group.
#[derive(Clone, Debug)]
pub(crate) struct TargetGroup {
    /// It may be missing in an invalid answer, which then affects only its load balancers.
    pub(crate) arn: Option<String>,
    pub(crate) load_balancers: Vec<String>,
}

impl TargetGroup {
    /// Reads an item of `DescribeTargetGroups`.
    pub(crate) fn read(element: &Element) -> Option<Self> {
        let load_balancers = element.list("LoadBalancerArns").iter();
        let load_balancers: Vec<_> = load_balancers.map(|arn| arn.value().to_owned()).collect();
        let arn = element.text("TargetGroupArn").map(str::to_owned);
        (arn.is_some() || !load_balancers.is_empty()).then_some(Self { arn, load_balancers })
    }
}

impl LoadBalancer {
    /// Reads an item of `DescribeLoadBalancers`.
    pub(crate) fn read(element: &Element) -> Option<Self> {
        Some(Self {
            id: element.text("LoadBalancerArn")?.to_owned(),
            name: element.text("LoadBalancerName").map(str::to_owned),
            created: time(element.text("CreatedTime")),
            kind: match element.text("Type")? {
                "application" => LoadBalancerType::Application,
                "network" => LoadBalancerType::Network,
                "gateway" => LoadBalancerType::Gateway,
                _ => return None,
            },
        })
    }

    /// Whether it is idle if no target is registered in its target groups.
    pub(crate) fn may_lack_targets(&self, scope: &Scope<'_>) -> bool {
        scope.is_older(self.created, scope.rules.min_age_days)
    }

    /// Whether it is idle if it had no traffic.
    pub(crate) fn may_lack_traffic(&self, scope: &Scope<'_>) -> bool {
        scope.is_older(self.created, scope.rules.idle_days)
    }

    /// The namespace and name of the metric of its traffic (source: Elastic Load Balancing user
    /// guides, "CloudWatch metrics").
    pub(crate) const fn metric(&self) -> (&'static str, &'static str) {
        match self.kind {
            LoadBalancerType::Application => ("AWS/ApplicationELB", "RequestCount"),
            LoadBalancerType::Network => ("AWS/NetworkELB", "NewFlowCount"),
            LoadBalancerType::Gateway => ("AWS/GatewayELB", "NewFlowCount"),
        }
    }

    /// The value of its dimension: `app/NAME/ID`.
    pub(crate) fn dimension(&self) -> &str {
        self.id.split_once(":loadbalancer/").map_or(&*self.id, |(_, name)| name)
    }

    /// `traffic`: the sums that CloudWatch returned, `None` if they are unknown or do not matter.
    pub(crate) fn idle(
        &self,
        scope: &Scope<'_>,
        lacks_targets: bool,
        traffic: Option<&[f64]>,
    ) -> Option<Idle> {
        let has_no_traffic = traffic.is_some_and(|sums| sums.iter().all(|sum| *sum <= 0.0));
        let why = if lacks_targets && self.may_lack_targets(scope) {
            "no target is registered".to_owned()
        } else if has_no_traffic && self.may_lack_traffic(scope) {
            no_traffic(scope)
        } else {
            return None;
        };
        let price = match self.kind {
            LoadBalancerType::Application => Price::ApplicationHour,
            LoadBalancerType::Network => Price::NetworkHour,
            LoadBalancerType::Gateway => Price::GatewayHour,
        };
        Some(Idle { usd: scope.hourly(price), bound: Bound::Exactly, why, since: None })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{rules, scope};
    use super::*;

    const ARN: &str =
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188";

    fn created(kind: LoadBalancerType, days: i8) -> LoadBalancer {
        let created = time(Some(&format!("2026-11-{:02}T00:00:00Z", 28 - days)));
        LoadBalancer { id: ARN.to_owned(), name: None, created, kind }
    }

    #[test]
    fn is_idle_without_targets_after_a_week_or_without_traffic_after_two() {
        let rules = rules();
        let why = |days, lacks_targets, traffic: Option<&[f64]>| {
            let balancer = created(LoadBalancerType::Application, days);
            balancer.idle(&scope(&rules), lacks_targets, traffic).map(|idle| idle.why)
        };
        let target = Some("no target is registered".to_owned());
        let traffic = Some("no traffic in 14 days".to_owned());
        assert_eq!(why(7, true, None), target);
        assert_eq!(why(14, true, Some(&[])), target);
        assert_eq!(why(6, true, None), None);
        assert_eq!(why(14, false, Some(&[])), traffic);
        assert_eq!(why(14, false, Some(&[0.0])), traffic);
        assert_eq!(why(14, false, Some(&[0.0, 3.0])), None);
        assert_eq!(why(13, false, Some(&[])), None);
        assert_eq!(why(14, false, None), None);
    }

    #[test]
    fn each_type_has_its_price_and_metric() {
        let rules = rules();
        for (kind, usd, metric) in [
            (LoadBalancerType::Application, "16.4250", ("AWS/ApplicationELB", "RequestCount")),
            (LoadBalancerType::Network, "16.4250", ("AWS/NetworkELB", "NewFlowCount")),
            (LoadBalancerType::Gateway, "9.1250", ("AWS/GatewayELB", "NewFlowCount")),
        ] {
            let balancer = created(kind, 14);
            let idle = balancer.idle(&scope(&rules), true, None).unwrap();
            assert_eq!((format!("{:.4}", idle.usd), balancer.metric()), (usd.to_owned(), metric));
        }
        let balancer = created(LoadBalancerType::Application, 14);
        assert_eq!(balancer.dimension(), "app/web/50dc6c495c0c9188");
    }
}
